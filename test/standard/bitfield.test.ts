import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { Bitfield } from '../../src/standard/bitfield.ts';

describe('Bitfield', () => {
  test('counts what is set and cleared, once each', () => {
    const field = new Bitfield(11);
    expect([field.set(0), field.set(10), field.set(10)]).toEqual([true, true, false]);
    expect([field.count, field.has(10), field.has(9)]).toEqual([2, true, false]);
    expect([...field.bytes]).toEqual([0x80, 0x20]);
    expect([...field.indices()]).toEqual([0, 10]);
    expect([field.clear(0), field.clear(0), field.count]).toEqual([true, false, 1]);
  });

  test('is full when all bits are', () => {
    expect(Bitfield.full(9).isFull).toBe(true);
    expect(new Bitfield(9, Uint8Array.of(0xff, 0x80)).isFull).toBe(true);
  });

  test.each([
    [9, [0xff]],
    [9, [0xff, 0xff, 0xff]],
    [9, [0xff, 0xc0]],
    [8, []],
  ])('of %d pieces refuses the bytes %j', (length, bytes) => {
    expect(() => new Bitfield(length, Uint8Array.from(bytes))).toThrow(ProtocolError);
  });
});

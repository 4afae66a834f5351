import { describe, expect, test } from 'bun:test';
import { formatBytes } from '../../src/lib/format-bytes.ts';

describe('formatBytes()', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [10 * 1024 - 1, '10.0 KiB'],
    [10 * 1024, '10.0 KiB'],
    [100 * 1024 - 1, '100 KiB'],
    [100 * 1024, '100 KiB'],
    [2 ** 20, '1.00 MiB'],
    [1.5 * 2 ** 30, '1.50 GiB'],
    [2 ** 40, '1.00 TiB'],
    [2 ** 60, '1024 PiB'],
  ])('%p bytes are %p', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('never says 1024 of a unit when there is a larger one', () => {
    for (let exponent = 1; exponent <= 5; exponent += 1) {
      expect(formatBytes(1024 ** exponent - 1)).not.toStartWith('1024');
    }
  });
});

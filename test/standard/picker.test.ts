import { describe, expect, test } from 'bun:test';
import { Picker } from '../../src/standard/picker.ts';
import { random } from '../bencode/random.ts';

const anything = () => true;

describe('Picker', () => {
  test('pick() gives the rarest that the peer has', () => {
    const picker = new Picker(4, () => 0);
    for (let piece = 0; piece < 4; piece += 1) picker.want(piece);
    for (const piece of [0, 0, 0, 1, 1, 2, 2, 3]) picker.seen(piece);
    expect(picker.pick(anything)).toBe(3);
    expect(picker.pick((piece) => piece < 2)).toBe(1);
    picker.unwant(3);
    expect([1, 2]).toContain(picker.pick(anything) as number);
    picker.gone(0);
    picker.gone(0);
    expect(picker.pick(anything)).toBe(0);
    expect(picker.pick(() => false)).toBeUndefined();
  });

  test('of pieces that are equally rare one is picked by lot', () => {
    const source = random(3);
    const picked = new Set<number>();
    for (let i = 0; i < 200; i += 1) {
      const picker = new Picker(8, () => source.int(1000) / 1000);
      for (let piece = 0; piece < 8; piece += 1) picker.want(piece);
      picked.add(picker.pick(anything) as number);
    }
    expect(picked.size).toBe(8);
  });

  test('whatever comes and goes, it agrees with a plain list', () => {
    const source = random(11);
    const count = 40;
    const picker = new Picker(count, () => source.int(997) / 997);
    const wanted = new Set<number>();
    const rarity = new Array<number>(count).fill(0);
    for (let step = 0; step < 20_000; step += 1) {
      const piece = source.int(count);
      switch (source.int(4)) {
        case 0:
          picker.want(piece);
          wanted.add(piece);
          break;
        case 1:
          picker.unwant(piece);
          wanted.delete(piece);
          break;
        case 2:
          picker.seen(piece);
          rarity[piece] = (rarity[piece] as number) + 1;
          break;
        default:
          picker.gone(piece);
          rarity[piece] = Math.max(0, (rarity[piece] as number) - 1);
      }
      const among = new Set(Array.from({ length: 12 }, () => source.int(count)));
      const offered = [...wanted].filter((p) => among.has(p));
      const rarest = Math.min(...offered.map((p) => rarity[p] as number));
      const got = picker.pick((p) => among.has(p));
      if (offered.length === 0) expect(got).toBeUndefined();
      else expect(rarity[got as number]).toBe(rarest);
      expect(got === undefined || wanted.has(got)).toBe(true);
      expect(picker.wanted).toBe(wanted.size);
    }
  });
});

import { describe, expect, test } from 'bun:test';
import { openNumbersIn } from '../../src/swarm/number-ranges.ts';

describe('openNumbersIn()', () => {
  test('gives what is open and named, whether few or many are open', () => {
    for (const open of [[5], [0, 5, 6, 9, 2047, 2048, 5000]]) {
      const set = new Set(open);
      const named = [
        { first: 6, count: 1 },
        { first: 1, count: 5 },
        { first: 9, count: 2_039 },
      ];
      const expected = open.filter((n) => n === 6 || (n >= 1 && n <= 5) || (n >= 9 && n <= 2047));
      expect(openNumbersIn(named, set).sort((a, b) => a - b)).toEqual(expected);
      expect(openNumbersIn([], set)).toEqual([]);
    }
  });

  test('does not walk through numbers that nobody has open', () => {
    let looks = 0;
    const open = new Set([7]);
    open.has = (n) => {
      looks += 1;
      return n === 7;
    };
    expect(openNumbersIn([{ first: 0, count: 2 ** 31 - 1 }], open)).toEqual([7]);
    expect(looks).toBe(0);
  });
});

import { describe, expect, test } from 'bun:test';
import { Claim } from '../../src/swarm/claim.ts';
import { seeded } from '../wire/samples.ts';

describe('Claim', () => {
  test('has the pieces of its ranges and no others, in whatever order they were said', () => {
    const claim = new Claim(
      [
        { first: 10, count: 3 },
        { first: 0, count: 1 },
        { first: 11, count: 4 },
      ],
      5,
    );
    expect([...claim.pieces()]).toEqual([0, 10, 11, 12, 13, 14]);
    expect(claim.dueMs).toBe(5);
  });

  test('leaves out what no file has', () => {
    const claim = new Claim(
      [
        { first: 2_047, count: 3 },
        { first: 2 ** 31 - 1, count: 1 },
      ],
      0,
    );
    expect([...claim.pieces()]).toEqual([2_047]);
    expect(claim.has(2_048)).toBe(false);
    expect(claim.has(2 ** 31 - 1)).toBe(false);
    expect([...new Claim([], 0).pieces()]).toEqual([]);
  });

  test('agrees with the ranges for any of them', () => {
    const draw = seeded(5);
    for (let round = 0; round < 200; round += 1) {
      const ranges = Array.from({ length: draw(20) }, () => ({ first: draw(2_100), count: 1 + draw(60) }));
      const claim = new Claim(ranges, 0);
      for (let piece = 0; piece < 2_048; piece += 1) {
        const said = ranges.some(({ first, count }) => piece >= first && piece < first + count);
        if (claim.has(piece) !== said) throw new Error(`piece ${piece} of ${JSON.stringify(ranges)}`);
      }
    }
  });
});

import { describe, expect, test } from 'bun:test';
import { isMetered, meteredIn } from '../../src/limits/metered.ts';

describe('meteredIn()', () => {
  test.each<[string, boolean | undefined]>([
    ['u 0\n', undefined],
    ['u 1\n', true],
    ['u 2\n', false],
    ['u 3\n', true],
    ['u 4\n', false],
    ['', undefined],
    ['s "1"', undefined],
  ])('%j', (answer, expected) => expect(meteredIn(answer)).toBe(expected as boolean));
});

describe('isMetered()', () => {
  test('nobody knows where the program is not there, or has nothing to say', async () => {
    expect(await isMetered(['/nowhere/busctl'])).toBeUndefined();
    expect(await isMetered(['false'])).toBeUndefined();
  });

  test('is what the program says', async () => {
    expect(await isMetered(['echo', 'u 1'])).toBe(true);
  });
});

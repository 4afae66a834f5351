import { describe, expect, test } from 'bun:test';
import { type Amount, amountBytes, formatAmount, parseAmount } from '../../src/lib/amount.ts';

describe('parseAmount()', () => {
  test.each<[string, Amount | undefined]>([
    ['10 GiB', { bytes: 10 * 2 ** 30 }],
    ['20%', { percent: 20 }],
    [' 0.5 % ', { percent: 0.5 }],
    ['0', { bytes: 0 }],
    ['101%', undefined],
    ['%', undefined],
    ['much', undefined],
  ])('%s', (text, amount) => expect(parseAmount(text)).toEqual(amount));
});

test.each<Amount>([{ bytes: 10 * 2 ** 30 }, { bytes: 1_234_567_891 }, { percent: 12.5 }])(
  'formatAmount(%p) is parsed to the same',
  (amount) => expect(parseAmount(formatAmount(amount))).toEqual(amount),
);

test('amountBytes() of a share goes by the disk, of a size not', () => {
  expect(amountBytes({ percent: 20 }, 1_000)).toBe(200);
  expect(amountBytes({ bytes: 7 }, 1_000)).toBe(7);
});

import { describe, expect, test } from 'bun:test';
import { parseSize } from '../../src/lib/parse-size.ts';

describe('parseSize()', () => {
  test.each([
    ['0', 0],
    ['1048576', 1_048_576],
    ['512 B', 512],
    ['500MB', 500e6],
    ['1 kB', 1000],
    ['5 GiB', 5 * 2 ** 30],
    ['1.5 MiB', 1.5 * 2 ** 20],
    ['2 MiB/s', 2 * 2 ** 20],
    ['64k', 65_536],
    ['10M', 10 * 2 ** 20],
    ['2 tib', 2 * 2 ** 40],
    ['  7  ', 7],
  ])('%p is %p bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    '',
    ' ',
    '-1',
    '1e3',
    '5 GB per second',
    'GiB',
    '1,5 MiB',
    '1.',
    '.5',
    '9 PiB',
    '99999999 TiB',
    '1 MiB/m',
    '1 constructor',
  ])('%p is no size', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});

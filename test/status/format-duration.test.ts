import { expect, test } from 'bun:test';
import { formatDuration } from '../../src/status/format-duration.ts';

test.each([
  [0, '0 s'],
  [0.4, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [61, '1 min 1 s'],
  [3600, '1 h'],
  [3661, '1 h 1 min'],
  [93_784, '1 d 2 h'],
  [86_400 * 400, '400 d'],
])('formatDuration(%p) is %p', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

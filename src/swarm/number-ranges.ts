/**
 * Ranges of numbers, as `none` and `unwant` name them: 30 bytes may name 2,048 numbers, most of which nobody has open.
 * Pure.
 */
import type { NumberRange } from '../wire/archive-ext.ts';

/** Those of the open numbers that the ranges name; looks at as many as the range has, or as are open, whichever is less. */
export function openNumbersIn(
  ranges: readonly NumberRange[],
  open: ReadonlySet<number> | ReadonlyMap<number, unknown>,
): number[] {
  const numbers: number[] = [];
  for (const { first, count } of ranges) {
    if (count > open.size) {
      for (const number of open.keys()) if (number >= first && number < first + count) numbers.push(number);
    } else {
      for (let number = first; number < first + count; number += 1)
        if (open.has(number)) numbers.push(number);
    }
  }
  return numbers;
}

/** What is said of several runs of the same thing: the median, and the range it came from. */

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** "3.16 [3.05-3.27]"; "–" of nothing. */
export function medianAndRange(values: readonly number[], digits: number): string {
  if (values.length === 0) return '–';
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return `${median(values).toFixed(digits)} [${low}-${high}]`;
}

/** The median with so many digits; "–" of nothing. */
export function medianText(values: readonly number[], digits: number): string {
  return values.length === 0 ? '–' : median(values).toFixed(digits);
}

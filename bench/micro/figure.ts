/** One figure of a micro bench, and how it is taken: some runs to warm up, then the median of the others. */
import { median } from '../lib/statistics.ts';

export interface Figure {
  /** "framer: PIECEs of 16 KiB in chunks of 64 KiB" */
  readonly name: string;
  readonly value: number;
  readonly unit: 'MB/s' | 'a second' | 'ms';
}

const RUNS = 7;
const WARM_UP_RUNS = 2;

/** Milliseconds that `run` takes. */
export async function timeOf(run: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP_RUNS + RUNS; i++) {
    const started = performance.now();
    await run();
    if (i >= WARM_UP_RUNS) times.push(performance.now() - started);
  }
  return median(times);
}

/** MB/s, where `run` works through so many bytes. */
export async function throughput(name: string, bytes: number, run: () => unknown): Promise<Figure> {
  return { name, value: bytes / 1000 / (await timeOf(run)), unit: 'MB/s' };
}

/** How many a second, where `run` does so many. */
export async function frequency(name: string, count: number, run: () => unknown): Promise<Figure> {
  return { name, value: (count * 1000) / (await timeOf(run)), unit: 'a second' };
}

/** Seeded values for property tests: the same seed gives the same run (mulberry32). */
import type { BInput } from '../../src/bencode/value.ts';

export interface Random {
  /** An integer in [0, below). */
  int(below: number): number;
  /** A value at most `depth` deep; with `ascii` its keys are ASCII. */
  value(depth: number, ascii: boolean): BInput;
}

export function random(seed: number): Random {
  let state = seed;
  const int = (below: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
  const string = (length: number, ascii: boolean) =>
    Array.from({ length }, () => String.fromCharCode(ascii ? 97 + int(26) : int(256))).join('');
  const value = (depth: number, ascii: boolean): BInput => {
    switch (int(depth > 0 ? 5 : 3)) {
      case 0:
        return int(2) === 0 ? int(1000) - 500 : (int(2 ** 31) - 2 ** 30) * 4_000_000;
      case 1:
        return new Uint8Array(int(30)).map(() => int(256));
      case 2:
        return new Uint8Array(int(3));
      case 3:
        return Array.from({ length: int(5) }, () => value(depth - 1, ascii));
      default:
        return Object.fromEntries(
          Array.from({ length: int(6) }, () => [string(int(8), ascii), value(depth - 1, ascii)] as const),
        );
    }
  };
  return { int, value };
}

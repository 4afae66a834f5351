/**
 * Sizes and rates as people write them: "5 GiB", "500MB", "2 MiB/s", "1048576". Units: B, kB/MB/GB/TB (powers of
 * 1000), KiB/MiB/GiB/TiB (powers of 1024), and a bare K/M/G/T as powers of 1024. A trailing "/s" is allowed.
 */
const FACTOR: Record<string, number> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Bytes (or bytes a second), or undefined when the text isn't a size. Zero is allowed. */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*(?:\/s)?\s*$/i.exec(text);
  if (!match) return undefined;
  const factor = FACTOR[(match[2] ?? '').toLowerCase()];
  if (factor === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

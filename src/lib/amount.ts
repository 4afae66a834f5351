/** An amount of disk as people write it: a size ("10 GiB") or a share of the disk ("20%"). Pure. */
import { formatBytes } from './format-bytes.ts';
import { parseSize } from './parse-size.ts';

export type Amount = { readonly bytes: number } | { readonly percent: number };

/** Undefined when the text is neither, or a share of more than all. Zero is allowed. */
export function parseAmount(text: string): Amount | undefined {
  const share = /^\s*(\d{1,3}(?:\.\d{1,6})?)\s*%\s*$/.exec(text)?.[1];
  if (share !== undefined) return Number(share) <= 100 ? { percent: Number(share) } : undefined;
  const bytes = parseSize(text);
  return bytes === undefined ? undefined : { bytes };
}

/** So that parseAmount() gives the same again: a size that isn't round is in bytes. */
export function formatAmount(amount: Amount): string {
  if ('percent' in amount) return `${amount.percent}%`;
  const short = formatBytes(amount.bytes);
  return parseSize(short) === amount.bytes ? short : String(amount.bytes);
}

/** Of a disk of that size. */
export function amountBytes(amount: Amount, diskBytes: number): number {
  return 'percent' in amount ? Math.floor((amount.percent / 100) * diskBytes) : amount.bytes;
}

/** What every kind of partial file does alike: bounds, complete writes, dates. */
import { writeSync } from 'node:fs';

/** Writes all of `bytes` at `offset`. Throws RangeError outside [0, sizeBytes), the system's error when it can't. */
export function writeFully(fd: number, sizeBytes: number, offset: number, bytes: Uint8Array): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + bytes.length > sizeBytes) {
    throw new RangeError(`bytes ${offset}+${bytes.length} are outside a file of ${sizeBytes}`);
  }
  let done = 0;
  // A write may be short: when the disk fills up, the next one says why.
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}

/** HTTP dates have whole seconds (RFC 9110 §5.6.7). */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

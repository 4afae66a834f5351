/** Whether a file on disk has the bytes that its name says: for files that may have been cut short by a power cut. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Sha256 } from '../lib/sha256.ts';

const CHUNK_BYTES = 1 << 20;

/** The size of the file if its SHA-256 is `key` (and its size `sizeBytes`, where given); undefined otherwise. */
export function verifyFile(path: string, key: Sha256, sizeBytes?: number): number | undefined {
  const steps = verifySteps(path, key, sizeBytes);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** As verifyFile(), letting others run between chunks. */
export async function verifyFileSlowly(
  path: string,
  key: Sha256,
  sizeBytes?: number,
): Promise<number | undefined> {
  const steps = verifySteps(path, key, sizeBytes);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function* verifySteps(path: string, key: Sha256, sizeBytes?: number): Generator<void, number | undefined> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(fd);
    if (sizeBytes !== undefined && size !== sizeBytes) return undefined;
    const hasher = new Bun.CryptoHasher('sha256');
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(size, 1)));
    for (let at = 0; ; ) {
      const read = readSync(fd, chunk, 0, chunk.length, at);
      if (read === 0) break;
      hasher.update(chunk.subarray(0, read));
      at += read;
      yield;
    }
    return hasher.digest('hex') === key ? size : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

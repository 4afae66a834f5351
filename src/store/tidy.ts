/**
 * What a start does to stored files behind everybody's back, so that it costs no time: hashes suspects (rows that a
 * power cut may have made untrue) and, when the last run didn't end in order, takes up whole files that have no row
 * (after hashing) and removes what isn't what its name says. Yields between files; ends early when told.
 */
import { rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { parseSha256, type Sha256 } from '../lib/sha256.ts';
import { verifyFileSlowly } from './verify-file.ts';

export interface TidyOptions {
  readonly filesDir: string;
  readonly suspects: readonly Sha256[];
  /** Settles a suspect, by hash. */
  readonly settle: (key: Sha256) => Promise<void>;
  readonly lookForStrays: boolean;
  readonly has: (key: Sha256) => boolean;
  /** A whole file that has no row. */
  readonly adopt: (key: Sha256, sizeBytes: number) => void;
  readonly signal: AbortSignal;
}

export async function tidyFiles(options: TidyOptions): Promise<void> {
  const { filesDir, suspects, settle, lookForStrays, has, adopt, signal } = options;
  for (const key of suspects) {
    if (signal.aborted) return;
    await settle(key);
  }
  if (!lookForStrays) return;
  for (const prefix of await names(filesDir)) {
    for (const name of await names(`${filesDir}/${prefix}`)) {
      if (signal.aborted) return;
      const key = parseSha256(name);
      if (key !== undefined && has(key)) continue;
      const path = `${filesDir}/${prefix}/${name}`;
      const sizeBytes = key?.startsWith(prefix) ? await verifyFileSlowly(path, key) : undefined;
      if (signal.aborted) return;
      // It may have been committed while it was being hashed; from here on nothing else runs until it is settled.
      if (key && has(key)) continue;
      if (key && sizeBytes !== undefined) adopt(key, sizeBytes);
      else rmSync(path, { force: true, recursive: true });
    }
  }
}

async function names(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch {
    return [];
  }
}

/** The store on disk: small files going in (each one a partial file, a write, a commit with its row), looked up, opened. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Sha256, sha256FromBytes } from '../../src/lib/sha256.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { workDir } from '../lib/work-dir.ts';
import { type Figure, frequency } from './figure.ts';

const FILES = 500;
const FILE_BYTES = 20 * 1024;
const LOOKUPS = 100_000;

export async function storeFigures(): Promise<Figure[]> {
  using directory = workDir('store');
  const bytes = new Uint8Array(FILE_BYTES);
  let generation = 0;
  const keysOf = (name: number): Sha256[] =>
    // The store doesn't hash again, so any key will do.
    Array.from({ length: FILES }, (_, i) =>
      sha256FromBytes(createHash('sha256').update(`${name} ${i}`).digest()),
    );
  await using store = new DiskStore({ cacheDir: join(directory.path, 'cache') });
  const commits = await frequency(`store: commits of ${FILE_BYTES / 1024} KiB`, FILES, async () => {
    generation += 1;
    for (const key of keysOf(generation)) {
      await using partial = store.createPartial(key, FILE_BYTES);
      partial.write(0, bytes);
      partial.commit({ name: 'bench', swarms: [] });
    }
  });
  const keys = keysOf(generation);
  const lookups = await frequency('store: stat', LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++) store.stat(keys[i % FILES] as Sha256);
  });
  const opens = await frequency('store: open and close', FILES, () => {
    for (const key of keys) store.open(key)?.[Symbol.dispose]();
  });
  return [commits, lookups, opens];
}

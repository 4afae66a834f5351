/** Run under a file size limit by disk-store.test.ts: what the store does when the system refuses a write. */
import { readdirSync } from 'node:fs';
import { sha256Of } from '../../src/lib/sha256.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { MiB, put, sample } from './store-conformance.ts';

const cacheDir = process.argv[2] as string;
await using store = new DiskStore({ cacheDir });
const large = sample(4 * MiB);
let write = '';
let commit = false;
{
  await using partial = store.createPartial(sha256Of(large), large.length);
  try {
    partial.write(0, large);
  } catch (error) {
    write = (error as NodeJS.ErrnoException).code ?? String(error);
  }
  try {
    partial.commit({ name: '', swarms: [] });
  } catch {
    commit = true;
  }
}
await put(store, sample(1000));
console.log(
  JSON.stringify({
    write,
    commit,
    files: store.totals().files,
    partials: readdirSync(`${cacheDir}/partial`),
  }),
);

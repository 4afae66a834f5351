/** Stores, reads and removes files as fast as it can until disk-store-kill.test.ts kills it. */
import { DiskStore } from '../../src/store/disk-store.ts';
import { put, sample } from './store-conformance.ts';

const [cacheDir, first] = process.argv.slice(2) as [string, string];
const store = new DiskStore({ cacheDir, limitBytes: 2_000_000 });
console.log('ready');
for (let seed = Number(first); ; seed++) {
  const key = await put(store, sample(1000 + ((seed * 7919) % 200_000), seed), {
    name: `${seed}`,
    swarms: ['aa'],
  });
  store.open(key)?.[Symbol.dispose]();
  if (seed % 5 === 0) store.remove(key);
}

import { MemoryStore } from '../../src/store/memory-store.ts';
import { storeConformance } from './store-conformance.ts';

storeConformance('MemoryStore', async (limitBytes, use) => {
  await using store = new MemoryStore({ limitBytes });
  await use(store);
});

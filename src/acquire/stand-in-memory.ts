/**
 * Memory in which files fly while their store has no room: so much a file, and so much for all files of one store
 * together, whatever strangers or a large upgrade ask for. What gets none is handed on from the mirror.
 */
import type { Store } from '../store/store.ts';

/** A file larger than this doesn't fly in memory. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_BYTES = 256 * 1024 * 1024;

const takenBytes = new WeakMap<Store, number>();

/** Takes memory for a file of this size. Returns what gives it back, once; undefined when there is none to be had. */
export function takeStandInMemory(store: Store, sizeBytes: number): (() => void) | undefined {
  const taken = takenBytes.get(store) ?? 0;
  if (sizeBytes > MAX_FILE_BYTES || taken + sizeBytes > MAX_BYTES) return undefined;
  takenBytes.set(store, taken + sizeBytes);
  let isGiven = false;
  return () => {
    if (isGiven) return;
    isGiven = true;
    takenBytes.set(store, (takenBytes.get(store) ?? 0) - sizeBytes);
  };
}

/**
 * The end of a flight whose whole SHA-256 has held: the bytes become a file of the store, and peers that look for it
 * right now are told. A store that can't take it costs nobody the file: who reads the flight is served all the same.
 */
import type { Entry, Location } from '../archive/entry.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { PartialFile, Store } from '../store/store.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { FlightBytes } from './flight-bytes.ts';
import type { FlightParts } from './flight-parts.ts';

export interface Landing {
  readonly entry: Entry;
  readonly at: Location;
  readonly name: string;
  readonly bytes: FlightBytes;
  /** The file's piece layer, where it is known by now. */
  readonly layer: Uint8Array | undefined;
  /** The mirror's Last-Modified. */
  readonly lastModifiedMs: number | undefined;
}

/** Commits the file and offers it. Returns the date it is served with; undefined when the store didn't take it. */
export function landFile(parts: FlightParts, landing: Landing): number | undefined {
  const { entry, at, name, bytes, layer, lastModifiedMs } = landing;
  const { store, swarms, library } = parts;
  try {
    const partial = bytes.partial ?? fromMemory(store, entry, bytes);
    const file = partial.commit({
      name,
      swarms: entry.swarms,
      ...(lastModifiedMs !== undefined && { lastModifiedMs }),
      ...(layer && { layer }),
    });
    if (partial !== bytes.partial) void partial[Symbol.asyncDispose]();
    parts.landed(entry, at);
    if (swarms.hasPeers) offerWhole(parts, entry.key);
    else if (entry.swarms.length > 0) library.prepare(entry.key);
    return file.lastModifiedMs;
  } catch (error) {
    log
      .withTag('acquire')
      .warn(`could not store ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The layer of a file that is proven whole: the given one, the store's, or computed. Undefined when there is no way. */
export function provenLayer(
  { store, library, hasher }: FlightParts,
  key: Sha256,
  pieces: Pieces,
  bytes: FlightBytes,
  known: Uint8Array | undefined,
): Promise<Uint8Array> | undefined {
  if (known) return Promise.resolve(known);
  const found = library.find(key, () => true);
  if (found instanceof Promise) {
    return found.then(() => {
      const computed = store.layer(key);
      if (!computed) throw new Error('the layer could not be computed');
      return computed;
    });
  }
  if (found?.tree) return Promise.resolve(found.tree.layer);
  // The file isn't in the store (no room): what we hold is hashed.
  return bytes.partial && hasher.layer(bytes.partial.fd, pieces);
}

/** Peers that look for it right now are told; its layer is computed first where it isn't known. */
export function offerWhole({ library, swarms }: Pick<FlightParts, 'library' | 'swarms'>, key: Sha256): void {
  const found = library.find(key, () => true);
  if (found instanceof Promise) {
    found.then(
      (servable) => servable && swarms.offer(servable),
      () => {},
    );
  } else if (found) {
    swarms.offer(found);
  }
}

function fromMemory(store: Store, entry: Entry, bytes: FlightBytes): PartialFile {
  const partial = store.createPartial(entry.key, entry.sizeBytes);
  try {
    if (entry.sizeBytes > 0) partial.write(0, bytes.read(0, entry.sizeBytes));
  } catch (error) {
    void partial[Symbol.asyncDispose]();
    throw error;
  }
  return partial;
}

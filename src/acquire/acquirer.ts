/**
 * The verb of the program: a catalogue entry becomes verified bytes. It decides whether a file comes from the store,
 * joins a flight that is under way, or starts one; one flight a key, however many ask.
 */
import type { Entry, Location } from '../archive/entry.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Acquire } from './acquire.ts';
import type { Content } from './content.ts';
import { Flight } from './flight.ts';
import type { FlightParts } from './flight-parts.ts';
import { StoredContent } from './stored-content.ts';

export interface Transfer {
  readonly key: Sha256;
  readonly path: string;
  readonly sizeBytes: number;
  readonly haveBytes: number;
}

export class Acquirer implements Acquire, AsyncDisposable {
  readonly #parts: FlightParts;
  readonly #flights = new Map<Sha256, Flight>();

  constructor(parts: FlightParts) {
    this.#parts = parts;
  }

  async open(entry: Entry, at: Location, signal: AbortSignal): Promise<Content> {
    const open = this.#parts.store.open(entry.key);
    if (open) {
      if (entry.swarms.length > 0) this.#parts.store.share(entry.key, entry.swarms);
      return new StoredContent(open);
    }
    let flight = this.#flights.get(entry.key);
    if (!flight) {
      const started = new Flight(entry, at, this.#parts, () => {
        if (this.#flights.get(entry.key) === started) this.#flights.delete(entry.key);
      });
      flight = started;
      if (!flight.ended) this.#flights.set(entry.key, flight);
    }
    return await flight.open(signal);
  }

  transfers(): Transfer[] {
    return [...this.#flights.values()].map((flight) => ({
      key: flight.entry.key,
      path: flight.name,
      sizeBytes: flight.entry.sizeBytes,
      haveBytes: flight.haveBytes,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const flight of [...this.#flights.values()]) flight.abort('stopping');
  }
}

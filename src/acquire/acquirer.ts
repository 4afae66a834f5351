/**
 * The verb of the program: a catalogue entry becomes verified bytes. It decides whether a file comes from the store,
 * joins a flight that is under way, or starts one; one flight a key, however many ask.
 */
import type { Entry, Location } from '../archive/entry.ts';
import { NoRoomError } from '../lib/errors.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Acquire } from './acquire.ts';
import type { Content } from './content.ts';
import { Flight } from './flight.ts';
import type { FlightParts } from './flight-parts.ts';
import { MirrorLines } from './mirror-lines.ts';
import { StoredContent } from './stored-content.ts';

export interface Transfer {
  readonly key: Sha256;
  readonly path: string;
  readonly sizeBytes: number;
  readonly haveBytes: number;
}

/** So long a file that the disk didn't take isn't tried again. */
const NO_ROOM_MS = 10 * 60_000;
const MAX_NO_ROOM = 64;

export class Acquirer implements Acquire, AsyncDisposable {
  readonly #parts: FlightParts;
  readonly #flights = new Map<Sha256, Flight>();
  readonly #lines = new MirrorLines();
  /** Files that the disk didn't take on the way, oldest first, and until when they aren't tried again. */
  readonly #noRoom = new Map<Sha256, number>();

  constructor(parts: FlightParts) {
    this.#parts = parts;
  }

  /** Throws what the flight failed of; NoRoomError when the file can be neither stored nor held. */
  async open(entry: Entry, at: Location, signal: AbortSignal): Promise<Content> {
    const open = this.#parts.store.open(entry.key);
    if (open) {
      if (entry.swarms.length > 0) this.#parts.store.share(entry.key, entry.swarms);
      return new StoredContent(open);
    }
    let flight = this.#flights.get(entry.key);
    if (!flight) {
      this.#checkRoom(entry.key);
      const line = this.#lines.of(at.host);
      line.flights += 1;
      const started = new Flight(entry, at, this.#parts, line, (error) => {
        line.flights -= 1;
        if (this.#flights.get(entry.key) === started) this.#flights.delete(entry.key);
        if (error instanceof NoRoomError) this.#rememberNoRoom(entry.key);
      });
      flight = started;
      if (!flight.ended) this.#flights.set(entry.key, flight);
    }
    return await flight.open(signal);
  }

  /** When bytes of it last came, from whomever, by the clock; undefined when it isn't on its way. */
  movedMs(key: Sha256): number | undefined {
    return this.#flights.get(key)?.movedMs;
  }

  transfers(): Transfer[] {
    return [...this.#flights.values()].map((flight) => ({
      key: flight.entry.key,
      path: flight.name,
      sizeBytes: flight.entry.sizeBytes,
      haveBytes: flight.haveBytes,
    }));
  }

  #checkRoom(key: Sha256): void {
    const untilMs = this.#noRoom.get(key);
    if (untilMs === undefined) return;
    if (this.#parts.clock.nowMs() < untilMs)
      throw new NoRoomError(`could not store ${key}: the disk did not take it`);
    this.#noRoom.delete(key);
  }

  #rememberNoRoom(key: Sha256): void {
    this.#noRoom.delete(key);
    this.#noRoom.set(key, this.#parts.clock.nowMs() + NO_ROOM_MS);
    for (const oldest of this.#noRoom.keys()) {
      if (this.#noRoom.size <= MAX_NO_ROOM) return;
      this.#noRoom.delete(oldest);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const flight of [...this.#flights.values()]) flight.abort('stopping');
  }
}

/** The verb of the whole program: a catalogue entry becomes verified bytes. (Contract; see README of the room in docs/ARCHITECTURE.md.) */
import type { Entry, Location } from '../archive/entry.ts';
import type { Content } from './content.ts';

export interface Acquire {
  /**
   * Joins the flight for this key, opens it from the store, or starts a flight. Resolves when the first bytes may be
   * read (small files: all of them). Throws RefusedError(status) with the mirror's own 4xx when no source has it,
   * UnavailableError when nobody answers.
   */
  open(entry: Entry, at: Location, signal: AbortSignal): Promise<Content>;
}

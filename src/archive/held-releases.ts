/**
 * The Releases in force, by directory ("host/path"), and their way over restarts: it reads what catalogue-state.ts
 * kept, takes the Releases out of their files again, and writes all of it down when told. How many there may be is
 * decided here; what is put in force is the catalogue's.
 */
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { CatalogueState, type ReleaseRecord } from './catalogue-state.ts';
import { isClearSigned, splitClearSigned } from './clearsign.ts';
import { type Location, locationName } from './entry.ts';
import { HeldRelease, type ReleaseFileName, releasePlace } from './held-release.ts';
import type { Validators } from './new-release.ts';
import { parseRelease } from './release.ts';

const MAX_RELEASES = 64;

export class HeldReleases {
  readonly #state: CatalogueState;
  readonly #clock: Clock;
  readonly #held = new Map<string, HeldRelease>();

  /** Throws only when the directory can't be made or read at all. */
  constructor(directory: string, clock: Clock) {
    this.#state = new CatalogueState(directory);
    this.#clock = clock;
  }

  all(): Iterable<HeldRelease> {
    return this.#held.values();
  }

  get(directory: string): HeldRelease | undefined {
    return this.#held.get(directory);
  }

  /** The one where that release file lies. */
  at(at: Location): HeldRelease | undefined {
    const place = releasePlace(at);
    return place && this.#held.get(place.directory);
  }

  /** Still in force. */
  has(held: HeldRelease): boolean {
    return this.#held.get(held.place.directory) === held;
  }

  /** One more; where there are too many then, the one goes that was not used for longest. */
  add(held: HeldRelease): void {
    this.#held.set(held.place.directory, held);
    if (this.#held.size <= MAX_RELEASES) return;
    const oldest = [...this.#held.values()].reduce((a, b) => (b.usedMs < a.usedMs ? b : a));
    this.#held.delete(oldest.place.directory);
  }

  /** False when there is none where that release file would lie. */
  drop(at: Location): boolean {
    const place = releasePlace(at);
    return place !== undefined && this.#held.delete(place.directory);
  }

  /** Keeps a copy of a release file; it lasts from the next save(). */
  keepFile(held: HeldRelease, name: ReleaseFileName, bytes: Uint8Array, validators: Validators): void {
    const { lastModified, etag } = validators;
    try {
      held.files.set(name, { key: this.#state.keep(bytes), lastModified, etag });
    } catch (error) {
      // The old copy would contradict the catalogue.
      held.files.delete(name);
      log.warn(
        `archive: could not keep ${quoteRemote(`${held.place.directory}/${name}`)}: ${reasonOf(error)}`,
      );
    }
  }

  /** A kept file's bytes; undefined when they are gone or damaged. */
  read(key: Sha256): Uint8Array | undefined {
    return this.#state.read(key);
  }

  /**
   * Reads what was kept. `restored` is called for each Release before its indexes are looked at; `hasTable` says
   * whether a table can be loaded. Whatever is damaged is dropped with a warning.
   */
  restore(restored: (held: HeldRelease) => void, hasTable: (key: Sha256) => boolean): void {
    for (const record of this.#state.load()) {
      const at: Location = {
        scheme: record.scheme,
        host: record.host,
        path: `${record.path}/${record.form}`,
      };
      try {
        const held = this.#heldFrom(record, at);
        restored(held);
        for (const { stem, current, previous } of record.indexes) {
          const index = held.use(stem);
          if (index === undefined || held.tableKeys(stem).length === 0) continue;
          // A table that is lost: stale, so it is fetched again.
          index.current = current && hasTable(current) ? current : undefined;
          index.previous = previous && hasTable(previous) ? previous : undefined;
        }
        this.#held.set(held.place.directory, held);
      } catch (error) {
        log.warn(`archive: dropped ${quoteRemote(locationName(at))}: ${reasonOf(error)}`);
      }
    }
  }

  save(): void {
    const records = [...this.#held.values()].map((held) => ({
      scheme: held.place.scheme,
      host: held.place.host,
      path: held.place.directory.slice(held.place.host.length),
      form: held.form,
      verdict: held.verdict,
      files: [...held.files].map(([name, file]) => ({ name, ...file })),
      indexes: [...held.indexes.values()].map(({ stem, current, previous }) => ({ stem, current, previous })),
    }));
    try {
      this.#state.save(records);
    } catch (error) {
      log.warn(`archive: could not keep the catalogue: ${reasonOf(error)}`);
    }
  }

  #heldFrom(record: ReleaseRecord, at: Location): HeldRelease {
    const place = releasePlace(at);
    const file = record.files.find(({ name }) => name === record.form);
    const bytes = file && this.#state.read(file.key);
    if (place === undefined || bytes === undefined) throw new Error('its copy is gone or damaged');
    const text = isClearSigned(bytes) ? splitClearSigned(bytes).text : bytes;
    const release = parseRelease(text);
    const held = new HeldRelease(place, record.form, release, record.verdict, this.#clock.nowMs());
    for (const { name, ...kept } of record.files) held.files.set(name, kept);
    return held;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

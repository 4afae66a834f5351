/**
 * Finds out whether a place that has shown no Release is one more mirror of an archive that is known here: apt's mirror
 * method takes InRelease from one and packages from another, and clients come with lists that they had before. A path
 * of the pool that a public archive's tables name is reason enough to ask the place for its InRelease; if that says so,
 * signed, the place is a mirror (what its paths are then is the catalogue's business). Once proves it for good.
 *
 * Bounds: only for names that always mean the same content, two suites a base, once in ten minutes, three seconds.
 * Source: apt-transport-mirror(1).
 */
import type { Clock } from '../lib/clock.ts';
import { type Location, locationName } from './entry.ts';
import type { HeldRelease } from './held-release.ts';
import { pathFingerprint } from './index-table.ts';
import { isVersioned, type TableSearchOptions } from './table-search.ts';

export interface OtherMirrorsOptions {
  readonly search: Pick<TableSearchOptions, 'releases' | 'table'>;
  readonly clock: Clock;
  /** Fetches that release file, and puts it in force if it is worth it. May reject. */
  readonly fetchRelease: (at: Location) => Promise<unknown>;
}

const AGAIN_MS = 600_000;
const WAIT_MS = 3000;
const MAX_SUITES = 2;
const MAX_REMEMBERED = 256;

export class OtherMirrors {
  readonly #options: OtherMirrorsOptions;
  /** By base: when it was asked (monotonic), and what waits for that. Oldest first. */
  readonly #asked = new Map<string, { readonly atMs: number; readonly done: Promise<void> }>();

  constructor(options: OtherMirrorsOptions) {
    this.#options = options;
  }

  /** True when a Release may have come in force for it meanwhile: then look again. Never rejects. */
  async prove(at: Location): Promise<boolean> {
    const { clock } = this.#options;
    const pool = at.path.indexOf('/pool/');
    if (pool < 0 || !isVersioned(at.path)) return false;
    const base = { ...at, path: at.path.slice(0, pool) };
    const suites = this.#suitesWith(at.path.slice(pool + 1));
    if (suites.length === 0) return false;
    const name = locationName(base);
    let asked = this.#asked.get(name);
    if (asked === undefined || clock.nowMs() - asked.atMs > AGAIN_MS) {
      asked = { atMs: clock.nowMs(), done: this.#ask(base, suites) };
      this.#asked.delete(name);
      this.#asked.set(name, asked);
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > MAX_REMEMBERED && oldest !== undefined) this.#asked.delete(oldest);
    }
    let cancel = () => {};
    const timeUp = new Promise<void>((resolve) => {
      cancel = clock.after(WAIT_MS, resolve);
    });
    await Promise.race([asked.done, timeUp]);
    cancel();
    return true;
  }

  async #ask(base: Location, suites: readonly string[]): Promise<void> {
    const asked = suites.map((suite) =>
      this.#options.fetchRelease({ ...base, path: `${base.path}/dists/${suite}/InRelease` }),
    );
    await Promise.allSettled(asked);
  }

  /** Of public archives, those in whose tables that name of the pool is. */
  #suitesWith(path: string): string[] {
    const { releases, table } = this.#options.search;
    const fingerprint = pathFingerprint(path);
    const names = ({ indexes }: HeldRelease) =>
      [...indexes.values()].some(({ current }) => current && table(current)?.find(fingerprint));
    const suites = new Set<string>();
    for (const held of releases()) {
      const { suite } = held.place;
      if (suites.size === MAX_SUITES) break;
      if (suite !== undefined && held.verdict.status === 'public' && names(held)) suites.add(suite);
    }
    return [...suites];
  }
}

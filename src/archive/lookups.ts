/**
 * Look-ups in the Releases in force and their tables: by place, as clients ask, and by content, as peers do. It decides
 * in which order they are asked and what is waited for, and changes nothing; what it is asked about the catalogue keeps.
 */
import type { Clock } from '../lib/clock.ts';
import { parseSha256, type Sha256 } from '../lib/sha256.ts';
import type { ArchiveSwarms } from './archive-swarms.ts';
import { type Entry, type Location, locationName } from './entry.ts';
import { diffIndexOf, type HeldRelease, isDiffIndex, isIndexName, releasePlace } from './held-release.ts';
import type { IndexTables } from './index-tables.ts';
import type { OtherMirrors } from './other-mirrors.ts';
import type { ReleaseFile } from './release.ts';
import {
  candidatesFor,
  findFile,
  findPatch,
  patchCandidatesFor,
  type TableSearchOptions,
} from './table-search.ts';

export interface LookupParts {
  readonly search: TableSearchOptions;
  readonly tables: Pick<IndexTables, 'isUnsettled' | 'settle'>;
  readonly swarms: Pick<ArchiveSwarms, 'ofIndex' | 'ofFiles'>;
  readonly otherMirrors: Pick<OtherMirrors, 'prove'> | undefined;
  readonly clock: Clock;
  /** A client asks for a file that a Release names: its entry. */
  readonly indexEntry: (held: HeldRelease, file: ReleaseFile) => Entry;
}

export class Lookups {
  readonly #parts: LookupParts;

  constructor(parts: LookupParts) {
    this.#parts = parts;
  }

  /**
   * What the file at that place is, or undefined when no Release says. Indexes are found by plain name and by hash,
   * packages, sources and patches through the tables; while a table that might say is on its way, this waits for it.
   */
  async lookup(at: Location): Promise<Entry | undefined> {
    const name = locationName(at);
    if (releasePlace(at) !== undefined) return undefined;
    let inside = false;
    for (const held of this.#parts.search.releases()) {
      const file = held.resolve(name, this.#parts.clock.nowMs());
      if (file !== undefined) return this.#parts.indexEntry(held, file);
      inside ||= held.place.suite !== undefined && name.startsWith(`${held.place.directory}/`);
    }
    const isPatch = diffIndexOf(name) !== undefined;
    if (inside && !isPatch) return undefined;
    const search = isPatch
      ? { candidates: patchCandidatesFor, find: findPatch, concerns: isDiffIndex }
      : { candidates: candidatesFor, find: findFile, concerns: isIndexName };
    const archives = search.candidates(name, this.#parts.search.releases());
    if (archives.length === 0) return this.#lookupElsewhere(at);
    let found = search.find(name, archives, this.#parts.search);
    if (
      found === undefined &&
      archives.some(({ held }) => this.#parts.tables.isUnsettled(held, search.concerns))
    ) {
      await this.#parts.tables.settle(
        archives.map(({ held }) => held),
        search.concerns,
      );
      found = search.find(name, search.candidates(name, this.#parts.search.releases()), this.#parts.search);
    }
    return found && { ...found, ...(this.isSecurity(found.key) && { isSecurity: true }) };
  }

  /** At a place that has shown no Release. By hash the path itself says what is asked for, wherever it lies. */
  async #lookupElsewhere(at: Location): Promise<Entry | undefined> {
    const key = parseSha256(/\/by-hash\/SHA256\/([0-9a-f]{64})$/.exec(at.path)?.[1] ?? '');
    if (key !== undefined) return this.byKey(key);
    if (!(await this.#parts.otherMirrors?.prove(at))) return undefined;
    const name = locationName(at);
    const found = findFile(name, candidatesFor(name, this.#parts.search.releases()), this.#parts.search);
    return found && { ...found, ...(this.isSecurity(found.key) && { isSecurity: true }) };
  }

  /** The entry with that content, from any Release or table. Cheap enough for every want of a peer. */
  byKey(key: Sha256): Entry | undefined {
    let found: Entry | undefined;
    const swarms = new Set<string>();
    for (const held of this.#parts.search.releases()) {
      const file = held.release.fileByHash('SHA256', key);
      if (file !== undefined) {
        found ??= { key, sizeBytes: file.sizeBytes, swarms: [] };
        for (const swarm of this.#parts.swarms.ofIndex(held, file.name)) swarms.add(swarm);
      }
      for (const index of held.indexes.values()) {
        for (const tableKey of [index.current, index.previous]) {
          const record =
            tableKey === undefined ? undefined : this.#parts.search.table(tableKey)?.findKey(key);
          if (record === undefined) continue;
          found ??= { ...record, swarms: [] };
          for (const swarm of this.#parts.swarms.ofFiles(held, index.stem)) swarms.add(swarm);
        }
      }
    }
    return found && { ...found, swarms: [...swarms], ...(this.isSecurity(key) && { isSecurity: true }) };
  }

  /** Whether a security pocket has that content, whoever else has it, too. Cheap enough for every want of a peer. */
  isSecurity(key: Sha256): boolean {
    for (const held of this.#parts.search.releases()) {
      if (!held.isSecurity) continue;
      if (held.release.fileByHash('SHA256', key) !== undefined) return true;
      if (held.previousRelease?.fileByHash('SHA256', key) !== undefined) return true;
      for (const { current, previous } of held.indexes.values()) {
        if (current !== undefined && this.#parts.search.table(current)?.findKey(key)) return true;
        if (previous !== undefined && this.#parts.search.table(previous)?.findKey(key)) return true;
      }
    }
    return false;
  }
}

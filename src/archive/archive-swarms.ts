/**
 * In which swarms a file is looked for and offered, by the Releases in force: those of its archive's identity
 * (identity.ts), one for each architecture whose indexes are in use, and "all". Only an archive that sharing.ts
 * allows has any. Source: docs/protocol.md. Keeps nothing but the info-hashes that it has worked out.
 */
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { type HeldRelease, indexArchitecture } from './held-release.ts';
import { type ArchiveIdentity, archiveIdentity } from './identity.ts';
import { isShareable, type ShareRule } from './sharing.ts';

export interface UsedIdentity extends ArchiveIdentity {
  /** Hexadecimal. */
  readonly infoHash: string;
  /** A public archive's key signed it; else it is shared because the operator said so. */
  readonly isPublic: boolean;
}

export interface ArchiveSwarmsOptions {
  /** The swarm of an identity: info-hash in hexadecimal. May throw for an identity that can have none. */
  readonly infoHash: (identity: ArchiveIdentity) => string;
  /** What the operator shares though no public archive key signed it. */
  readonly shareRules: () => readonly ShareRule[];
  /** All that are in force, asked anew each time. */
  readonly releases: () => Iterable<HeldRelease>;
}

const ALL = 'all';
const SOURCE = 'source';

export class ArchiveSwarms {
  readonly #options: ArchiveSwarmsOptions;
  /** By identity; undefined for one that can have none. */
  readonly #infoHashes = new Map<string, string | undefined>();

  constructor(options: ArchiveSwarmsOptions) {
    this.#options = options;
  }

  mayShare(held: HeldRelease): boolean {
    return isShareable(held.release, held.place.base, held.verdict, this.#options.shareRules());
  }

  /** The swarms to be in: of each shareable archive "all", and one for each architecture whose indexes are in use. */
  identities(): UsedIdentity[] {
    const used = new Map<string, UsedIdentity>();
    for (const held of this.#options.releases()) {
      for (const architecture of [...architecturesOf(held), ALL]) {
        const infoHash = this.#swarm(held, architecture);
        if (infoHash === undefined) continue;
        const identity = archiveIdentity(held.release, architecture, held.place.base);
        const isPublic = held.verdict.status === 'public' || used.get(infoHash)?.isPublic === true;
        used.set(infoHash, { ...identity, infoHash, isPublic });
      }
    }
    return [...used.values()];
  }

  /** Of files that an index names. */
  ofFiles(held: HeldRelease, stem: string): string[] {
    const architecture = indexArchitecture(stem);
    if (architecture === SOURCE || architecture === undefined) return this.#ofArchive(held, undefined);
    return this.#swarms(held, [architecture, ALL]);
  }

  /** Of an index (or anything else that a Release names) itself. */
  ofIndex(held: HeldRelease, name: string): string[] {
    const architecture = indexArchitecture(name);
    return this.#ofArchive(held, architecture === SOURCE ? undefined : architecture);
  }

  /** All swarms in use of the archive that this Release belongs to, its "all", and that of one more architecture. */
  #ofArchive(held: HeldRelease, more: string | undefined): string[] {
    const { origin, codename } = archiveIdentity(held.release, ALL, held.place.base);
    const architectures = new Set(more === undefined ? [] : [more]);
    for (const other of this.#options.releases()) {
      if (!other.shareable) continue;
      const identity = archiveIdentity(other.release, ALL, other.place.base);
      if (identity.origin !== origin || identity.codename !== codename) continue;
      for (const architecture of architecturesOf(other)) architectures.add(architecture);
    }
    return this.#swarms(held, [...architectures, ALL]);
  }

  #swarms(held: HeldRelease, architectures: readonly string[]): string[] {
    const swarms = architectures.map((architecture) => this.#swarm(held, architecture));
    return [...new Set(swarms.filter((swarm) => swarm !== undefined))];
  }

  #swarm(held: HeldRelease, architecture: string): string | undefined {
    if (!held.shareable) return undefined;
    const identity = archiveIdentity(held.release, architecture, held.place.base);
    const name = JSON.stringify([identity.origin, identity.codename, identity.architecture]);
    if (!this.#infoHashes.has(name)) {
      let infoHash: string | undefined;
      try {
        infoHash = this.#options.infoHash(identity);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn(`archive: ${quoteRemote(held.place.directory)} is not shared: ${reason}`);
      }
      this.#infoHashes.set(name, infoHash);
    }
    return this.#infoHashes.get(name);
  }
}

/** Architectures in use of that one Release, without "all". */
function architecturesOf(held: HeldRelease): string[] {
  const architectures = new Set<string>();
  for (const index of held.indexes.values()) {
    const architecture = index.current === undefined ? undefined : indexArchitecture(index.stem);
    if (architecture !== undefined && architecture !== SOURCE && architecture !== ALL)
      architectures.add(architecture);
  }
  return [...architectures];
}

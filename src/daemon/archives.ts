/**
 * The archives that this node takes part in: those that the catalogue may share, and those of the .dtorrents that the
 * operator gave. It says which swarms that makes, and which of them anybody may find.
 */
import { ListedFiles } from '../acquire/listed-files.ts';
import type { SignedLists } from '../acquire/signed-lists.ts';
import type { Catalogue } from '../archive/catalogue.ts';
import { SETTINGS, type Settings } from '../config/settings.ts';
import type { TrackerList } from '../discovery/tracker-client.ts';
import { type ArchiveIdentity, swarmInfoHash } from '../torrent/archive-identity.ts';
import type { Dtorrent } from '../torrent/dtorrent.ts';
import { trackersOf } from './meeting-places.ts';

type Chosen = Pick<Settings, 'privacy' | 'dhtBootstrap'>;

export class Archives {
  /** What the .dtorrents list. */
  readonly listed = new ListedFiles();
  readonly #catalogue: Catalogue;
  readonly #settings: Chosen;
  readonly #dtorrents: readonly Dtorrent[];

  readonly #signed: Pick<SignedLists, 'trackers'> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(
    catalogue: Catalogue,
    settings: Chosen,
    dtorrents: readonly Dtorrent[],
    signed?: Pick<SignedLists, 'trackers'>,
  ) {
    this.#signed = signed;
    this.#catalogue = catalogue;
    this.#settings = settings;
    this.#dtorrents = dtorrents;
    for (const dtorrent of this.#dtorrents) this.listed.add(dtorrent);
  }

  /** The swarms to be in, by info-hash (hexadecimal). */
  identities(): Map<string, ArchiveIdentity> {
    const all = [...this.#catalogue.identities(), ...this.#listedIdentities()];
    return new Map(all.map((identity) => [swarmInfoHash(identity), identity]));
  }

  /**
   * Those to be announced in the DHT. Whoever looks for an info-hash in the public one finds us there, and can guess the
   * names of a company's archive. In a DHT that the operator chose he meets whom he wants to meet; a .dtorrent was made
   * to be found.
   */
  findable(): string[] {
    const { dhtBootstrap } = this.#settings;
    const isOwnDht = dhtBootstrap.length > 0 && dhtBootstrap !== SETTINGS.dhtBootstrap.initial;
    if (isOwnDht) return [...this.identities().keys()];
    const open = this.#catalogue.identities().filter(({ isPublic }) => isPublic);
    return [...open, ...this.#listedIdentities()].map(swarmInfoHash);
  }

  /** What the .dtorrents name; these are strangers', whom scope "lan" has nothing to do with. */
  trackers(): TrackerList[] {
    if (this.#settings.privacy === 'lan') return [];
    return this.#dtorrents.map((dtorrent) => trackersOf(dtorrent, this.listed));
  }

  /** Those that archives state themselves; likewise strangers'. They change as the archives do. */
  signedTrackers(): TrackerList[] {
    if (this.#settings.privacy === 'lan') return [];
    return (this.#signed?.trackers() ?? []).map((list) => ({ ...list, isConfigured: false }));
  }

  /** Called when the swarms to be in, or their trackers, may be others. The returned function takes that back. */
  onChange(listener: () => void): () => void {
    const forget = this.#catalogue.onChange(listener);
    this.#listeners.add(listener);
    return () => {
      forget();
      this.#listeners.delete(listener);
    };
  }

  /** What archives state themselves is other now. */
  signedChanged(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #listedIdentities(): ArchiveIdentity[] {
    return this.#dtorrents.flatMap((dtorrent) => this.listed.identities(dtorrent));
  }
}

/**
 * The standard torrents that the operator named, given out of the store: a file that is in it is offered in their swarms,
 * too, for as long as it is there. Nothing is fetched for them. Peers come in at the node's own port; whom the node's DHT
 * and local discovery find is handed on to it; trackers it asks itself, so that a torrent's are told of no other, and a
 * private one is announced nowhere else (BEP 27). Nothing is decided here but who knows whom.
 */
import type { Settings } from '../config/settings.ts';
import { TrackerClient, type TrackerList } from '../discovery/tracker-client.ts';
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { StandardSwarms, type StandardSwarmsOptions } from '../standard/standard-swarms.ts';
import { StoreStorage } from '../standard/store-storage.ts';
import type { Torrent } from '../standard/torrent.ts';
import type { Store } from '../store/store.ts';
import type { Elsewhere } from '../swarm/peer-node.ts';
import type { StandardTorrent } from './read-torrents.ts';

export interface StandardSideOptions {
  readonly torrents: readonly StandardTorrent[];
  readonly store: Pick<Store, 'open' | 'layer' | 'stat' | 'list'>;
  readonly clock: Clock;
  readonly privacy: Settings['privacy'];
  readonly swarms: Omit<StandardSwarmsOptions, 'clock' | 'web' | 'dial' | 'listen'>;
}

/** How trackers are told where we are. */
export interface TrackedAt {
  readonly port: number;
  readonly outerPort: () => number;
}

interface Given {
  readonly name: string;
  readonly torrent: Torrent;
  readonly storage: StoreStorage;
  readonly tiers: TrackerList['tiers'];
}

export class StandardSide implements Elsewhere, AsyncDisposable {
  readonly swarms: StandardSwarms;
  readonly #options: StandardSideOptions;
  readonly #given: Given[] = [];
  #trackers: TrackerClient | undefined;

  /** Throws Error for a torrent that was given twice. */
  constructor(options: StandardSideOptions) {
    const { clock, torrents, swarms } = options;
    this.#options = options;
    this.swarms = new StandardSwarms({ ...swarms, clock });
    for (const { name, metainfo } of torrents) this.#add(name, metainfo);
  }

  has(infoHash: string): boolean {
    return this.swarms.has(infoHash);
  }

  accept(...link: Parameters<Elsewhere['accept']>): boolean {
    return this.swarms.accept(...link);
  }

  /** Addresses that somebody named for a swarm, which may be another's. */
  found(infoHash: string, addresses: readonly HostPort[], isPrivateToo = false): void {
    for (const { torrent } of this.#given) {
      if (!torrent.infoHashes.some((hash) => hash === infoHash)) continue;
      if (torrent.isPrivate && !isPrivateToo) continue;
      for (const at of addresses) torrent.found(at, { infoHash });
    }
  }

  /** Those that may be looked for anywhere. */
  infoHashes(): string[] {
    return this.#given.flatMap(({ torrent }) => (torrent.isPrivate ? [] : torrent.infoHashes));
  }

  peersIn(infoHash: string): number {
    const given = this.#given.find(({ torrent }) => torrent.infoHashes.some((hash) => hash === infoHash));
    return given?.torrent.peers.length ?? 0;
  }

  /** The store has it now, and it may be offered. */
  fileCame(key: Sha256): void {
    if (this.#given.length === 0) return;
    const file = this.#options.store.stat(key);
    if (!file) return;
    for (const { torrent, storage } of this.#given)
      for (const piece of storage.came(file)) torrent.pieceCame(piece);
  }

  fileGone(key: Sha256): void {
    for (const { torrent, storage } of this.#given)
      for (const piece of storage.gone(key)) torrent.pieceGone(piece);
  }

  /** Begins to announce. `configured`: the operator's, who are for all torrents but private ones. */
  meet(configured: readonly TrackerList[], { port, outerPort }: TrackedAt): void {
    if (this.#given.length === 0) return;
    const { clock, swarms } = this.#options;
    this.#trackers = new TrackerClient({
      lists: this.#lists(configured),
      ...{ clock, port, outerPort, peerId: swarms.peerId },
      found: (infoHash, addresses) => this.found(infoHash, addresses, true),
      sawUs: (address, from) => swarms.sawUs?.(address, from),
      totals: () => {
        const uploaded = this.#given.reduce((sum, { torrent }) => sum + torrent.status().uploaded, 0);
        return { uploaded, downloaded: 0 };
      },
    });
    const infoHashes = this.#given.flatMap(({ torrent }) => torrent.infoHashes);
    this.#trackers.setSwarms(infoHashes);
  }

  setTrackers(configured: readonly TrackerList[]): void {
    this.#trackers?.setGiven(this.#lists(configured));
    this.#trackers?.setSwarms(this.#given.flatMap(({ torrent }) => torrent.infoHashes));
  }

  announceNow(): void {
    this.#trackers?.announceNow();
  }

  status(): { readonly infoHash: string; readonly name: string; readonly peers: number }[] {
    return this.#given.map(({ name, torrent }) => ({
      infoHash: torrent.infoHashes[0] as string,
      name,
      peers: torrent.peers.length,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trackers?.[Symbol.asyncDispose]();
    await this.swarms[Symbol.asyncDispose]();
  }

  #add(name: string, metainfo: StandardTorrent['metainfo']): void {
    const { store, clock } = this.#options;
    let storage: StoreStorage | undefined;
    const { infoHashV1, infoHashV2 } = metainfo;
    const torrent = this.swarms.add({
      ...{ infoHashV1, infoHashV2, metainfo },
      storage: (_metainfo, layout) => {
        storage = new StoreStorage({ store, layout, hashes: metainfo, clock });
        for (const file of store.list()) storage.came(file);
        return storage;
      },
      events: { failed: (error) => log.error(`torrent ${name}: ${error.message}`) },
    });
    if (storage) this.#given.push({ name, torrent, storage, tiers: metainfo.trackers });
  }

  /** Torrents with the same trackers share a list. Strangers' have nothing to do with scope "lan". */
  #lists(configured: readonly TrackerList[]): TrackerList[] {
    const open = new Set(this.infoHashes());
    const lists: TrackerList[] = configured.map((list) => ({ ...list, swarms: open }));
    if (this.#options.privacy === 'lan') return lists;
    const byTiers = Map.groupBy(this.#given, ({ tiers }) => JSON.stringify(tiers));
    for (const same of byTiers.values()) {
      const swarms = new Set<string>(same.flatMap(({ torrent }) => torrent.infoHashes));
      lists.push({ tiers: same[0]?.tiers ?? [], isConfigured: false, swarms });
    }
    return lists;
  }
}

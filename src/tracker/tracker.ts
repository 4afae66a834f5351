/**
 * What a tracker answers, without sockets: a request and the address that it came from go in, an answer comes out.
 * The address is the socket's; what the request says of addresses is not looked at, so that nobody can aim others at
 * a third party. Errors: RefusedError and ProtocolError carry text for the stranger; anything else is our own fault
 * and for the log only. Specs: BEP 3, 7, 23, 48.
 */
import { compactPeer } from '../announce/compact-peers.ts';
import type { AnnounceAnswer, AnnounceRequest } from '../announce/http.ts';
import type { ScrapeEntry } from '../announce/scrape.ts';
import type { Clock } from '../lib/clock.ts';
import { RefusedError } from '../lib/errors.ts';
import type { Draw } from './peer-list.ts';
import { DEFAULT_LIMITS, PeerTable, type PeerTableLimits } from './peer-table.ts';

const INTERVAL_SECONDS = 15 * 60;
const MIN_INTERVAL_SECONDS = 60;
const DEFAULT_NUM_WANT = 50;
const MAX_NUM_WANT = 200;

export interface TrackerStats {
  readonly swarms: number;
  readonly peers: number;
  readonly announces: number;
  readonly scrapes: number;
  readonly refused: number;
  readonly uptimeSeconds: number;
}

/** Where a request came from, both of its socket, 4 or 16 bytes. */
export interface Origin {
  readonly address: Uint8Array;
  /** The tracker's own address as the asker reached it. */
  readonly local?: Uint8Array;
}

export interface TrackerOptions {
  readonly clock: Clock;
  readonly draw: Draw;
  readonly limits?: PeerTableLimits;
}

export class Tracker {
  readonly #clock: Clock;
  readonly #table: PeerTable;
  readonly #startedMs: number;
  #announces = 0;
  #scrapes = 0;
  #refused = 0;

  constructor({ clock, draw, limits = DEFAULT_LIMITS }: TrackerOptions) {
    this.#clock = clock;
    this.#table = new PeerTable(draw, limits);
    this.#startedMs = clock.nowMs();
  }

  /** Throws RefusedError when there is no room for another swarm. */
  announce(request: AnnounceRequest, { address, local }: Origin): AnnounceAnswer {
    this.#announces += 1;
    const { infoHash, event } = request;
    const asker = compactPeer(address, request.port);
    if (event === 'stopped') {
      this.#table.remove(infoHash, asker);
      return this.#answer(infoHash, new Uint8Array(0), new Uint8Array(0));
    }
    const isKept = this.#table.put(infoHash, asker, request.leftBytes === 0, this.#uptimeSeconds());
    const counts = this.#table.counts(infoHash);
    if (!isKept && counts.complete + counts.incomplete === 0) {
      throw new RefusedError(503, 'this tracker is full');
    }
    if (event === 'completed') this.#table.countDownload(infoHash);
    const max = Math.min(request.numWant ?? DEFAULT_NUM_WANT, MAX_NUM_WANT);
    const { peers, peers6 } = this.#table.choose(infoHash, { asker, max, ...(local && { local }) });
    return this.#answer(infoHash, peers, peers6);
  }

  /** One entry for each hash asked for, zeros for an unknown one. Throws RefusedError when none is named. */
  scrape(infoHashes: readonly Uint8Array[]): ScrapeEntry[] {
    this.#scrapes += 1;
    if (infoHashes.length === 0)
      throw new RefusedError(403, 'name the info_hash; a scrape of all is not answered');
    return infoHashes.map((infoHash) => ({ infoHash, ...this.#table.counts(infoHash) }));
  }

  /** Something was refused before it got here, or here. */
  countRefused(): void {
    this.#refused += 1;
  }

  stats(): TrackerStats {
    return {
      swarms: this.#table.swarmCount,
      peers: this.#table.peerCount,
      announces: this.#announces,
      scrapes: this.#scrapes,
      refused: this.#refused,
      uptimeSeconds: this.#uptimeSeconds(),
    };
  }

  #answer(infoHash: Uint8Array, peers: Uint8Array, peers6: Uint8Array): AnnounceAnswer {
    const { complete, incomplete } = this.#table.counts(infoHash);
    const intervals = { intervalSeconds: INTERVAL_SECONDS, minIntervalSeconds: MIN_INTERVAL_SECONDS };
    return { ...intervals, complete, incomplete, peers, peers6 };
  }

  #uptimeSeconds(): number {
    return Math.floor((this.#clock.nowMs() - this.#startedMs) / 1000);
  }
}

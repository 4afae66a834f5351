/**
 * What a tracker answers, without sockets: a request and the address that it came from go in, an answer comes out.
 * The address is the socket's; what the request says of addresses is not looked at, so that nobody can aim others at
 * a third party. Errors: RefusedError and ProtocolError carry text for the stranger; anything else is our own fault
 * and for the log only. Specs: BEP 3, 7, 15, 23, 24, 48.
 */
import { compactPeer } from '../announce/compact-peers.ts';
import type { AnnounceAnswer, AnnounceRequest } from '../announce/http.ts';
import type { ScrapeEntry } from '../announce/scrape.ts';
import type { Clock } from '../lib/clock.ts';
import { RefusedError } from '../lib/errors.ts';
import type { AllowedSwarms } from './allowed-swarms.ts';
import { type Draw, MAX_CHOICE } from './peer-list.ts';
import {
  choosePeers,
  countDownloads,
  countsOf,
  DEFAULT_LIMITS,
  type FamilyCounts,
  PeerTable,
  type PeerTableLimits,
  type Swarm,
} from './peer-table.ts';

/** In the mean; each answer's is up to a tenth shorter or longer, so that a crowd doesn't come back at once. */
export const INTERVAL_SECONDS = 15 * 60;
const INTERVAL_JITTER = 0.1;
const MIN_INTERVAL_SECONDS = 60;
const DEFAULT_NUM_WANT = 50;
/** Beginning of this tracker's time, so that peers of an earlier run are in the past. */
const START_SECONDS = 1_000_000;
const NO_PEERS = new Uint8Array(0);

export interface TrackerStats {
  readonly swarms: number;
  readonly peers: number;
  readonly ipv4Peers: number;
  readonly ipv6Peers: number;
  /** Peers that have all. */
  readonly seeds: number;
  /** Over both; `udpAnnounces` of them over UDP. */
  readonly announces: number;
  readonly udpAnnounces: number;
  readonly scrapes: number;
  readonly refused: number;
  readonly uptimeSeconds: number;
}

/** Where a request came from, both of its socket, 4 or 16 bytes. */
export interface Origin {
  readonly address: Uint8Array;
  /** The tracker's own address as the asker reached it, where that can be known. */
  readonly local?: () => Uint8Array | undefined;
}

/** What the answer may hold. */
export interface AnnounceRoom {
  /** Peers at most, whatever the request wants. */
  readonly maxPeers: number;
  /** Over UDP only peers of the asker's family have room (BEP 15). */
  readonly transport: 'http' | 'udp';
}

/** Over HTTP. */
const WIDE: AnnounceRoom = { maxPeers: MAX_CHOICE, transport: 'http' };

export interface TrackerOptions {
  readonly clock: Clock;
  readonly draw: Draw;
  readonly limits?: PeerTableLimits;
  /** None: whatever swarm comes. */
  readonly allowed?: AllowedSwarms | undefined;
}

export class Tracker {
  readonly #clock: Clock;
  readonly #draw: Draw;
  readonly #allowed: AllowedSwarms | undefined;
  readonly #startedMs: number;
  readonly table: PeerTable;
  #announces = 0;
  #udpAnnounces = 0;
  #scrapes = 0;
  #refused = 0;
  #counted: ({ seconds: number } & FamilyCounts) | undefined;

  constructor({ clock, draw, limits = DEFAULT_LIMITS, allowed }: TrackerOptions) {
    this.#clock = clock;
    this.#draw = draw;
    this.#allowed = allowed;
    this.table = new PeerTable(draw, limits);
    this.#startedMs = clock.nowMs();
  }

  /** Seconds by which the table counts. */
  get nowSeconds(): number {
    return START_SECONDS + this.#uptimeSeconds();
  }

  /** Whether the operator named this swarm; undefined when it named others only, so that this one isn't served. */
  isNamed(infoHash: Uint8Array): boolean | undefined {
    if (!this.#allowed) return false;
    return this.#allowed.has(infoHash) || undefined;
  }

  /** Throws RefusedError when the swarm isn't one of the allowed, or there is no room for another. */
  announce(request: AnnounceRequest, { address, local }: Origin, room: AnnounceRoom = WIDE): AnnounceAnswer {
    const { infoHash, event, numWant = DEFAULT_NUM_WANT } = request;
    const isNamed = this.isNamed(infoHash);
    if (isNamed === undefined) throw new RefusedError(403, 'this tracker does not serve this swarm');
    this.#announces += 1;
    if (room.transport === 'udp') this.#udpAnnounces += 1;
    const asker = compactPeer(address, request.port);
    if (event === 'stopped') {
      this.table.remove(infoHash, asker);
      return this.#answer(this.table.find(infoHash), address, NO_PEERS, NO_PEERS);
    }
    const isSeed = request.leftBytes === 0;
    const seen = { complete: isSeed, nowSeconds: this.nowSeconds, isNamed };
    const swarm = this.table.put(infoHash, asker, seen);
    if (!swarm) throw new RefusedError(503, 'this tracker is full');
    if (event === 'completed') countDownloads(swarm, 1);
    const max = Math.min(numWant, room.maxPeers, MAX_CHOICE);
    const family = address.length === 4 ? 4 : 6;
    const own = choosePeers(swarm, family, { asker, max, forSeed: isSeed, local });
    const rest = room.transport === 'udp' ? 0 : max - own.length / asker.length;
    const other = choosePeers(swarm, family === 4 ? 6 : 4, { asker, max: rest, forSeed: isSeed, local });
    return family === 4 ? this.#answer(swarm, address, own, other) : this.#answer(swarm, address, other, own);
  }

  /** One entry for each hash asked for, zeros for an unknown one. Throws RefusedError when none is named. */
  scrape(infoHashes: readonly Uint8Array[]): ScrapeEntry[] {
    this.#scrapes += 1;
    if (infoHashes.length === 0)
      throw new RefusedError(403, 'name the info_hash; a scrape of all is not answered');
    return infoHashes.map((infoHash) => ({ infoHash, ...countsOf(this.table.find(infoHash)) }));
  }

  /** Something was refused before it got here, or here. */
  countRefused(): void {
    this.#refused += 1;
  }

  stats(): TrackerStats {
    const { ipv4, ipv6, complete } = this.#familyCounts();
    return {
      swarms: this.table.swarmCount,
      peers: this.table.peerCount,
      ipv4Peers: ipv4,
      ipv6Peers: ipv6,
      seeds: complete,
      announces: this.#announces,
      udpAnnounces: this.#udpAnnounces,
      scrapes: this.#scrapes,
      refused: this.#refused,
      uptimeSeconds: this.#uptimeSeconds(),
    };
  }

  /** At most one second old: counting walks all swarms. */
  #familyCounts(): FamilyCounts {
    const { nowSeconds } = this;
    if (this.#counted?.seconds !== nowSeconds)
      this.#counted = { seconds: nowSeconds, ...this.table.familyCounts() };
    return this.#counted;
  }

  #answer(
    swarm: Swarm | undefined,
    externalIp: Uint8Array,
    peers: Uint8Array,
    peers6: Uint8Array,
  ): AnnounceAnswer {
    const { complete, incomplete } = countsOf(swarm);
    const factor = 1 + INTERVAL_JITTER * (2 * this.#draw() - 1);
    return {
      intervalSeconds: Math.round(INTERVAL_SECONDS * factor),
      minIntervalSeconds: MIN_INTERVAL_SECONDS,
      complete,
      incomplete,
      externalIp,
      peers,
      peers6,
    };
  }

  #uptimeSeconds(): number {
    return Math.floor((this.#clock.nowMs() - this.#startedMs) / 1000);
  }
}

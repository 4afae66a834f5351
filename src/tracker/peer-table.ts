/**
 * Info-hash → peers, all that a tracker remembers. Memory is bounded: so many swarms, so many that one network makes
 * known, so many peers of one network in a swarm, so many peers in all. A swarm without peers is forgotten, a peer not
 * heard of for `expirySeconds` too. Who comes when all is full takes somebody's place: a lonely swarm's (see
 * swarm-owners.ts), else a peer's of the same swarm, so that no early crowd can shut anybody out.
 * Decides nothing about requests; see tracker.ts.
 */
import { keyToBytes } from '../bencode/value.ts';
import { type Choice, type Draw, PeerList } from './peer-list.ts';
import { swarmKey } from './swarm-key.ts';
import { type OwnedSwarm, SwarmOwners } from './swarm-owners.ts';

export interface PeerTableLimits {
  readonly maxSwarms: number;
  /** That were made known by one /24, or /48 of IPv6. */
  readonly maxNetworkSwarms: number;
  /** Of one /24, or /64 of IPv6, in one swarm: neighbours, machines behind one NAT, or somebody who makes peers up. */
  readonly maxNetworkPeers: number;
  readonly maxPeers: number;
  readonly expirySeconds: number;
}

const MAX_SWARMS = 65_536;
const MAX_NETWORK_SWARMS = 512;
const MAX_NETWORK_PEERS = 256;
const MAX_PEERS = 1_048_576;
/** Two and a half intervals. */
const EXPIRY_SECONDS = 2250;

export const DEFAULT_LIMITS: PeerTableLimits = {
  maxSwarms: MAX_SWARMS,
  maxNetworkSwarms: MAX_NETWORK_SWARMS,
  maxNetworkPeers: MAX_NETWORK_PEERS,
  maxPeers: MAX_PEERS,
  expirySeconds: EXPIRY_SECONDS,
};

/** How often peers are looked through for expired ones. */
const SWEEP_SECONDS = 60;

export interface SwarmCounts {
  readonly complete: number;
  readonly incomplete: number;
  /** Times that a peer said `completed` since the swarm is known. */
  readonly downloaded: number;
}

export interface KnownSwarm extends SwarmCounts {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
}

/** Peers in all swarms. */
export interface FamilyCounts {
  readonly ipv4: number;
  readonly ipv6: number;
  /** Of both. */
  readonly complete: number;
}

/** A peer as it is kept over a restart. */
export interface KnownPeer {
  readonly compact: Uint8Array;
  readonly complete: boolean;
  readonly ageSeconds: number;
}

/** Belongs to the table; good until the next change of it. */
export interface Swarm extends OwnedSwarm {
  readonly key: string;
  ipv4: PeerList | undefined;
  ipv6: PeerList | undefined;
  downloaded: number;
}

const NO_PEERS = new Uint8Array(0);

export class PeerTable {
  readonly #limits: PeerTableLimits;
  readonly #draw: Draw;
  readonly #swarms = new Map<string, Swarm>();
  readonly #owners: SwarmOwners<Swarm>;
  #peers = 0;
  #sweptSeconds = Number.NEGATIVE_INFINITY;

  constructor(draw: Draw, limits: PeerTableLimits = DEFAULT_LIMITS) {
    this.#draw = draw;
    this.#limits = limits;
    this.#owners = new SwarmOwners(draw);
  }

  get swarmCount(): number {
    return this.#swarms.size;
  }

  get peerCount(): number {
    return this.#peers;
  }

  /**
   * Notes a peer (compact, 6 or 18 bytes) and gives its swarm; undefined when there was no room for that. Its family follows from its
   * length. `isNamed`: the operator named this swarm, which then counts for nobody's and is kept before others.
   */
  put(
    infoHash: Uint8Array,
    compact: Uint8Array,
    seen: { complete: boolean; nowSeconds: number; isNamed?: boolean },
  ): Swarm | undefined {
    const { complete, nowSeconds, isNamed = false } = seen;
    this.#sweep(nowSeconds);
    return this.#note(infoHash, compact, complete, nowSeconds, isNamed);
  }

  remove(infoHash: Uint8Array, compact: Uint8Array): void {
    const swarm = this.find(infoHash);
    if (!swarm || !listOf(swarm, compact)?.remove(compact)) return;
    this.#peers -= 1;
    if (sizeOf(swarm) === 0) this.#forget(swarm);
  }

  /** The swarm of that info-hash, if it is known. */
  find(infoHash: Uint8Array): Swarm | undefined {
    return this.#swarms.get(swarmKey(infoHash));
  }

  /** Peers of each family. */
  familyCounts(): FamilyCounts {
    const sum = { ipv4: 0, ipv6: 0, complete: 0 };
    for (const { ipv4, ipv6 } of this.#swarms.values()) {
      sum.ipv4 += ipv4?.size ?? 0;
      sum.ipv6 += ipv6?.size ?? 0;
      sum.complete += (ipv4?.completeCount ?? 0) + (ipv6?.completeCount ?? 0);
    }
    return sum;
  }

  /** All swarms, in the order in which they were made known. */
  *swarms(): Generator<KnownSwarm> {
    for (const swarm of this.#swarms.values()) yield { infoHash: keyToBytes(swarm.key), ...countsOf(swarm) };
  }

  /** All peers of a swarm, IPv4 and IPv6, as PeerList.pack() gives them. */
  pack(infoHash: Uint8Array, nowSeconds: number): [Uint8Array, Uint8Array] {
    const swarm = this.find(infoHash);
    return [swarm?.ipv4?.pack(nowSeconds) ?? NO_PEERS, swarm?.ipv6?.pack(nowSeconds) ?? NO_PEERS];
  }

  /** Notes a peer of an earlier run; false when it has expired or there was no room. */
  restore(infoHash: Uint8Array, peer: KnownPeer, nowSeconds: number, isNamed: boolean): boolean {
    const { compact, complete, ageSeconds } = peer;
    if (ageSeconds > this.#limits.expirySeconds) return false;
    return this.#note(infoHash, compact, complete, nowSeconds - ageSeconds, isNamed) !== undefined;
  }

  /** Of a swarm that has peers. */
  restoreDownloads(infoHash: Uint8Array, times: number): void {
    const swarm = this.find(infoHash);
    if (swarm) countDownloads(swarm, times);
  }

  #note(
    infoHash: Uint8Array,
    compact: Uint8Array,
    complete: boolean,
    seenSeconds: number,
    isNamed: boolean,
  ): Swarm | undefined {
    const key = swarmKey(infoHash);
    const swarm = this.#swarms.get(key) ?? this.#admit(key, compact, isNamed);
    if (!swarm) return undefined;
    const list = this.#listFor(swarm, compact);
    if (this.#peers >= this.#limits.maxPeers && !list.has(compact)) this.#leaveRoomForPeer(swarm);
    const before = list.size;
    list.put({ compact, complete, nowSeconds: seenSeconds });
    this.#peers += list.size - before;
    this.#owners.joined(swarm, compact);
    return swarm;
  }

  #admit(key: string, compact: Uint8Array, isNamed: boolean): Swarm | undefined {
    if (!isNamed && this.#owners.countOf(compact) >= this.#limits.maxNetworkSwarms) {
      if (!this.#giveUp(this.#owners.newestOf(compact))) return undefined;
    }
    const isFull = this.#swarms.size >= this.#limits.maxSwarms || this.#peers >= this.#limits.maxPeers;
    if (isFull && !this.#giveUp(this.#owners.newestOfMost())) return undefined;
    const swarm: Swarm = {
      key,
      ipv4: undefined,
      ipv6: undefined,
      downloaded: 0,
      owner: undefined,
      lonelyAt: -1,
    };
    this.#swarms.set(key, swarm);
    if (!isNamed) this.#owners.charge(swarm, compact);
    return swarm;
  }

  #listFor(swarm: Swarm, compact: Uint8Array): PeerList {
    const { maxNetworkPeers } = this.#limits;
    if (compact.length === 6) {
      swarm.ipv4 ??= new PeerList(6, this.#draw, maxNetworkPeers);
      return swarm.ipv4;
    }
    swarm.ipv6 ??= new PeerList(18, this.#draw, maxNetworkPeers);
    return swarm.ipv6;
  }

  /** All is full: a lonely swarm goes, but not the one that the peer is for; else a peer of the same swarm. */
  #leaveRoomForPeer(swarm: Swarm): void {
    const victim = this.#owners.newestOfMost();
    if (victim !== swarm && this.#giveUp(victim)) return;
    const { ipv4, ipv6 } = swarm;
    const list = (ipv4?.size ?? 0) >= (ipv6?.size ?? 0) ? ipv4 : ipv6;
    if (!list || list.size === 0) return;
    list.removeRandom();
    this.#peers -= 1;
  }

  #giveUp(swarm: Swarm | undefined): boolean {
    if (!swarm) return false;
    this.#peers -= sizeOf(swarm);
    this.#forget(swarm);
    return true;
  }

  #sweep(nowSeconds: number): void {
    if (nowSeconds - this.#sweptSeconds < SWEEP_SECONDS) return;
    this.#sweptSeconds = nowSeconds;
    for (const swarm of this.#swarms.values()) {
      const before = sizeOf(swarm);
      swarm.ipv4?.expire(nowSeconds, this.#limits.expirySeconds);
      swarm.ipv6?.expire(nowSeconds, this.#limits.expirySeconds);
      this.#peers -= before - sizeOf(swarm);
      if (sizeOf(swarm) === 0) this.#forget(swarm);
    }
  }

  #forget(swarm: Swarm): void {
    this.#swarms.delete(swarm.key);
    this.#owners.forget(swarm);
  }
}

function listOf(swarm: Swarm, compact: Uint8Array): PeerList | undefined {
  return compact.length === 6 ? swarm.ipv4 : swarm.ipv6;
}

function sizeOf({ ipv4, ipv6 }: Swarm): number {
  return (ipv4?.size ?? 0) + (ipv6?.size ?? 0);
}

/** `times` more peers said `completed`. */
export function countDownloads(swarm: Swarm, times: number): void {
  swarm.downloaded = Math.min(swarm.downloaded + times, 2 ** 32 - 1);
}

/** Up to `max` other peers for `asker`, of one family. */
export function choosePeers({ ipv4, ipv6 }: Swarm, family: 4 | 6, choice: Choice): Uint8Array {
  return (family === 4 ? ipv4 : ipv6)?.choose(choice) ?? NO_PEERS;
}

/** All zero for a swarm that isn't known. */
export function countsOf(swarm: Swarm | undefined): SwarmCounts {
  if (!swarm) return { complete: 0, incomplete: 0, downloaded: 0 };
  const complete = (swarm.ipv4?.completeCount ?? 0) + (swarm.ipv6?.completeCount ?? 0);
  return { complete, incomplete: sizeOf(swarm) - complete, downloaded: swarm.downloaded };
}

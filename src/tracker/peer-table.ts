/**
 * Info-hash → peers, all that a tracker remembers. Memory is bounded: so many swarms, so many peers a swarm and
 * family, so many ports an address, so many peers in all. A swarm without peers is forgotten, a peer not heard of
 * for `expirySeconds` too. A full swarm lets a newcomer replace a peer at random, so that no early crowd can shut it;
 * a full table still answers but remembers nobody new. Decides nothing about requests; see tracker.ts.
 */
import { keyFromBytes } from '../bencode/value.ts';
import { type Choice, type Draw, PeerList } from './peer-list.ts';

export interface PeerTableLimits {
  readonly maxSwarms: number;
  /** In one swarm, IPv4 and IPv6 each. */
  readonly maxSwarmPeers: number;
  /** Peers with one address in one swarm: machines behind one NAT, or somebody who makes peers up. */
  readonly maxAddressPeers: number;
  readonly maxPeers: number;
  readonly expirySeconds: number;
}

export const DEFAULT_LIMITS: PeerTableLimits = {
  maxSwarms: 20_000,
  maxSwarmPeers: 10_000,
  maxAddressPeers: 256,
  maxPeers: 250_000,
  expirySeconds: 35 * 60,
};

/** How often peers are looked through for expired ones. */
const SWEEP_SECONDS = 60;

export interface SwarmCounts {
  readonly complete: number;
  readonly incomplete: number;
  /** Times that a peer said `completed` since the swarm is known. */
  readonly downloaded: number;
}

interface Swarm {
  readonly ipv4: PeerList;
  readonly ipv6: PeerList;
  downloaded: number;
}

export class PeerTable {
  readonly #limits: PeerTableLimits;
  readonly #draw: Draw;
  readonly #swarms = new Map<string, Swarm>();
  #peers = 0;
  #sweptSeconds = 0;

  constructor(draw: Draw, limits: PeerTableLimits = DEFAULT_LIMITS) {
    this.#draw = draw;
    this.#limits = limits;
  }

  get swarmCount(): number {
    return this.#swarms.size;
  }

  get peerCount(): number {
    return this.#peers;
  }

  /** Notes a peer (compact, 6 or 18 bytes); false when there was no room for it. Its family follows from its length. */
  put(infoHash: Uint8Array, compact: Uint8Array, complete: boolean, nowSeconds: number): boolean {
    this.#sweep(nowSeconds);
    const key = keyFromBytes(infoHash);
    const known = this.#swarms.get(key);
    const list = known && listOf(known, compact);
    if (!list?.has(compact)) {
      const { maxSwarms, maxPeers, maxAddressPeers, maxSwarmPeers } = this.#limits;
      if (!known && this.#swarms.size >= maxSwarms) return false;
      if (list && list.countAtAddress(compact) >= maxAddressPeers) return false;
      if (list && list.size >= maxSwarmPeers) {
        list.removeRandom(this.#draw);
        this.#peers -= 1;
      }
      if (this.#peers >= maxPeers) return false;
      this.#peers += 1;
    }
    const swarm = known ?? { ipv4: new PeerList(6), ipv6: new PeerList(18), downloaded: 0 };
    if (!known) this.#swarms.set(key, swarm);
    listOf(swarm, compact).put({ compact, complete, nowSeconds });
    return true;
  }

  remove(infoHash: Uint8Array, compact: Uint8Array): void {
    const key = keyFromBytes(infoHash);
    const swarm = this.#swarms.get(key);
    if (!swarm || !listOf(swarm, compact).remove(compact)) return;
    this.#peers -= 1;
    this.#forgetIfEmpty(key, swarm);
  }

  /** One more peer said `completed`. */
  countDownload(infoHash: Uint8Array): void {
    const swarm = this.#swarms.get(keyFromBytes(infoHash));
    if (swarm) swarm.downloaded += 1;
  }

  /** Up to `max` other peers for `asker`: those of its own family, then the other's where they are too few. */
  choose(infoHash: Uint8Array, choice: Choice): { peers: Uint8Array; peers6: Uint8Array } {
    const swarm = this.#swarms.get(keyFromBytes(infoHash));
    if (!swarm) return { peers: new Uint8Array(0), peers6: new Uint8Array(0) };
    if (choice.asker.length === 6) {
      const peers = swarm.ipv4.choose(choice, this.#draw);
      return {
        peers,
        peers6: swarm.ipv6.choose({ ...choice, max: choice.max - peers.length / 6 }, this.#draw),
      };
    }
    const peers6 = swarm.ipv6.choose(choice, this.#draw);
    return {
      peers: swarm.ipv4.choose({ ...choice, max: choice.max - peers6.length / 18 }, this.#draw),
      peers6,
    };
  }

  /** All zero for a swarm that isn't known. */
  counts(infoHash: Uint8Array): SwarmCounts {
    const swarm = this.#swarms.get(keyFromBytes(infoHash));
    if (!swarm) return { complete: 0, incomplete: 0, downloaded: 0 };
    const complete = swarm.ipv4.completeCount + swarm.ipv6.completeCount;
    return { complete, incomplete: sizeOf(swarm) - complete, downloaded: swarm.downloaded };
  }

  #sweep(nowSeconds: number): void {
    if (nowSeconds - this.#sweptSeconds < SWEEP_SECONDS) return;
    this.#sweptSeconds = nowSeconds;
    const oldestSeconds = nowSeconds - this.#limits.expirySeconds;
    for (const [key, swarm] of this.#swarms) {
      const before = sizeOf(swarm);
      swarm.ipv4.expire(oldestSeconds);
      swarm.ipv6.expire(oldestSeconds);
      this.#peers -= before - sizeOf(swarm);
      this.#forgetIfEmpty(key, swarm);
    }
  }

  #forgetIfEmpty(key: string, swarm: Swarm): void {
    if (sizeOf(swarm) === 0) this.#swarms.delete(key);
  }
}

function listOf(swarm: Swarm, compact: Uint8Array): PeerList {
  return compact.length === 6 ? swarm.ipv4 : swarm.ipv6;
}

function sizeOf({ ipv4, ipv6 }: Swarm): number {
  return ipv4.size + ipv6.size;
}

/**
 * Peer exchange: whom we tell of whom, and what becomes of what we are told. It decides who may hear of an address and
 * whose word is listened to, how often and how far; the bytes are wire/pex.ts', who is dialled in the end is Dialer's.
 *
 * Told are peers that are connected and have said hello, each only to peers of the same swarm, those that we dialled
 * first, as they can be reached. Never told:
 *  - an address of the local network to anybody beyond it, nor one that leads further in than where he is (reach.ts);
 *  - an address that was given by hand to a stranger: it may be nobody's business that it is there;
 *  - what can't be dialled, or doesn't say where it listens.
 *
 * What a stranger says is a hint to an address like any other stranger's, and never leads into our own network, nor
 * further in than where he is.
 * Specs: BEP 11; docs/protocol.md "ut_pex".
 */
import { mayLead, mayName, type Reach, reachOf } from '../discovery/reach.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { decodePex, encodePex, MAX_PEX_PEERS, PexFlag, type PexPeer } from '../wire/pex.ts';
import { addressGroup, isLoopbackAddress } from './address.ts';
import type { LocalNetwork } from './local-network.ts';
import type { Peer } from './peer.ts';

/** From one message about a swarm to the next, on a connection (BEP 11). */
export const EXCHANGE_MS = 60_000;
/** Swarms that are spoken of within that time, in turn. */
const SWARMS_AT_ONCE = 4;
/** Messages of a peer that are listened to within that time, in all; what is beyond is not even decoded. */
export const MAX_HEARD = 8;
/** Addresses of a peer that are tried in an hour: as many as it may have itself, and no way to aim dials for ever. */
export const HINTS_AN_HOUR = 200;
const HOUR_MS = 3_600_000;

export interface PeerExchangeHost {
  readonly clock: Clock;
  readonly local: LocalNetwork;
  /** Those that have said hello. */
  peers(): Iterable<Peer>;
  /** An address worth a try. `source`: who named it, by address group. */
  hint(at: HostPort, infoHash: string, source: string): void;
}

/** What was said on one connection. */
interface Exchange {
  /** Info-hash → what the peer has been told and not been told gone, by "host:port". */
  readonly told: Map<string, Map<string, HostPort>>;
  /** Which of the swarms is spoken of next. */
  turn: number;
  nextMs: number;
  heard: number;
  heardSinceMs: number;
  hints: number;
  hintsSinceMs: number;
}

/** A peer that others may be told of. */
interface Whereabouts {
  readonly peer: Peer;
  readonly at: HostPort;
  readonly reach: Reach;
  /** On the local network: nobody beyond it hears of it. */
  readonly isLocal: boolean;
}

export class PeerExchange {
  readonly #host: PeerExchangeHost;
  readonly #exchanges = new WeakMap<Peer, Exchange>();

  constructor(host: PeerExchangeHost) {
    this.#host = host;
  }

  /** Now and then: tells each peer what is new since the last time. */
  tick(): void {
    const now = this.#host.clock.nowMs();
    const all = [...this.#host.peers()];
    const tellable = reachableFirst(all).flatMap((peer) => this.#whereabouts(peer));
    for (const peer of all) {
      const exchange = this.#of(peer);
      if (!peer.speaksExchange || now < exchange.nextMs) continue;
      exchange.nextMs = now + EXCHANGE_MS;
      const swarms = [...peer.swarms];
      for (let i = 0; i < Math.min(SWARMS_AT_ONCE, swarms.length); i += 1)
        this.#tell(peer, swarms[(exchange.turn + i) % swarms.length] as string, tellable);
      exchange.turn += SWARMS_AT_ONCE;
    }
  }

  /** A message came. Throws ProtocolError. */
  heard(peer: Peer, payload: Uint8Array): void {
    if (!peer.ready || !this.#mayHear(peer)) return;
    const { swarm, added } = decodePex(payload);
    const infoHash = swarm ? peer.swarmOf(swarm) : peer.firstSwarm;
    if (infoHash === undefined || !peer.shares(infoHash)) return;
    const here = new Set(
      [...this.#host.peers()].map((other) => other.listensAt && formatHostPort(other.listensAt)),
    );
    for (const { host, port } of added.slice(0, MAX_PEX_PEERS)) {
      const at = { host, port };
      if (isFitHint(at, peer, this.#host.local) && !here.has(formatHostPort(at)) && this.#mayHint(peer))
        this.#host.hint(at, infoHash, addressGroup(peer.address));
    }
  }

  /** None where it listens nowhere that could be dialled. */
  #whereabouts(peer: Peer): Whereabouts[] {
    const at = peer.listensAt;
    const reach = at && reachOf(at.host);
    if (!at || !reach || !mayName(reach, at)) return [];
    return [{ peer, at, reach, isLocal: peer.lan || this.#host.local.has(at.host) }];
  }

  #of(peer: Peer): Exchange {
    let exchange = this.#exchanges.get(peer);
    if (!exchange) {
      const now = this.#host.clock.nowMs();
      exchange = {
        told: new Map(),
        turn: 0,
        nextMs: 0,
        heard: 0,
        heardSinceMs: now,
        hints: 0,
        hintsSinceMs: now,
      };
      this.#exchanges.set(peer, exchange);
    }
    return exchange;
  }

  #mayHear(peer: Peer): boolean {
    const exchange = this.#of(peer);
    const now = this.#host.clock.nowMs();
    if (now - exchange.heardSinceMs >= EXCHANGE_MS) {
      exchange.heardSinceMs = now;
      exchange.heard = 0;
    }
    exchange.heard += 1;
    return exchange.heard <= MAX_HEARD;
  }

  #mayHint(peer: Peer): boolean {
    const exchange = this.#of(peer);
    const now = this.#host.clock.nowMs();
    if (now - exchange.hintsSinceMs >= HOUR_MS) {
      exchange.hintsSinceMs = now;
      exchange.hints = 0;
    }
    exchange.hints += 1;
    return exchange.hints <= HINTS_AN_HOUR;
  }

  #tell(peer: Peer, infoHash: string, all: readonly Whereabouts[]): void {
    const { told } = this.#of(peer);
    const before = told.get(infoHash) ?? new Map<string, HostPort>();
    const standpoint = standpointOf(peer);
    const now = new Map<string, PexPeer>();
    for (const about of all) {
      const { peer: other, at } = about;
      if (other !== peer && other.shares(infoHash) && mayTell(about, peer, standpoint))
        now.set(formatHostPort(at), { ...at, flags: flagsOf(other) });
    }
    const added = [...now].filter(([key]) => !before.has(key)).slice(0, MAX_PEX_PEERS);
    const dropped = [...before].filter(([key]) => !now.has(key)).slice(0, MAX_PEX_PEERS);
    if (added.length === 0 && dropped.length === 0) return;
    for (const [key, at] of added) before.set(key, at);
    for (const [key] of dropped) before.delete(key);
    told.set(infoHash, before);
    peer.exchange(
      encodePex({
        swarm: peer.blind(infoHash),
        added: added.map(([, at]) => at),
        dropped: dropped.map(([, at]) => at),
      }),
    );
  }
}

/** Whether `to`, who is at `standpoint`, may hear of it. */
function mayTell({ peer: about, reach, isLocal }: Whereabouts, to: Peer, standpoint: Reach): boolean {
  if (!mayLead(standpoint, reach)) return false;
  if (isLocal) return to.lan;
  return !about.given || to.trusted;
}

/** Whether an address that `from` names may be tried. */
function isFitHint(at: HostPort, from: Peer, local: LocalNetwork): boolean {
  return mayName(standpointOf(from), at) && (from.lan || !local.has(at.host));
}

/** Where its word leads from: who is on the local network is inside it, whatever its address looks like. */
function standpointOf(peer: Peer): Reach {
  if (isLoopbackAddress(peer.address)) return 'loopback';
  return peer.lan || reachOf(peer.address) === 'private' ? 'private' : 'public';
}

function flagsOf({ dialled, isUploadOnly }: Peer): number {
  return (dialled ? PexFlag.reachable : 0) | (isUploadOnly ? PexFlag.uploadOnly : 0);
}

function reachableFirst(peers: readonly Peer[]): Peer[] {
  return [...peers.filter(({ dialled }) => dialled), ...peers.filter(({ dialled }) => !dialled)];
}

/**
 * Peer exchange in one standard swarm: whom we tell of whom, and what is heard. Told are peers that are connected and can
 * be dialled, those that we dialled first; nobody is told of an address that leads further in than where he is, nor of
 * one given by hand. What is heard is a hint to an address, bounded. Source: BEP 11.
 */
import { mayLead, mayName, type Reach, reachOf } from '../discovery/reach.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { isLoopbackAddress } from '../swarm/address.ts';
import { decodePex, encodePex, MAX_PEX_PEERS, PexFlag, type PexPeer } from '../wire/pex.ts';
import type { Peer } from './peer.ts';

export const EXCHANGE_MS = 60_000;
/** Messages of a peer that are listened to within that time. */
const MAX_HEARD = 4;

interface Spoken {
  readonly told: Map<string, HostPort>;
  nextMs: number;
  heard: number;
  heardSinceMs: number;
}

export class Exchange {
  readonly #clock: Clock;
  readonly #spoken = new WeakMap<Peer, Spoken>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Now and then: tells each what is new. `isGiven`: by hand. */
  tick(peers: readonly Peer[], isGiven: (at: HostPort) => boolean): void {
    const now = this.#clock.nowMs();
    const due = peers.filter((peer) => peer.speaks('ut_pex') && now >= this.#of(peer).nextMs);
    if (due.length === 0) return;
    const tellable = peers
      .toSorted((a, b) => Number(b.dialled) - Number(a.dialled))
      .flatMap((peer) => whereabouts(peer, isGiven));
    for (const peer of due) {
      this.#of(peer).nextMs = now + EXCHANGE_MS;
      this.#tell(peer, tellable);
    }
  }

  /** Addresses that may be dialled. Throws ProtocolError. */
  heard(peer: Peer, payload: Uint8Array): HostPort[] {
    const spoken = this.#of(peer);
    const now = this.#clock.nowMs();
    if (now - spoken.heardSinceMs >= EXCHANGE_MS) {
      spoken.heardSinceMs = now;
      spoken.heard = 0;
    }
    spoken.heard += 1;
    if (spoken.heard > MAX_HEARD) return [];
    const standpoint = standpointOf(peer);
    return decodePex(payload)
      .added.slice(0, MAX_PEX_PEERS)
      .map(({ host, port }) => ({ host, port }))
      .filter((at) => mayName(standpoint, at));
  }

  #of(peer: Peer): Spoken {
    let spoken = this.#spoken.get(peer);
    if (!spoken) {
      spoken = { told: new Map(), nextMs: 0, heard: 0, heardSinceMs: this.#clock.nowMs() };
      this.#spoken.set(peer, spoken);
    }
    return spoken;
  }

  #tell(to: Peer, all: readonly Whereabouts[]): void {
    const { told } = this.#of(to);
    const standpoint = standpointOf(to);
    const now = new Map<string, PexPeer>();
    for (const { peer, at, reach } of all) {
      if (peer === to || !mayLead(standpoint, reach)) continue;
      const flags = (peer.dialled ? PexFlag.reachable : 0) | (peer.isUploadOnly ? PexFlag.uploadOnly : 0);
      now.set(formatHostPort(at), { ...at, flags });
    }
    const added = [...now].filter(([key]) => !told.has(key)).slice(0, MAX_PEX_PEERS);
    const dropped = [...told].filter(([key]) => !now.has(key)).slice(0, MAX_PEX_PEERS);
    if (added.length === 0 && dropped.length === 0) return;
    for (const [key, at] of added) told.set(key, at);
    for (const [key] of dropped) told.delete(key);
    to.sendExtended(
      'ut_pex',
      encodePex({ added: added.map(([, at]) => at), dropped: dropped.map(([, at]) => at) }),
    );
  }
}

interface Whereabouts {
  readonly peer: Peer;
  readonly at: HostPort;
  readonly reach: Reach;
}

function whereabouts(peer: Peer, isGiven: (at: HostPort) => boolean): Whereabouts[] {
  const at = peer.listensAt;
  const reach = at && reachOf(at.host);
  if (!at || !reach || !mayName(reach, at) || isGiven(at)) return [];
  return [{ peer, at, reach }];
}

function standpointOf({ address }: Peer): Reach {
  return isLoopbackAddress(address) ? 'loopback' : (reachOf(address) ?? 'public');
}

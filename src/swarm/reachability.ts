/**
 * Whether strangers can come in, and at which address: what the status says of it, and what to do. Pure but for the
 * clock. Others' word about our address is a vote, one for each address group, and counts when two groups agree, as
 * none of them can be believed alone; the router that mapped a port is believed about itself. Reachable is only proven:
 * a stranger from outside has come in within the last hours. Sources: BEP 10 (yourip), BEP 24 (external ip).
 */
import { formatIp, unmapIpv4 } from '../announce/ip-address.ts';
import { reachOf } from '../discovery/reach.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { addressGroup, isLanAddress, isLoopbackAddress } from './address.ts';
import type { Outside } from './peer-node.ts';

/** How long ago a stranger may have come in last. */
const PROOF_MS = 2 * 60 * 60_000;
/** Votes of this age have moved with us, or not at all. */
const VOTE_MS = 24 * 60 * 60_000;
const MAX_VOTES = 64;
/** Groups that must agree. */
const MIN_VOTES = 2;
/** After so long, and so many strangers met by dialling, somebody should have dialled us. */
const PATIENCE_MS = 60 * 60_000;
const MIN_MET = 10;

type Family = 4 | 6;

/** What the router has been asked for (discovery/port-mapping.ts). */
export interface RouterSays {
  readonly state: 'asking' | 'mapped' | 'failed' | 'needless';
  readonly by?: string;
  readonly outer?: HostPort;
}

export interface ReachabilityStatus {
  readonly state: 'reachable' | 'not reachable' | 'unknown';
  /** Where strangers reach us (HOST:PORT) or, if they don't, would have to; as far as known. */
  readonly addresses: readonly string[];
  /** PCP, NAT-PMP or UPnP: the router has mapped a port. */
  readonly mappedBy?: string;
  /** A sentence for people: how it is, and what to do. */
  readonly advice: string;
}

export interface ReachabilityOptions {
  readonly clock: Clock;
  /** Where we listen for peers; the host may be an unspecified address. */
  readonly listen: () => HostPort;
  /** This machine's own addresses. */
  readonly ownAddresses: () => readonly string[];
  /** Our IPv4 address as the nodes of the DHT see it: they have voted among themselves (discovery/dht-standing.ts). */
  readonly dhtAddress?: () => string | undefined;
  /** Strangers have no business here: nothing is expected of them. */
  readonly isPrivate?: boolean;
}

interface Vote {
  readonly address: string;
  readonly atMs: number;
}

export class Reachability implements Outside {
  readonly #options: ReachabilityOptions;
  readonly #startedMs: number;
  /** By family and the voter's group; the latest last. */
  readonly #votes = new Map<string, Vote>();
  readonly #provenMs = new Map<Family, number>();
  #met = 0;
  #router: RouterSays | undefined;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
  }

  /** The port at which IPv4's Internet reaches us. */
  get outerPort(): number {
    return this.#router?.outer?.port ?? this.#options.listen().port;
  }

  /** Somebody at `from` says how he sees us: 4 or 16 bytes. A name as `from` is a voter, too. */
  sawUs(address: Uint8Array, from: string): void {
    const seen = formatIp(unmapIpv4(address));
    if (reachOf(seen) !== 'public' || isLanAddress(from)) return;
    const family = familyOf(seen);
    const voter = `${family} ${addressGroup(from)}`;
    this.#votes.delete(voter);
    this.#votes.set(voter, { address: seen, atMs: this.#options.clock.nowMs() });
    for (const oldest of this.#votes.keys()) {
      if (this.#votes.size <= MAX_VOTES) break;
      this.#votes.delete(oldest);
    }
  }

  /** The router was asked, or has answered. */
  routerSays(status: RouterSays): void {
    this.#router = status;
  }

  /** A peer at `from` has dialled us and shown that it is one of a swarm of ours. */
  cameIn(from: string): void {
    const address = from.replace(/%.*$/, '');
    // Whoever has our own outer address is a neighbour behind the same router: it proves nothing about others.
    if (isLanAddress(address) || reachOf(address) !== 'public' || this.#outerAddresses().includes(address))
      return;
    this.#provenMs.set(familyOf(address), this.#options.clock.nowMs());
  }

  /** We have dialled a peer, and it is one. */
  wentOut(to: string): void {
    if (!isLanAddress(to)) this.#met += 1;
  }

  status(): ReachabilityStatus {
    const { clock, isPrivate } = this.#options;
    const { state: routerState, by } = this.#router ?? {};
    const outer = this.#outerAddresses();
    const addresses = outer.map((host) => formatHostPort({ host, port: this.#portOf(host) }));
    const base = { addresses, ...(routerState === 'mapped' && by && { mappedBy: by }) };
    if (isPrivate || isLoopbackAddress(this.#options.listen().host)) {
      const advice = 'Only the local network is let in, as it is set.';
      return { ...base, state: 'not reachable', advice };
    }
    const proven = [...this.#provenMs].filter(([, atMs]) => clock.nowMs() - atMs < PROOF_MS);
    if (proven.length > 0) {
      const over = proven.map(([family]) => `IPv${family}`).sort();
      return { ...base, state: 'reachable', advice: `Other machines come in over ${over.join(' and ')}.` };
    }
    if (this.#isShutOff(outer)) return { ...base, state: 'not reachable', advice: this.#wayOut() };
    const advice = 'Nobody from outside has come in yet: that may only be a matter of time.';
    return { ...base, state: 'unknown', advice };
  }

  /** No way in can be seen, or everybody else would have found it by now. */
  #isShutOff(outer: readonly string[]): boolean {
    const { clock, ownAddresses } = this.#options;
    const waitedMs = clock.nowMs() - this.#startedMs;
    if (waitedMs > PATIENCE_MS && this.#met >= MIN_MET) return true;
    const own = ownAddresses();
    if (own.some((host) => reachOf(host) === 'public')) return false;
    const { state, outer: mapped } = this.#router ?? {};
    if (state === 'asking') return false;
    if (state !== 'mapped') return true;
    // Mapped by a router that is behind another one itself.
    return mapped !== undefined && (reachOf(mapped.host) !== 'public' || !isAmong(mapped.host, outer));
  }

  #wayOut(): string {
    const { port } = this.#options.listen();
    const own = this.#options.ownAddresses();
    const lan = own.find((host) => familyOf(host) === 4 && isLanAddress(host) && reachOf(host) === 'private');
    const forward = lan
      ? `forward TCP port ${port} of your router to ${formatHostPort({ host: lan, port: port })}`
      : `let TCP port ${port} through your firewall`;
    const mapping =
      this.#router?.state === 'mapped' ? 'the router behind yours lets nobody in' : 'turn on its UPnP or PCP';
    const ipv6 = own.some((host) => familyOf(host) === 6 && reachOf(host) === 'public')
      ? `let TCP port ${port} in over IPv6`
      : 'use IPv6';
    return `Other machines are dialled from here but can't come in: ${forward}, or ${mapping}, or ${ipv6}.`;
  }

  /** Of each family the one that most voters of late, or the DHT's nodes, agree on, or that the router or this machine itself has. */
  #outerAddresses(): string[] {
    return ([4, 6] as const).flatMap((family) => {
      const own = this.#options
        .ownAddresses()
        .find((host) => isOf(family, host) && reachOf(host) === 'public');
      if (own) return [own];
      const dht = family === 4 ? this.#options.dhtAddress?.() : undefined;
      const voted = this.#elected(family) ?? (dht && reachOf(dht) === 'public' ? dht : undefined);
      if (voted) return [voted];
      const router = this.#router?.outer?.host;
      return router && isOf(family, router) && reachOf(router) === 'public' ? [router] : [];
    });
  }

  #elected(family: Family): string | undefined {
    const now = this.#options.clock.nowMs();
    const counts = new Map<string, number>();
    for (const { address, atMs } of this.#votes.values()) {
      if (now - atMs > VOTE_MS || !isOf(family, address)) continue;
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
    const [best, second] = [...counts].sort(([, a], [, b]) => b - a);
    const isClear = best && best[1] >= MIN_VOTES && best[1] > (second?.[1] ?? 0);
    return isClear ? best[0] : undefined;
  }

  #portOf(host: string): number {
    return isOf(4, host) ? this.outerPort : this.#options.listen().port;
  }
}

function familyOf(host: string): Family {
  return host.includes(':') ? 6 : 4;
}

function isOf(family: Family, host: string): boolean {
  return familyOf(host) === family;
}

/** Or nothing is known to the contrary. */
function isAmong(host: string, outer: readonly string[]): boolean {
  const sameFamily = outer.filter((other) => familyOf(other) === familyOf(host));
  return sameFamily.length === 0 || sameFamily.includes(host);
}

/**
 * Which addresses the DHT may make this node send to. Strangers name them all (nodes, peers, and senders can be
 * forged), so only those that somebody at our bootstrap nodes may lead us to: public ones, and those of private networks
 * or of this machine only where the operator's own bootstrap nodes are there, that is, in a DHT of a fleet, or of a
 * test. IPv4 only. Pure. What is public and what is not: reach.ts.
 */
import { parseIp } from '../announce/ip-address.ts';
import type { HostPort } from '../lib/host-port.ts';
import { isDialable } from './dialable.ts';
import { mayLead, type Reach, reachOf } from './reach.ts';

/** Undefined for what isn't a host's IPv4 address and a port. */
export function scopeOf(at: HostPort): Reach | undefined {
  if (parseIp(at.host)?.length !== 4 || !isDialable(at, true)) return undefined;
  return reachOf(at.host);
}

export class DhtScope {
  /** Of the bootstrap nodes, the narrowest. */
  readonly #from: Reach;

  /** `bootstrap`: given by hand; names count as public. */
  constructor(bootstrap: Iterable<HostPort>) {
    const reaches = new Set(
      [...bootstrap].map(({ host }) => (host === 'localhost' ? 'loopback' : reachOf(host))),
    );
    this.#from = reaches.has('loopback') ? 'loopback' : reaches.has('private') ? 'private' : 'public';
  }

  allow(at: HostPort): boolean {
    const scope = scopeOf(at);
    return scope !== undefined && mayLead(this.#from, scope);
  }
}

/**
 * The addresses of trackers' hosts, by family, looked up anew every minute. A name that has public addresses is public
 * for good: private ones beside them, or later in their place, are left out, so that who owns a public tracker's name
 * can't lead us into the local network (DNS rebinding). A name that has only ever been private is the operator's own.
 */
import { lookup } from 'node:dns/promises';
import { formatIp, parseIp } from '../announce/ip-address.ts';
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { type Reach, reachOf } from './reach.ts';

const CACHE_MS = 60_000;
/** Names that are remembered; redirects can add some. */
const MAX_NAMES = 1_000;
/** Addresses of one family that are tried. */
const MAX_ADDRESSES = 3;

export type Family = 4 | 6;

export interface TrackerAddress {
  readonly host: string;
  readonly family: Family;
  readonly reach: Reach;
}

/** All addresses of a name; rejects when it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export class TrackerAddresses {
  readonly #clock: Clock;
  readonly #resolve: Resolve;
  readonly #known = new Map<
    string,
    { readonly untilMs: number; readonly found: Promise<TrackerAddress[]> }
  >();
  readonly #public = new Set<string>();

  constructor(clock: Clock, resolve: Resolve = resolveByTheSystem) {
    this.#clock = clock;
    this.#resolve = resolve;
  }

  /** Three of each family at most. `host`: a name or an address, in brackets or not. Throws UnavailableError. */
  async of(host: string): Promise<readonly TrackerAddress[]> {
    const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
    if (parseIp(name)) return usable([name]);
    const now = this.#clock.nowMs();
    const known = this.#known.get(name);
    if (known && known.untilMs > now) return known.found;
    const found = this.#lookUp(name);
    this.#known.delete(name);
    this.#known.set(name, { untilMs: now + CACHE_MS, found });
    found.catch(() => this.#known.delete(name));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_NAMES) break;
      this.#known.delete(oldest);
    }
    return found;
  }

  async #lookUp(name: string): Promise<TrackerAddress[]> {
    const hosts = await this.#resolve(name).catch((cause: { code?: string }) => {
      throw new UnavailableError(`its name could not be resolved: ${cause.code ?? 'no answer'}`, { cause });
    });
    const all = usable(hosts);
    if (all.some(({ reach }) => reach === 'public') && this.#public.size < MAX_NAMES) this.#public.add(name);
    const fit = this.#public.has(name) ? all.filter(({ reach }) => reach === 'public') : all;
    const some = ([4, 6] as const).flatMap((family) =>
      fit.filter((address) => address.family === family).slice(0, MAX_ADDRESSES),
    );
    if (some.length === 0) throw new UnavailableError('its name leads to no address that may be asked');
    return some;
  }
}

function usable(hosts: readonly string[]): TrackerAddress[] {
  return hosts.flatMap((host) => {
    const bytes = parseIp(host);
    const reach = reachOf(host);
    return bytes && reach
      ? [{ host: formatIp(bytes), family: bytes.length === 4 ? 4 : 6, reach } as const]
      : [];
  });
}

async function resolveByTheSystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

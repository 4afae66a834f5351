/**
 * What counts as the local network: loopback, private and link-local addresses (address.ts), the subnets of this
 * machine's own interfaces, and addresses at which local discovery has heard somebody lately (heard-hosts.ts), as
 * machines of a campus or an office may have public addresses. It decides what limits
 * hold for an address, and which address counts by itself; not whom to tell secrets (Peer.known goes by private
 * addresses only, as a rented server's neighbours are strangers).
 * Bounded: an interface's network counts up to a /20 or a /64, as larger ones are a provider's. docs/protocol.md
 * "Terminology".
 */
import { formatIp, parseIp } from '../announce/ip-address.ts';
import type { Clock } from '../lib/clock.ts';
import { addressGroup, isLanAddress } from './address.ts';
import { HeardHosts } from './heard-hosts.ts';

/** Shortest prefixes that are believed to be one network. */
const SHORTEST_IPV4_PREFIX = 20;
const SHORTEST_IPV6_PREFIX = 64;
/** Interfaces come and go. */
const REFRESH_MS = 60_000;
/** Of an interface list that is hardly to be believed. */
const MAX_SUBNETS = 64;

interface Subnet {
  readonly address: Uint8Array;
  readonly prefixBits: number;
}

export class LocalNetwork {
  readonly #clock: Clock | undefined;
  readonly #own: () => Iterable<string>;
  readonly #heard: HeardHosts | undefined;
  #subnets: readonly Subnet[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** `own`: addresses of this machine with their prefixes, "203.0.113.7/24"; none where it isn't given. */
  constructor(clock?: Clock, own: () => Iterable<string> = () => []) {
    this.#clock = clock;
    this.#own = own;
    this.#heard = clock && new HeardHosts(clock);
  }

  /** Local discovery has heard somebody at this address. */
  heard(host: string): void {
    if (!isLanAddress(host)) this.#heard?.add(host);
  }

  has(host: string): boolean {
    if (isLanAddress(host) || this.#heard?.has(host)) return true;
    const subnets = this.#current();
    const address = subnets.length === 0 ? undefined : parseIp(host);
    return address !== undefined && subnets.some((subnet) => isWithin(address, subnet));
  }

  /** Who counts as one: a stranger's address group, one address of the local network. */
  group(host: string): string {
    const group = addressGroup(host);
    const address = group.endsWith('/64') && this.has(host) ? parseIp(host) : undefined;
    return address ? formatIp(address) : group;
  }

  #current(): readonly Subnet[] {
    const nowMs = this.#clock?.nowMs();
    if (nowMs === undefined || nowMs - this.#readAtMs < REFRESH_MS) return this.#subnets;
    this.#readAtMs = nowMs;
    this.#subnets = [...this.#own()]
      .map(parseSubnet)
      .filter((one) => one !== undefined)
      .slice(0, MAX_SUBNETS);
    return this.#subnets;
  }
}

/** Undefined for what is no address with a prefix, and for networks that are too large to be one's own. */
function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/%]+)(?:%[^/]*)?\/(\d{1,3})$/.exec(text);
  const address = match && parseIp(match[1] as string);
  if (!match || !address) return undefined;
  const prefixBits = Number(match[2]);
  const shortest = address.length === 4 ? SHORTEST_IPV4_PREFIX : SHORTEST_IPV6_PREFIX;
  return prefixBits >= shortest && prefixBits <= address.length * 8 ? { address, prefixBits } : undefined;
}

function isWithin(address: Uint8Array, { address: own, prefixBits }: Subnet): boolean {
  if (address.length !== own.length) return false;
  const whole = prefixBits >> 3;
  for (let i = 0; i < whole; i += 1) if (address[i] !== own[i]) return false;
  const rest = prefixBits & 7;
  return rest === 0 || (((address[whole] ?? 0) ^ (own[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}

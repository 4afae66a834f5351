/**
 * Which upstreams may be asked on behalf of whoever can reach the proxy port. It decides by port and by every address
 * that the name resolves to, so that neither a request, nor a redirect, nor a clever name leads into the operator's
 * network; what `--allow-upstream` or a source of this machine's apt names is let through (apt would ask it without us).
 * It doesn't dial: the caller is given the addresses that were checked and dials those, so a name that resolves
 * differently a moment later gains nothing. Who asks is the door's to know: clients of other machines may ask only for
 * what `isKnown`.
 * Rules: ports 80 and 443 only; no loopback, private, link-local, multicast, unspecified, reserved or metadata
 * address; one such address among several condemns the name.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Location } from '../archive/entry.ts';
import { isLoopbackHost } from '../lib/address-range.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { RefusedError, UnavailableError } from '../lib/errors.ts';
import { parseHostPort } from '../lib/host-port.ts';
import { addressKind } from './address-kind.ts';
import { isKnownArchive } from './known-archives.ts';

/** Every address of a host name, as text. Rejects when there is none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const resolveAll: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** The cache only spares a lookup for each request of a burst. */
const CACHE_MS = 30_000;
const CACHE_NAMES = 1024;

export interface UpstreamPolicyOptions {
  readonly resolve?: Resolve;
  readonly clock?: Clock;
  /** Whether apt's sources on this machine name that host and port. */
  readonly inSources?: (host: string, port: number) => boolean;
}

export class UpstreamPolicy {
  #allowed: ReadonlySet<string>;
  readonly #inSources: (host: string, port: number) => boolean;
  readonly #resolve: Resolve;
  readonly #clock: Clock;
  readonly #cache = new Map<string, { readonly untilMs: number; readonly addresses: readonly string[] }>();

  /** `allowed`: "HOST" (any port) or "HOST:PORT" (that port only), as given to --allow-upstream. */
  constructor(
    allowed: readonly string[],
    { resolve = resolveAll, clock = systemClock, inSources = () => false }: UpstreamPolicyOptions = {},
  ) {
    this.#allowed = namesOf(allowed);
    this.#inSources = inSources;
    this.#resolve = resolve;
    this.#clock = clock;
  }

  /** Others from now on, in the same form. */
  setAllowed(allowed: readonly string[]): void {
    this.#allowed = namesOf(allowed);
  }

  /** Whether `--allow-upstream`, or one of apt's sources, names this very host and port. */
  allowsByName(at: Pick<Location, 'scheme' | 'host'>): boolean {
    const { host, port } = hostAndPort(at);
    return this.#isAllowed(host, port) || this.#inSources(host, port);
  }

  /**
   * Whether clients of other machines may ask for it: a known archive, one of this machine's sources (but not what
   * serves this machine only), or what `--allow-upstream` names.
   */
  isKnown(at: Pick<Location, 'scheme' | 'host'>): boolean {
    const { host, port } = hostAndPort(at);
    if (this.#isAllowed(host, port) || isKnownArchive(host)) return true;
    return !isLoopbackHost(host) && this.#inSources(host, port);
  }

  /**
   * Resolves with the addresses that may be dialled, or with none when `--allow-upstream` names it (then whatever the
   * name means). Throws RefusedError (403) with the flag that would allow it, UnavailableError when the name
   * doesn't resolve.
   */
  async check(at: Location): Promise<readonly string[]> {
    const { host, port } = hostAndPort(at);
    if (this.#isAllowed(host, port)) return [];
    // All its addresses, to be tried in turn: it is an ordinary mirror nearly always.
    if (this.#inSources(host, port)) return isIP(host) ? [host] : await this.#addresses(host);
    if (port !== 80 && port !== 443) throw refused(at, `port ${port} isn't one of the web's (80, 443)`);
    const addresses = isIP(host) ? [host] : await this.#addresses(host);
    for (const address of addresses) {
      const kind = addressKind(address);
      if (kind !== undefined) {
        throw refused(
          at,
          address === host ? `that is ${kind} address` : `it resolves to ${address}, ${kind} address`,
        );
      }
    }
    return addresses;
  }

  #isAllowed(host: string, port: number): boolean {
    return this.#allowed.has(host) || this.#allowed.has(`${host}:${port}`);
  }

  async #addresses(host: string): Promise<readonly string[]> {
    const known = this.#cache.get(host);
    if (known && known.untilMs > this.#clock.nowMs()) return known.addresses;
    const addresses = await this.#resolve(host).catch((cause: unknown) => {
      const reason = (cause as { code?: string }).code ?? 'no answer';
      throw new UnavailableError(`could not resolve ${host}: ${reason}`, { cause });
    });
    if (addresses.length === 0) throw new UnavailableError(`could not resolve ${host}: it has no address`);
    this.#cache.delete(host);
    this.#cache.set(host, { untilMs: this.#clock.nowMs() + CACHE_MS, addresses });
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHE_NAMES) break;
      this.#cache.delete(oldest);
    }
    return addresses;
  }
}

function refused(at: Location, why: string): RefusedError {
  return new RefusedError(
    403,
    `refused to ask ${at.host}: ${why}; --allow-upstream ${at.host} would allow it`,
  );
}

/** Host without brackets or trailing dot, and the port in force. */
function hostAndPort(at: Pick<Location, 'scheme' | 'host'>): { host: string; port: number } {
  const parsed = parseHostPort(at.host, { port: at.scheme === 'https' ? 443 : 80 });
  if (!parsed) throw new RefusedError(400, `could not understand the host ${at.host}`);
  return { host: parsed.host.toLowerCase().replace(/\.$/, ''), port: parsed.port };
}

function namesOf(allowed: readonly string[]): ReadonlySet<string> {
  return new Set(allowed.map((text) => canonicalName(text.trim().toLowerCase())));
}

/** The form in which `allowed` is compared: no brackets, no trailing dot; ":PORT" kept. */
function canonicalName(text: string): string {
  const withPort = parseHostPort(text);
  if (withPort) return `${withPort.host.replace(/\.$/, '')}:${withPort.port}`;
  return text.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

/**
 * Asks one tracker one thing over one address family, whatever it speaks: http, https or udp. It decides what such a
 * URL may be and which of the host's addresses is asked; when and how often is TrackerClient's. BEP 3, 7, 15, 48.
 */
import {
  type AnnounceAnswer,
  type AnnounceRequest,
  announceUrl,
  decodeAnnounceAnswer,
} from '../announce/http.ts';
import { decodeScrapeAnswer, MAX_SCRAPE_HASHES, type ScrapeEntry, scrapeUrl } from '../announce/scrape.ts';
import type { UdpAnswer } from '../announce/udp-answer.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { fetchAnswer } from './fetch-answer.ts';
import type { Reach } from './reach.ts';
import { type Family, type Resolve, TrackerAddresses } from './tracker-addresses.ts';
import { type UdpQuestion, UdpTrackers } from './udp-tracker.ts';

export interface HeardAnnounce {
  readonly answer: AnnounceAnswer;
  /** Of the address that answered: how far its word about others' addresses counts. */
  readonly reach: Reach;
}

const MAX_URL = 2_048;

/** Whether trackers of this kind of URL can be asked; udp needs a port. */
export function isTrackerUrl(url: string): boolean {
  const parsed = URL.parse(url);
  if (!parsed || parsed.hostname === '' || parsed.href.length > MAX_URL) return false;
  return /^https?:$/.test(parsed.protocol) || (parsed.protocol === 'udp:' && Number(parsed.port) > 0);
}

export class TrackerExchange implements Disposable {
  readonly #addresses: TrackerAddresses;
  readonly #udp: UdpTrackers;

  constructor(clock: Clock, resolve?: Resolve) {
    this.#addresses = new TrackerAddresses(clock, resolve);
    this.#udp = new UdpTrackers(clock);
  }

  /** Whether this family is the only one that the tracker has an address of. Throws UnavailableError. */
  async hasOnly(url: string, family: Family): Promise<boolean> {
    const all = await this.#addresses.of(new URL(url).hostname);
    return all.every((address) => address.family === family);
  }

  /** Of the address that would be asked first. Throws UnavailableError or the signal's reason. */
  async reachOf(url: string, family: Family, signal: AbortSignal): Promise<Reach | undefined> {
    const all = await orAborted(this.#addresses.of(new URL(url).hostname), signal);
    return all.find((address) => address.family === family)?.reach;
  }

  /** Undefined when the host has no address of that family. Throws UnavailableError, ProtocolError or the signal's reason. */
  async announce(
    url: string,
    family: Family,
    request: AnnounceRequest,
    signal: AbortSignal,
  ): Promise<HeardAnnounce | undefined> {
    if (isUdp(url)) {
      const urlData = urlDataOf(url);
      const { trackerId: _, ...announce } = request;
      const heard = await this.#askUdp(url, family, { action: 'announce', announce, urlData }, signal);
      if (heard?.answer.action !== 'announce') return undefined;
      return { answer: heard.answer.answer, reach: heard.reach };
    }
    const fetched = await fetchAnswer(announceUrl(url, request), {
      addresses: this.#addresses,
      family,
      signal,
    });
    if (!fetched) return undefined;
    const answer = decodeAnnounceAnswer(fetched.body);
    if ('failure' in answer) throw new UnavailableError(`it says: ${quoteRemote(answer.failure, 200)}`);
    return { answer, reach: fetched.reach };
  }

  /**
   * How many peers each swarm has, by the tracker's own count (BEP 48); swarms that it doesn't know may be missing.
   * At most 74 info-hashes of 20 bytes. Throws as announce does, and UnavailableError where there is nothing to ask.
   */
  async scrape(
    url: string,
    family: Family,
    infoHashes: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<ScrapeEntry[]> {
    if (infoHashes.length < 1 || infoHashes.length > MAX_SCRAPE_HASHES)
      throw new RangeError(`a scrape asks for 1 to ${MAX_SCRAPE_HASHES} info-hashes`);
    const noAddress = () => new UnavailableError(`it has no IPv${family} address`);
    if (isUdp(url)) {
      const heard = await this.#askUdp(url, family, { action: 'scrape', infoHashes }, signal);
      if (heard?.answer.action !== 'scrape') throw noAddress();
      return heard.answer.counts
        .slice(0, infoHashes.length)
        .map((counts, i) => ({ infoHash: infoHashes[i] as Uint8Array, ...counts }));
    }
    const at = scrapeUrl(url, infoHashes);
    if (at === undefined) throw new UnavailableError('its URL names no place for scrapes');
    const fetched = await fetchAnswer(at, { addresses: this.#addresses, family, signal });
    if (!fetched) throw noAddress();
    const asked = new Set(infoHashes.map((infoHash) => infoHash.toHex()));
    return decodeScrapeAnswer(fetched.body).filter(({ infoHash }) => asked.has(infoHash.toHex()));
  }

  [Symbol.dispose](): void {
    this.#udp[Symbol.dispose]();
  }

  /** The host's addresses in turn. */
  async #askUdp(url: string, family: Family, question: UdpQuestion, signal: AbortSignal) {
    const { hostname, port } = new URL(url);
    const all = await orAborted(this.#addresses.of(hostname), signal);
    const addresses = all.filter((address) => address.family === family);
    let failure: unknown;
    for (const address of addresses) {
      try {
        const answer: UdpAnswer = await this.#udp.ask(address, Number(port), question, signal);
        return { answer, reach: address.reach };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UnavailableError || error instanceof ProtocolError)) throw error;
        failure = error;
      }
    }
    if (failure) throw failure;
    return undefined;
  }
}

function isUdp(url: string): boolean {
  return /^udp:/i.test(url);
}

/** What stands behind host and port, for trackers that are several in one (BEP 41). */
function urlDataOf(url: string): Uint8Array {
  const { pathname, search } = new URL(url);
  return new TextEncoder().encode(pathname === '/' && search === '' ? '' : pathname + search);
}

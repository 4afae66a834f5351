/**
 * The mirror over HTTP: one request, its redirects, its time-outs. It decides what may hold a request up (connecting
 * and the head have a limit, the body only a limit on silence) and that every hop passes the upstream policy before it
 * is dialled. It doesn't look at what the bytes are.
 *
 * Plain http is dialled at the very address that was checked (plain-http.ts). https isn't (fetch can't be told): there
 * the server has to prove the name by certificate before a byte of the request is sent, which nothing inside a network
 * can do.
 * Source: RFC 9110 §7.6, §15.4.
 */
import { type Location, locationUrl } from '../archive/entry.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { ProtocolError, RefusedError, UnavailableError } from '../lib/errors.ts';
import { parseHostPort } from '../lib/host-port.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { dialInTurn } from './dial-in-turn.ts';
import { endToEndHeaders, requestHeaders } from './end-to-end-headers.ts';
import { fetchRaw } from './fetch-raw.ts';
import { Health } from './health.ts';
import type { Mirror, MirrorAnswer, MirrorEstimate, MirrorRequest } from './mirror.ts';
import { PlainHttp } from './plain-http.ts';
import type { RawAnswer } from './raw-answer.ts';
import { Slots } from './slots.ts';
import { TransferBody } from './transfer-body.ts';

/** What HttpMirror wants of UpstreamPolicy. */
export interface MayAsk {
  check(at: Location): Promise<readonly string[]>;
}

export interface HttpMirrorOptions {
  readonly policy: MayAsk;
  /** See userAgentFor. */
  readonly userAgent: string;
  /** Our own Via entry, "1.1 debtorrent-…": what the loop guard of the proxy recognises. */
  readonly via?: string;
  readonly clock?: Clock;
  /** From having a slot to the head of the answer, for each hop. Default 10 s. */
  readonly headTimeoutMs?: number;
  /** The same for a host that said nothing the last time. Default 3 s: who has to fail fails soon. */
  readonly silentHeadTimeoutMs?: number;
  /** Silence while a reader waits. Default 20 s: apt gives up after 30. */
  readonly stallTimeoutMs?: number;
  /** An answer nobody reads is dropped after this. Default 60 s. */
  readonly unreadTimeoutMs?: number;
  /** How long one of several addresses may be silent before the next is tried as well. Default 2.5 s. */
  readonly nextAddressMs?: number;
  /** Requests at once: default 16 for each host, 200 in all. */
  readonly perHost?: number;
  readonly total?: number;
}

const REDIRECTS_MAX = 5;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
const NO_BODY_STATUS = new Set([204, 304]);

/** "DebTorrent/1.0.0 (BitTorrent proxy for APT)" */
export function userAgentFor(version: string): string {
  return `DebTorrent/${version} (BitTorrent proxy for APT)`;
}

interface Hop {
  readonly at: Location;
  readonly url: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

interface HopAnswer extends MirrorAnswer {
  readonly body: TransferBody;
}

export class HttpMirror implements Mirror {
  readonly #options: Required<Omit<HttpMirrorOptions, 'via'>> & { readonly via: string | undefined };
  readonly #health = new Health();
  readonly #slots: Slots;
  readonly #plain = new PlainHttp();

  constructor(options: HttpMirrorOptions) {
    this.#options = {
      clock: systemClock,
      headTimeoutMs: 10_000,
      silentHeadTimeoutMs: 3_000,
      stallTimeoutMs: 20_000,
      unreadTimeoutMs: 60_000,
      nextAddressMs: 2500,
      perHost: 16,
      total: 200,
      via: undefined,
      ...options,
    };
    this.#slots = new Slots(this.#options);
  }

  estimate(host: string): MirrorEstimate {
    return this.#health.estimate(host);
  }

  /** When something last came from that host, by the clock. */
  movedMs(host: string): number | undefined {
    return this.#health.heardMs(host);
  }

  /** When it was last waited for in vain, by the clock; undefined when it has been heard since. */
  silentMs(host: string): number | undefined {
    return this.#health.silentMs(host);
  }

  async request({
    at,
    method = 'GET',
    headers = {},
    range,
    query,
    signal,
  }: MirrorRequest): Promise<MirrorAnswer> {
    const sent = requestHeaders(headers);
    sent.set('User-Agent', this.#options.userAgent);
    if (this.#options.via) sent.append('Via', this.#options.via);
    if (range) sent.set('Range', `bytes=${range.from}-${range.to === undefined ? '' : range.to - 1}`);

    const seen = new Set<string>();
    let hop: Hop = { at, url: locationUrl(at) + (query ? `?${query}` : ''), method, headers: sent, signal };
    for (;;) {
      seen.add(hop.url);
      const answer = await this.#ask(hop).catch((error: unknown) => {
        // A refusal is final; that a mirror leads astray (a captive portal does) may pass.
        if (hop.at === at || !(error instanceof RefusedError)) throw error;
        throw new UnavailableError(`could not fetch ${nameOf(at)}: it redirects: ${error.message}`, {
          cause: error,
        });
      });
      const target = REDIRECT_STATUS.has(answer.status) ? answer.headers.get('location') : null;
      if (target === null) return answer;
      await answer.body.return();
      hop = redirected(hop, target);
      if (seen.has(hop.url))
        throw new UnavailableError(`could not fetch ${nameOf(at)}: it redirects in a circle`);
      if (seen.size > REDIRECTS_MAX) {
        throw new UnavailableError(`could not fetch ${nameOf(at)}: more than ${REDIRECTS_MAX} redirects`);
      }
    }
  }

  /** One hop: its slot is held until the body has ended or been left. */
  async #ask(hop: Hop): Promise<HopAnswer> {
    const { clock } = this.#options;
    const { at, signal } = hop;
    const release = await this.#slots.take(at.host, signal);
    const headTimeoutMs = this.#headTimeoutMs(at.host);
    const transfer = new AbortController();
    const onAbort = () => transfer.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const letGo = () => {
      signal.removeEventListener('abort', onAbort);
      release();
    };
    const takeBackTimer = clock.after(headTimeoutMs, () => {
      const text = `could not fetch ${nameOf(at)}: no answer within ${Math.round(headTimeoutMs / 1000)} s`;
      this.#health.gaveUp(at.host, clock.nowMs());
      transfer.abort(new UnavailableError(text, { timedOut: true }));
    });
    const askedMs = clock.nowMs();
    try {
      const response = await this.#dial(hop, transfer.signal);
      this.#health.heard(at.host, clock.nowMs());
      this.#health.measuredLatency(at.host, clock.nowMs() - askedMs);
      return this.#answer(hop, response, transfer, letGo);
    } catch (cause) {
      letGo();
      if (signal.aborted) {
        // Whoever asked may have lost patience a moment before we did.
        if (clock.nowMs() - askedMs >= headTimeoutMs / 2) this.#health.gaveUp(at.host, clock.nowMs());
        throw signal.reason;
      }
      if (cause instanceof RefusedError) throw cause;
      this.#health.measuredLatency(at.host, Math.max(clock.nowMs() - askedMs, headTimeoutMs / 10));
      if (transfer.signal.aborted) throw transfer.signal.reason;
      if (cause instanceof UnavailableError) throw cause;
      throw new UnavailableError(`could not fetch ${nameOf(at)}: ${reasonOf(cause)}`, { cause });
    } finally {
      takeBackTimer();
    }
  }

  #headTimeoutMs(host: string): number {
    const { headTimeoutMs, silentHeadTimeoutMs } = this.#options;
    const isSilent = this.#health.silentMs(host) !== undefined;
    return isSilent ? Math.min(headTimeoutMs, silentHeadTimeoutMs) : headTimeoutMs;
  }

  async #dial({ at, url, method, headers }: Hop, signal: AbortSignal): Promise<RawAnswer> {
    const { policy, clock, nextAddressMs } = this.#options;
    const addresses = await orAborted(policy.check(at), signal);
    const named = parseHostPort(at.host, { port: 80 });
    if (at.scheme === 'https' || !named) {
      const { status, headers: answered, body } = await fetchRaw(url, { method, headers, signal });
      return { status, headers: answered, body: body?.getReader() ?? null };
    }
    const { pathname, search } = new URL(url);
    const request = { host: at.host, target: pathname + search, method, headers };
    const dial = (address: string, own: AbortSignal) =>
      this.#plain.request({ ...request, to: { host: address, port: named.port }, signal: own });
    // One that is allowed by name is whatever that name means.
    const candidates = addresses.length > 0 ? addresses : [named.host];
    return dialInTurn(candidates, dial, { clock, delayMs: nextAddressMs, signal });
  }

  #answer({ at, method }: Hop, response: RawAnswer, transfer: AbortController, letGo: () => void): HopAnswer {
    const { status, headers } = response;
    const hasBody = method !== 'HEAD' && !NO_BODY_STATUS.has(status);
    const length = headers.get('content-length');
    const body = new TransferBody(hasBody ? response.body : null, {
      ...this.#options,
      name: nameOf(at),
      expectedBytes: hasBody && length !== null && /^\d+$/.test(length) ? Number(length) : undefined,
      transfer,
      onBytes: () => this.#health.heard(at.host, this.#options.clock.nowMs()),
      onEnd: ({ bytes, elapsedMs, readerMs }) => {
        letGo();
        // A reader that was the slower one says little of the mirror, and nothing when it was much slower.
        if (readerMs > 0.8 * elapsedMs) return;
        this.#health.measuredTransfer(at.host, bytes, Math.max(elapsedMs - readerMs, elapsedMs / 2));
      },
    });
    return { status, headers: endToEndHeaders(headers), body };
  }
}

/** The hop that a Location field asks for (RFC 9110 §10.2.2). Its URL stays as given: it may be signed. */
function redirected(from: Hop, target: string): Hop {
  const url = URL.parse(target, from.url);
  const scheme = url?.protocol.slice(0, -1);
  if (!url || (scheme !== 'http' && scheme !== 'https')) {
    throw new UnavailableError(
      `could not fetch ${nameOf(from.at)}: it redirects to what isn't http or https`,
    );
  }
  url.username = '';
  url.password = '';
  url.hash = '';
  const headers = new Headers(from.headers);
  if (url.origin !== new URL(from.url).origin) {
    headers.delete('authorization');
    headers.delete('cookie');
  }
  return { ...from, at: { scheme, host: url.host, path: url.pathname }, url: url.href, headers };
}

function nameOf(at: Location): string {
  return `${at.scheme}://${at.host}${at.path}`;
}

function reasonOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.message;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'ECONNREFUSED' || code === 'ConnectionRefused') return 'connection refused';
  if (code === 'ECONNRESET') return 'the connection was closed before an answer';
  return typeof code === 'string' ? code : String(message ?? error);
}

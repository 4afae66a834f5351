/**
 * Gets one answer of an HTTP tracker, over one address family: bounded in time (slow bodies included), size and
 * redirects. What is connected to is the address that was judged, not the name again; a redirect leads only where who
 * sent it may lead us (reach.ts). The body is taken as it comes, without decompression, and nothing goes through the
 * proxy that the environment names (which may be ourselves).
 */
import { MAX_ANSWER_BYTES } from '../announce/http.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { mayLead, type Reach } from './reach.ts';
import { readAtMost } from './read-at-most.ts';
import type { Family, TrackerAddress, TrackerAddresses } from './tracker-addresses.ts';

const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 20_000;

export interface FetchOptions {
  readonly addresses: Pick<TrackerAddresses, 'of'>;
  readonly family: Family;
  readonly signal: AbortSignal;
  /** For all of it, redirects and the body included. */
  readonly timeoutMs?: number;
}

export interface FetchedAnswer {
  readonly body: Uint8Array;
  /** Of the address that gave it. */
  readonly reach: Reach;
}

/** Undefined when the host has no address of that family. Throws UnavailableError, ProtocolError, or the signal's reason. */
export async function fetchAnswer(url: string, options: FetchOptions): Promise<FetchedAnswer | undefined> {
  const { signal, timeoutMs = TIMEOUT_MS } = options;
  const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let at = new URL(url);
  let from: Reach | undefined;
  try {
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const addresses = await orAborted(addressesFor(at, from, options), until);
      if (addresses.length === 0) {
        if (from === undefined) return undefined;
        throw new ProtocolError('redirected to where it may not lead us');
      }
      const { response, address } = await getFromOne(at, addresses, until, timeoutMs);
      from = from && mayLead(address.reach, from) ? from : address.reach;
      const location = response.status >= 300 && response.status < 400 && response.headers.get('location');
      if (!location) return { body: await readBody(response), reach: address.reach };
      await response.body?.cancel();
      at = follow(at, location);
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ProtocolError || cause instanceof UnavailableError) throw cause;
    throw new UnavailableError(reasonOf(cause), { cause });
  }
  throw new ProtocolError('redirected too often');
}

/** `from`: who redirected us, as far out as any of them was; undefined for the tracker itself. */
async function addressesFor(at: URL, from: Reach | undefined, { addresses, family }: FetchOptions) {
  const all = await addresses.of(at.hostname);
  return all.filter((a) => a.family === family && (from === undefined || mayLead(from, a.reach)));
}

/** The addresses in turn; each gets its share of the time until the first byte. */
async function getFromOne(
  at: URL,
  addresses: readonly TrackerAddress[],
  until: AbortSignal,
  timeoutMs: number,
) {
  let failure: unknown;
  for (const [i, address] of addresses.entries()) {
    const patience = new AbortController();
    const shareMs = (0.9 * timeoutMs) / addresses.length;
    const timer =
      i < addresses.length - 1 &&
      setTimeout(() => patience.abort(new UnavailableError('no answer in time')), shareMs);
    try {
      return { response: await get(at, address, AbortSignal.any([until, patience.signal])), address };
    } catch (cause) {
      until.throwIfAborted();
      failure = cause;
    } finally {
      if (timer) clearTimeout(timer);
    }
  }
  throw failure;
}

function get(at: URL, address: TrackerAddress, signal: AbortSignal): Promise<Response> {
  const pinned = new URL(at.href);
  pinned.hostname = address.family === 6 ? `[${address.host}]` : address.host;
  // `serverName` (for TLS) and `proxy: false` ("none, whatever the environment says") are Bun's; its types lag behind.
  const options = {
    signal,
    redirect: 'manual',
    decompress: false,
    proxy: false,
    headers: { accept: '*/*', host: at.host },
    ...(at.protocol === 'https:' && { tls: { serverName: at.hostname } }),
  };
  return fetch(pinned.href, options as unknown as RequestInit);
}

async function readBody(response: Response): Promise<Uint8Array> {
  const body = await readAtMost(response, MAX_ANSWER_BYTES);
  // Some trackers put a failure reason into another status.
  if (response.status !== 200 && body[0] !== 0x64)
    throw new UnavailableError(`HTTP status ${response.status}`);
  return body;
}

function follow(from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (!to || !/^https?:$/.test(to.protocol))
    throw new ProtocolError('redirected to something that is not HTTP');
  return to;
}

function reasonOf(cause: unknown): string {
  const { name, code, message } = cause as { name?: string; code?: string; message?: string };
  if (name === 'TimeoutError') return 'no whole answer in time';
  return code ?? message ?? String(cause);
}

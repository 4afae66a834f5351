/**
 * Gets one answer of an HTTP tracker: bounded in time, size and redirects. The body is taken as it comes, without
 * decompression, and neither goes through the proxy that the environment names (which may be ourselves).
 * A redirect may lead to another tracker but not from a host elsewhere to this machine.
 */
import { MAX_ANSWER_BYTES } from '../announce/http.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import { isLoopbackHost } from './dialable.ts';

const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 20_000;

/** The body. Throws UnavailableError, ProtocolError, or the signal's reason. */
export async function fetchAnswer(url: string, signal: AbortSignal): Promise<Uint8Array> {
  let from = new URL(url);
  const until = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const response = await get(from.href, until, signal);
    const location = response.status >= 300 && response.status < 400 && response.headers.get('location');
    if (!location) return readBody(response);
    await response.body?.cancel();
    from = follow(from, location);
  }
  throw new ProtocolError('redirected too often');
}

async function get(url: string, until: AbortSignal, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      signal: until,
      redirect: 'manual',
      decompress: false,
      // Bun's `false` is "none, whatever the environment says"; its types know text only.
      proxy: false as unknown as string,
      headers: { accept: '*/*' },
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new UnavailableError(reasonOf(cause), { cause });
  }
}

async function readBody(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > MAX_ANSWER_BYTES)
        throw new ProtocolError(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new UnavailableError(reasonOf(cause), { cause });
  }
  // Some trackers put a failure reason into another status.
  const body = new Uint8Array(Buffer.concat(parts));
  if (response.status !== 200 && body[0] !== 0x64)
    throw new UnavailableError(`HTTP status ${response.status}`);
  return body;
}

function follow(from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (!to || !/^https?:$/.test(to.protocol))
    throw new ProtocolError('redirected to something that is not HTTP');
  if (isLoopbackHost(to.hostname) && !isLoopbackHost(from.hostname)) {
    throw new ProtocolError('redirected to this machine');
  }
  return to;
}

function reasonOf(cause: unknown): string {
  const { name, code, message } = cause as { name?: string; code?: string; message?: string };
  if (name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  return code ?? message ?? String(cause);
}

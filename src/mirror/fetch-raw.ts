/**
 * The one place where files and our own status are fetched (trackers are asked by a lower room). It decides the options
 * that must never differ: bodies as they are on the wire (Bun's fetch unpacks Content-Encoding and keeps the old
 * length), no proxy of the environment (we are the proxy: http_proxy may well name us), redirects left to the caller
 * (each hop has to be checked). It doesn't decide which address may be asked: upstream-policy does. A test looks for
 * other calls of fetch.
 */
export interface RawRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly body?: string;
  readonly headers?: Headers;
  readonly signal: AbortSignal;
}

/** Like fetch, but without its surprises. Rejects with the signal's reason when that is aborted. */
export function fetchRaw(
  url: string,
  { method = 'GET', headers, body, signal }: RawRequest,
): Promise<Response> {
  const sent = new Headers(headers);
  if (!sent.has('accept-encoding')) sent.set('Accept-Encoding', 'identity');
  return fetch(url, {
    method,
    headers: sent,
    ...(body !== undefined && { body }),
    signal,
    decompress: false,
    proxy: false,
    redirect: 'manual',
  } as RequestInit);
}

/**
 * Which header fields travel on: hop-by-hop fields end here, in either direction, with those that Connection names
 * (RFC 9110 §7.6.1). `Host` and `Content-Length` of a request are of the connection's making too.
 */
const HOP_BY_HOP = [
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te'],
  ...['trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect'],
];

/** A copy without what belongs to one connection only. */
export function endToEndHeaders(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = (headers.get('connection') ?? '').split(',').map((name) => name.trim());
  for (const name of [...HOP_BY_HOP, ...named.filter((text) => /^[\w!#$%&'*+.^`|~-]+$/.test(text))])
    kept.delete(name);
  return kept;
}

/** As above, and without what the client side makes anew for each connection. */
export function requestHeaders(headers: Readonly<Record<string, string>>): Headers {
  const kept = endToEndHeaders(new Headers(headers));
  kept.delete('host');
  kept.delete('content-length');
  return kept;
}

/**
 * "HOST:PORT" with IPv6 in brackets, both ways. A host alone takes the default port; ":PORT" alone takes the
 * default host. Source: RFC 3986 §3.2.
 */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Undefined when the text isn't a host and port. Port 0 is allowed ("any free one"). */
export function parseHostPort(
  text: string,
  defaults: { host?: string; port?: number } = {},
): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:[\]\s/]*))(?::(\d{1,5}))?$/.exec(text.trim());
  if (!match) return undefined;
  const host = match[1] ?? (match[2] || defaults.host);
  const port = match[3] === undefined ? defaults.port : Number(match[3]);
  if (!host || port === undefined || port > 65535) return undefined;
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

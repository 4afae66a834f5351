/**
 * What a request line asks for. It decides between a page of our own, a file at an upstream, and a refusal, and after
 * it nobody looks at a URL. It doesn't decide whether the upstream may be asked (mirror/upstream-policy) nor what the
 * file is (the catalogue). Pure.
 *
 * Forms: `/host[:port]/path` (mirror style, as the original DebTorrent had it), `http://host/path` (proxy style,
 * RFC 9112 §3.2.2), `/HTTPS///host/path` and `http://HTTPS///host/path` (apt-cacher-ng's way to name an https mirror).
 */
import type { Location } from '../archive/entry.ts';
import { normalPath } from './normal-path.ts';

export type Target =
  /** One of our own pages; `path` is in normal form. */
  | { readonly kind: 'own'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly at: Location;
      /** Without "?": such a request is passed through, never stored. */
      readonly query: string | undefined;
      /** "user:password" of the URI, decoded: such a request is passed through, never stored. */
      readonly userinfo: string | undefined;
    }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string };

export interface TargetOptions {
  /** Whether "host[:port]" (lower case) is this very proxy. */
  readonly isOwnHost: (host: string) => boolean;
}

const OWN_PAGES = /^\/(?:api\/.*|assets\/.*|healthz|metrics|favicon\.ico|robots\.txt)?$/;
const TARGET_MAX = 8192;

/** `raw` is the request-target as it came. */
export function parseTarget(raw: string, { isOwnHost }: TargetOptions): Target {
  if (raw.length > TARGET_MAX) return refuse(414, 'the request line is too long');
  if (/[\0-\x20\x7f]/.test(raw)) return refuse(400, 'the request line has a character that must be encoded');
  const absolute = /^([a-z][a-z0-9+.-]*):\/\/([^/?]*)(.*)$/i.exec(raw);
  if (!absolute) return raw.startsWith('/') ? originForm(raw) : refuse(400, 'the request line has no path');

  const [, scheme = '', authority = '', rest = ''] = absolute;
  if (authority.toLowerCase() === 'https' && rest.startsWith('//')) return hostAndPath('https', rest);
  const lower = scheme.toLowerCase();
  if (lower !== 'http' && lower !== 'https') return refuse(400, `this proxy doesn't speak ${lower}`);
  const slash = rest.startsWith('/') ? rest : `/${rest}`;
  if (isOwnHost(authority.toLowerCase())) return originForm(slash);
  const at = authority.lastIndexOf('@');
  return file(lower, authority.slice(at + 1), slash, at < 0 ? undefined : authority.slice(0, at));
}

function originForm(raw: string): Target {
  const https = /^\/https\/\/+/i.exec(raw);
  if (https) return hostAndPath('https', raw.slice(https[0].length - 1));
  const [rawPath] = splitQuery(raw);
  const normal = normalPath(rawPath);
  if ('refused' in normal) return refuse(400, normal.refused);
  if (OWN_PAGES.test(normal.path)) return { kind: 'own', path: normal.path };
  return hostAndPath('http', raw);
}

/** "/host[:port]/path", slashes before the host ignored. */
function hostAndPath(scheme: 'http' | 'https', raw: string): Target {
  const [, host = '', rest = ''] = /^\/*([^/?]*)(.*)$/.exec(raw) ?? [];
  const looksLikeHost = /[.:]/.test(host) || host.toLowerCase() === 'localhost';
  if (!looksLikeHost) {
    return refuse(404, 'there is no such page; a mirror is named like /ftp.de.debian.org/debian/');
  }
  return file(scheme, host, rest.startsWith('/') ? rest : `/${rest}`, undefined);
}

function file(
  scheme: 'http' | 'https',
  authority: string,
  raw: string,
  rawUserinfo: string | undefined,
): Target {
  const host = normalHost(scheme, authority);
  if (host === undefined) return refuse(400, "the request line has a host that isn't one");
  const [rawPath, query] = splitQuery(raw);
  if (query?.includes('#')) return refuse(400, 'the query has a character that must be encoded');
  const normal = normalPath(rawPath);
  if ('refused' in normal) return refuse(400, normal.refused);
  const userinfo = rawUserinfo === undefined ? undefined : decodeUserinfo(rawUserinfo);
  if (rawUserinfo !== undefined && userinfo === undefined)
    return refuse(400, 'the user name has a broken escape');
  return { kind: 'file', at: { scheme, host, path: normal.path }, query, userinfo };
}

/** Lower case, no trailing dot, no default port; undefined for what is no host. */
function normalHost(scheme: 'http' | 'https', authority: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5})?)?$/.exec(authority.toLowerCase());
  if (!match) return undefined;
  const name = match[1]?.replace(/\.$/, '') ?? '';
  const port = match[2] ? Number(match[2]) : undefined;
  if (name === '' || name.length > 253 || name.includes('..') || name.startsWith('.')) return undefined;
  if (port !== undefined && (port === 0 || port > 65535)) return undefined;
  const isDefault = port === undefined || port === (scheme === 'https' ? 443 : 80);
  const host = isDefault ? name : `${name}:${port}`;
  // Also turns down what only looks like an address ("[1]", "1.2.3.999").
  return URL.canParse(`${scheme}://${host}/`) ? host : undefined;
}

function splitQuery(raw: string): readonly [path: string, query: string | undefined] {
  const mark = raw.indexOf('?');
  if (mark < 0) return [raw, undefined];
  return [raw.slice(0, mark), raw.slice(mark + 1) || undefined];
}

function decodeUserinfo(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw);
  } catch {
    return undefined;
  }
}

function refuse(status: number, text: string): Target {
  return { kind: 'refused', status, text };
}

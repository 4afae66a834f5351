/**
 * What a file name in apt's list directory says: apt keeps each file under its URI without scheme and user, with "/"
 * as "_" and what may not stand there as "%xx" ("_" itself is "%5f"). It decides where a file came from; whether it
 * is what it seems to be is told by signatures and hashes elsewhere. Pure.
 * Source: apt's URItoFileName() and QuoteString(), apt-pkg/contrib/strutl.cc; apt 2.6.2 by experiment.
 */
import type { Location } from './entry.ts';
import { indexStem, isIndexName, RELEASE_FILES, releasePlace } from './held-release.ts';

export interface ListNameOptions {
  /** Hosts ("host" or "host:port") that apt's sources reach by https; all others count as http. */
  readonly httpsHosts: ReadonlySet<string>;
  /** This proxy itself, as in "deb http://localhost:9988/ftp.de.debian.org/debian". */
  readonly isOwnHost: (host: string) => boolean;
}

/** An archive whose Release is among the lists, and its files there, by name in the directory. */
export interface ListedArchive {
  /** Of the release file of the form that apt took. */
  readonly at: Location;
  readonly release: string;
  /** Where the Release isn't signed in itself. */
  readonly signature: string | undefined;
  /** File name → the index's name in the Release, without a suffix ("main/binary-amd64/Packages"). */
  readonly indexes: ReadonlyMap<string, string>;
}

const MAX_NAME_CHARS = 1024;
const SCHEME_PORT = { http: /:80$/, https: /:443$/ } as const;

/** Finds the archives among the names of apt's list directory. What isn't a list is passed over. */
export function listedArchives(names: readonly string[], options: ListNameOptions): ListedArchive[] {
  const all = new Set(names.filter((name) => name.length <= MAX_NAME_CHARS));
  const archives = new Map<string, ListedArchive & { readonly indexes: Map<string, string> }>();
  // "InRelease" is the first of them, as it is for apt.
  for (const form of RELEASE_FILES.slice(0, 2)) {
    for (const name of all) {
      const prefix = name.endsWith(`_${form}`) ? name.slice(0, -form.length) : undefined;
      const at = prefix === undefined || archives.has(prefix) ? undefined : locate(name, options);
      if (prefix === undefined || at === undefined || releasePlace(at)?.name !== form) continue;
      const signature = `${prefix}Release.gpg`;
      const isDetached = form === 'Release' && all.has(signature);
      archives.set(prefix, {
        at,
        release: name,
        signature: isDetached ? signature : undefined,
        indexes: new Map(),
      });
    }
  }
  for (const name of all) {
    if (!isIndexName(decode(name) ?? '')) continue;
    for (let end = name.lastIndexOf('_'); end > 0; end = name.lastIndexOf('_', end - 1)) {
      const archive = archives.get(name.slice(0, end + 1));
      const path = archive && decode(name.slice(end + 1));
      if (archive === undefined || path === undefined) continue;
      archive.indexes.set(name, indexStem(path));
      break;
    }
  }
  return [...archives.values()];
}

/** Where a list came from; undefined for what has no host (file:, cdrom:) or can't be an URI. */
function locate(name: string, options: ListNameOptions): Location | undefined {
  const segments = decode(name)?.split('/') ?? [];
  let host = segments.shift()?.toLowerCase() ?? '';
  let scheme: Location['scheme'] = options.httpsHosts.has(host) ? 'https' : 'http';
  if (options.isOwnHost(host) || /^https$/.test(host)) {
    const isHttps = host === 'https' || segments[0]?.toLowerCase() === 'https';
    if (isHttps && host !== 'https') segments.shift();
    while (segments[0] === '') segments.shift();
    host = segments.shift()?.toLowerCase() ?? '';
    scheme = isHttps ? 'https' : 'http';
  }
  host = host.replace(SCHEME_PORT[scheme], '');
  const path = segments.filter((segment) => segment !== '' && segment !== '.');
  if (host === '' || path.length === 0 || path.includes('..')) return undefined;
  if (!URL.canParse(`${scheme}://${host}/`)) return undefined;
  return { scheme, host, path: `/${path.join('/')}` };
}

function decode(name: string): string | undefined {
  try {
    return decodeURIComponent(name.replaceAll('_', '/'));
  } catch {
    return undefined;
  }
}

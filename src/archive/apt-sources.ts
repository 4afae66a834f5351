/**
 * Which keys this machine's apt accepts for an archive, by its sources: Signed-By of one-line (sources.list(5)) and
 * deb822 entries, as paths, fingerprints or a key in the entry itself. It decides what the text says; which signature
 * satisfies it is trust.ts's business. What doesn't parse is passed over: apt itself complains of it. Pure but for
 * readAptSources().
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One of them must have signed, or all keys that apt trusts may have where `signedBy` is undefined. */
export interface AptSource {
  /** Of the directory where the Release lies, as catalogues name it: "ftp.de.debian.org/debian/dists/bookworm". */
  readonly directory: string;
  readonly signedBy: SignedBy | undefined;
}

export interface SignedBy {
  /** Absolute paths of keyrings, binary or armoured. */
  readonly keyrings: readonly string[];
  /** Upper-case hexadecimal, of a key or a subkey. */
  readonly fingerprints: readonly string[];
  /** An armoured public key. */
  readonly key: string | undefined;
}

const MAX_FILE_BYTES = 1 << 20;

/** All sources under `aptDirectory` ("/etc/apt"); an unreadable file has none. */
export function readAptSources(aptDirectory = '/etc/apt'): AptSource[] {
  return sourceFiles(aptDirectory).flatMap(({ path, text }) =>
    path.endsWith('.list') ? parseOneLineSources(text) : parseDeb822Sources(text),
  );
}

/** Hosts ("host" or "host:port", lower case) that sources reach by https. */
export function httpsHosts(aptDirectory = '/etc/apt'): Set<string> {
  const uris = sourceFiles(aptDirectory).flatMap(({ text }) => [
    ...text.replace(/#.*/g, '').matchAll(/https:\/\/(?:[^/@\s]*@)?([^/\s]+)/gi),
  ]);
  return new Set(uris.map(([, host = '']) => host.toLowerCase()));
}

function sourceFiles(aptDirectory: string): { readonly path: string; readonly text: string }[] {
  const parts = join(aptDirectory, 'sources.list.d');
  let names: string[] = [];
  try {
    names = readdirSync(parts).sort();
  } catch {
    // No such directory: sources.list alone.
  }
  return [join(aptDirectory, 'sources.list'), ...names.map((name) => join(parts, name))].flatMap((path) => {
    if (!/\.(?:list|sources)$/.test(path)) return [];
    try {
      const text = readFileSync(path, 'utf8');
      return text.length > MAX_FILE_BYTES ? [] : [{ path, text }];
    } catch {
      return [];
    }
  });
}

/** `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://ftp.de.debian.org/debian bookworm main` */
export function parseOneLineSources(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)/.exec(line.replace(/#.*/, ''));
    if (!match) return [];
    const [, options = '', uri = '', suite = ''] = match;
    const signedBy = /(?:^|\s)signed-by\+?=(\S+)/i.exec(options)?.[1];
    return sourcesOf([uri], [suite], signedBy && signedByOf(signedBy));
  });
}

/** Stanzas of Types, URIs, Suites, Components and Signed-By. */
export function parseDeb822Sources(text: string): AptSource[] {
  const stanzas = text.replace(/^#.*\n?/gm, '').split(/\n[ \t]*\n/);
  return stanzas.flatMap((stanza) => {
    const fields = new Map(
      [...stanza.matchAll(/^([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*(?:\n[ \t].*)*)/gm)].map(
        ([, name = '', value = '']) => [name.toLowerCase(), value] as const,
      ),
    );
    if (/^(?:no|false|without|off|disable|0)$/i.test(fields.get('enabled')?.trim() ?? '')) return [];
    const signedBy = fields.get('signed-by');
    return sourcesOf(
      words(fields.get('uris')),
      words(fields.get('suites')),
      signedBy === undefined ? undefined : signedByOf(signedBy),
    );
  });
}

function sourcesOf(
  uris: readonly string[],
  suites: readonly string[],
  signedBy: SignedBy | undefined | '',
): AptSource[] {
  return uris.flatMap((uri) => {
    const base = baseOf(uri);
    if (base === undefined) return [];
    return suites.map((suite) => ({
      directory: suite.endsWith('/') ? flatDirectory(base, suite) : `${base}/dists/${suite}`,
      signedBy: signedBy || undefined,
    }));
  });
}

/** "host/path" of an http or https URI, also behind a method's prefix or this proxy ("http://localhost:9988/host/…"). */
function baseOf(uri: string): string | undefined {
  const match = /^(?:[a-z0-9-]+\+)?(https?):\/\/(?:[^/@]*@)?([^/]+)(.*)$/i.exec(uri);
  if (!match) return undefined;
  const [, scheme = '', authority = '', path = ''] = match;
  const plain = path.replace(/\/{2,}/g, '/').replace(/\/+$/, '');
  const host = authority.toLowerCase().replace(scheme.toLowerCase() === 'https' ? /:443$/ : /:80$/, '');
  const isHere = /^(?:localhost|127\.[0-9.]+|\[::1\])(?::\d+)?$/.test(host);
  const behind = isHere ? /^\/(?:https\/+)?([^/]*[.:][^/]*(?:\/.*)?)$/i.exec(plain)?.[1] : undefined;
  return behind ?? host + plain;
}

function flatDirectory(base: string, suite: string): string {
  const segments = suite.split('/').filter((segment) => segment !== '' && segment !== '.');
  return [base, ...segments].join('/');
}

function signedByOf(value: string): SignedBy {
  if (value.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) {
    // A line of one dot is an empty one (deb822(5)).
    const lines = value.split('\n').map((line) => line.trim().replace(/^\.$/, ''));
    return { keyrings: [], fingerprints: [], key: `${lines.join('\n').trim()}\n` };
  }
  const named = value.split(/[\s,]+/).filter((word) => word !== '');
  return {
    keyrings: named.filter((word) => word.startsWith('/')),
    fingerprints: named
      .map((word) => word.replace(/^0x/i, '').replace(/!$/, '').toUpperCase())
      .filter((word) => /^[0-9A-F]{40,64}$/.test(word)),
    key: undefined,
  };
}

function words(value: string | undefined): string[] {
  return (value ?? '').split(/\s+/).filter((word) => word !== '');
}

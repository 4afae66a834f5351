/**
 * What our two files for apt say: the lines of its configuration, and the probe that they name. `debtorrent apt enable`
 * writes both; the Debian package brings the same lines, and a probe of its own that no command of ours touches.
 */
import { UsageError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import PROBE from './apt-probe.sh' with { type: 'text' };
import { OUR_WORDS } from './own-file.ts';

/** Where the Debian package puts the probe. */
export const PACKAGED_PROBE = '/usr/libexec/debtorrent/apt-probe';
/** Where the packaged service, and any daemon without settings, listens for APT. */
export const DEFAULT_URL = 'http://127.0.0.1:9988';

/** apt's configuration, with that probe. The same for package and command, so that dpkg finds its file unchanged. */
export function confFor(probe: string): string {
  return `// ${OUR_WORDS} or brought by the package; \`debtorrent apt disable\` removes it. Whose own it
// shall be: delete these lines.
Acquire::http::Proxy-Auto-Detect "${probe}";
Acquire::https::Proxy-Auto-Detect "${probe}";
// The method debtorrent+http gets more than ten files at a time; for http it raises the pipeline by one.
Acquire::Max-Pipeline-Depth "100";
`;
}

/** The probe that a file of ours names. */
export function probeNamedIn(conf: string): string | undefined {
  return /^Acquire::http::Proxy-Auto-Detect "(.*)";$/m.exec(conf)?.[1];
}

/** The program for a daemon at that URL. Throws UsageError. */
export function probeFor(url: string): string {
  const { protocol, hostname, port, pathname, username, search } = URL.parse(url) ?? {};
  const isPlain = protocol === 'http:' && pathname === '/' && !username && !search;
  if (!isPlain || hostname === undefined || !/^[\w.:[\]-]+$/.test(hostname)) {
    throw new UsageError(`--url ${url} isn't of the form http://HOST:PORT`);
  }
  const host = hostname.replace(/^\[|\]$/g, '');
  const at = { host, port: port === '' ? 80 : Number(port) };
  const line = `readonly host=${host} port=${at.port} proxy=http://${formatHostPort(at)}`;
  return PROBE.replace(/^readonly host=.*$/m, line);
}

/** The package's own: not ours to write or remove, so without our words. */
export function packagedProbe(): string {
  return probeFor(DEFAULT_URL).replace(`${OUR_WORDS}.`, 'Part of the package debtorrent.');
}

/**
 * The hosts of apt's sources on this machine (/etc/apt/sources.list, *.list and *.sources beside it), read anew when a
 * file has changed. Root wrote them, and apt would ask them without us: so they may be asked through us, private
 * addresses and odd ports included. It decides only whether a host and port stand there.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readAptSources } from '../archive/apt-sources.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { parseHostPort } from '../lib/host-port.ts';

/** How often files are looked at, at most: a source that was just added is asked for within seconds. */
const LOOK_AGAIN_MS = 2_000;
const MAX_FILES = 1_000;

export class SourceHosts {
  readonly #directory: string;
  readonly #clock: Clock;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #state = '';
  /** "HOST:PORT", or "HOST" for 80 and 443. */
  #hosts: ReadonlySet<string> = new Set();

  constructor({ directory = '/etc/apt', clock = systemClock }: { directory?: string; clock?: Clock } = {}) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** `host` in lower case, without brackets. */
  has(host: string, port: number): boolean {
    this.#look();
    return this.#hosts.has(`${host}:${port}`) || ((port === 80 || port === 443) && this.#hosts.has(host));
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lookedMs < LOOK_AGAIN_MS) return;
    this.#lookedMs = nowMs;
    const state = stateOf(this.#directory);
    if (state === this.#state) return;
    this.#state = state;
    this.#hosts = new Set(readAptSources(this.#directory).map(({ directory }) => hostOf(directory)));
  }
}

/** Of "ftp.de.debian.org/debian/dists/bookworm", as `has` looks for it. */
function hostOf(directory: string): string {
  const authority = directory.replace(/\/.*$/, '');
  const named = parseHostPort(authority, { port: 0 });
  if (!named) return authority;
  const host = named.host.toLowerCase().replace(/\.$/, '');
  return named.port === 0 ? host : `${host}:${named.port}`;
}

/** Changes whenever a file was changed, added or removed. */
function stateOf(directory: string): string {
  const parts = join(directory, 'sources.list.d');
  const inParts = namesIn(parts).map((name) => join(parts, name));
  return [join(directory, 'sources.list'), ...inParts]
    .slice(0, MAX_FILES)
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found ? `${path} ${found.mtimeMs} ${found.ctimeMs} ${found.size}` : '';
    })
    .join('\n');
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

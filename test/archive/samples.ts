/** Releases, indexes, clocks and builders for the archive room's tests. Everything is seeded or stated. */
import type { BuildTable } from '../../src/archive/build-table.ts';
import { buildTableHere } from '../../src/archive/build-table.ts';
import type { Location } from '../../src/archive/entry.ts';
import type { ArchiveIdentity } from '../../src/archive/identity.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** The same seed gives the same numbers (mulberry32). */
export function randomInts(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export function randomBytes(int: (below: number) => number, length: number): Uint8Array {
  return new Uint8Array(length).map(() => int(256));
}

/** `bytes` in chunks of the given size. */
export async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Time that moves when told. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wallMs = Date.parse('2026-01-10T00:00:00Z');
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#wallMs += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#nowMs || !this.#timers.delete(timer)) continue;
      timer.run();
    }
  }
}

export interface SampleFile {
  readonly path: string;
  readonly content: string;
}

export function stanzaOf({ path, content }: SampleFile): string {
  return `Package: x\nFilename: ${path}\nSize: ${content.length}\nSHA256: ${sha256Of(bytesOf(content))}\nDescription: x\n y\n .\n z\n`;
}

/** A Packages index that names those files. */
export function packagesOf(files: readonly SampleFile[]): Uint8Array {
  return bytesOf(files.map(stanzaOf).join('\n'));
}

export interface ReleaseSpec {
  readonly origin?: string | undefined;
  readonly codename?: string | undefined;
  readonly suite?: string | undefined;
  readonly date?: string;
  readonly validUntil?: string | undefined;
  readonly byHash?: boolean;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

const hex = (algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512', bytes: Uint8Array) =>
  new Bun.CryptoHasher(algorithm).update(bytes).digest('hex');

/** The text of a Release with every kind of digest. */
export function releaseText(spec: ReleaseSpec): string {
  const list = (algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512') =>
    Object.entries(spec.files)
      .map(([name, bytes]) => ` ${hex(algorithm, bytes)} ${String(bytes.length).padStart(8)} ${name}\n`)
      .join('');
  const line = (name: string, value: string | undefined) =>
    value === undefined ? '' : `${name}: ${value}\n`;
  const { origin = 'Debian', codename = 'bookworm', suite = 'stable' } = spec;
  return (
    line('Origin', 'origin' in spec ? spec.origin : origin) +
    line('Label', 'Debian') +
    line('Suite', 'suite' in spec ? spec.suite : suite) +
    line('Codename', 'codename' in spec ? spec.codename : codename) +
    line('Date', spec.date ?? 'Sat, 03 Jan 2026 10:00:00 UTC') +
    line('Valid-Until', spec.validUntil) +
    line('Acquire-By-Hash', (spec.byHash ?? true) ? 'yes' : 'no') +
    'Architectures: all amd64 arm64\nComponents: main contrib\n' +
    `MD5Sum:\n${list('md5')}SHA1:\n${list('sha1')}SHA256:\n${list('sha256')}SHA512:\n${list('sha512')}`
  );
}

/** A clearsigned file in form, with a signature that nobody verifies. */
export function fakeInRelease(text: string): Uint8Array {
  return bytesOf(
    `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${text}-----BEGIN PGP SIGNATURE-----\n\nAAAA\n=AAAA\n-----END PGP SIGNATURE-----\n`,
  );
}

export function locationOf(name: string): Location {
  const slash = name.indexOf('/');
  return { scheme: 'http', host: name.slice(0, slash), path: name.slice(slash) };
}

/** Stands in for the torrent room's info-hashes: the identity itself, readable. */
export function readableSwarm({ origin, codename, architecture }: ArchiveIdentity): string {
  return `${origin} ${codename} ${architecture}`;
}

/** Builds in this process, without delay. */
export const buildHere: BuildTable = (request) => buildTableHere(request);

/** Builds in this process, each as soon as it is let go. */
export class GatedBuilder {
  readonly started: Sha256[] = [];
  #open = Promise.withResolvers<void>();

  readonly build: BuildTable = async (request) => {
    this.started.push(request.inputKey ?? (request.contentKey as Sha256));
    await this.#open.promise;
    await buildTableHere(request);
  };

  release(): void {
    this.#open.resolve();
  }
}

/** Lets everything that is ready run, microtasks and I/O callbacks alike. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

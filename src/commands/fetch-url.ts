/**
 * Fetches one file of an archive through the running daemon, which checks it by the archive's signed indexes and has it
 * from peers where it can. A package's URL and SHA-256 are apt's to tell. An interrupted fetch goes on where it was
 * ("NAME.part"); what has a hash is checked by it before it gets its name.
 */
import { spawnSync } from 'node:child_process';
import { constants, createReadStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { fetchRaw } from '../mirror/fetch-raw.ts';
import { TORRENT_MAX_BYTES } from '../torrent/metainfo.ts';
import { checkComponent } from '../torrent/torrent-path.ts';
import type { FetchOptions } from './fetch.ts';

export interface UrlGiven {
  readonly url: string;
  /** Unless given, the last part of the URL. */
  readonly name?: string;
  readonly sizeBytes?: number;
  /** Hexadecimal. */
  readonly sha256?: string;
}

const SHOW_MS = 1_000;

/** Returns the exit code. Throws Error with a sentence for people. */
export async function fetchUrl(given: UrlGiven, options: FetchOptions): Promise<number> {
  const { folder, progress, signal } = options;
  const name = checkComponent(given.name ?? nameOf(given.url), 'the name of the file');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const part = `${path}.part`;
  let have = sizeOf(part);
  const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  const answer = await ask(given.url, headers, options);
  if (answer.status === 416) {
    // As long as it is, or longer: it is checked below, where there is something to check it by.
    rmSync(part);
    return fetchUrl(given, options);
  }
  if (answer.status !== 200 && answer.status !== 206)
    throw new Error(`could not fetch ${given.url}: status ${answer.status}`);
  if (answer.status === 200) have = 0;
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | (have === 0 ? constants.O_TRUNC : 0);
  const length = Number(answer.headers.get('content-length') ?? Number.NaN);
  const sizeBytes = Number.isNaN(length) ? (given.sizeBytes ?? 0) : have + length;
  const startBytes = have;
  const show = () =>
    progress.show({ phase: 'fetching', name, sizeBytes, haveBytes: have }, systemClock.nowMs());
  const timer = setInterval(show, SHOW_MS);
  try {
    await using file = await open(part, flags, 0o644);
    for await (const chunk of answer.body ?? []) {
      signal.throwIfAborted();
      await file.write(chunk, 0, chunk.length, have);
      have += chunk.length;
    }
  } finally {
    clearInterval(timer);
  }
  if (sizeBytes > 0 && have !== sizeBytes)
    throw new Error(
      `could not fetch ${given.url}: only ${have} of ${sizeBytes} bytes came; try again to go on`,
    );
  if (given.sha256 !== undefined && (await sha256Of(part)) !== given.sha256) {
    rmSync(part);
    throw new Error(`could not fetch ${given.url}: its SHA-256 isn't the one that apt's index has`);
  }
  renameSync(part, path);
  const checked = given.sha256 === undefined ? '' : ', verified';
  progress.say(`${path}: ${formatBytes(have)}${checked}`, {
    event: 'done',
    path,
    sizeBytes: have,
    fetchedBytes: have - startBytes,
    ...(given.sha256 !== undefined && { sha256: given.sha256 }),
  });
  return 0;
}

/** A package by apt's word: "hello", "hello=2.10-3", "hello:arm64". */
export async function fetchPackage(name: string, options: FetchOptions): Promise<number> {
  const { stdout, stderr, error } = spawnSync('apt-get', ['download', '--print-uris', '--', name], {
    encoding: 'utf8',
  });
  if (error) throw new Error(`could not ask apt for ${name}: ${error.message}`, { cause: error });
  const line = /^'(https?:\/\/[^']+)' (\S+) (\d+)(?: SHA256:([0-9a-f]{64}))?/m.exec(stdout);
  if (!line) {
    const reason =
      stderr
        .replace(/^[EW]: /gm, '')
        .trim()
        .split('\n')[0] || 'it names no URL';
    throw new Error(`could not fetch the package ${name}: ${reason}`);
  }
  const [, url = '', file = '', size = '0', sha256] = line;
  return fetchUrl({ url, name: file, sizeBytes: Number(size), ...(sha256 && { sha256 }) }, options);
}

/** A .torrent that lies on a server. */
export async function fetchBytes(url: string, options: FetchOptions): Promise<Uint8Array> {
  const answer = await ask(url, {}, options);
  if (answer.status !== 200) throw new Error(`could not fetch ${url}: status ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > TORRENT_MAX_BYTES) throw new Error(`could not fetch ${url}: longer than any torrent`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Through the daemon, in its mirror-style form. */
async function ask(url: string, headers: Record<string, string>, options: FetchOptions): Promise<Response> {
  const { daemonUrl, signal } = options;
  const { protocol, host, pathname, search } = new URL(url);
  const place = protocol === 'https:' ? `/HTTPS///${host}` : `/${host}`;
  const through = new URL(`${place}${pathname}${search}`, daemonUrl.origin);
  try {
    return await fetchRaw(through.href, { headers: new Headers(headers), signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new Error(
      `could not reach the daemon at ${daemonUrl.origin}, which fetches URLs and packages: start it with "systemctl start debtorrent" or "debtorrent serve", or give --url`,
      { cause },
    );
  }
}

function nameOf(url: string): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function sha256Of(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hasher.update(chunk as Uint8Array);
  return hasher.digest('hex');
}

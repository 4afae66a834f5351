/**
 * The cache as `debtorrent cache list`, `verify`, `prune` and `export` see it: that of the running daemon, or, where none
 * answers, the folder itself, which is one process's at a time.
 */
import { readSync } from 'node:fs';
import { CacheCare, type Pruned, type VerifyProgress } from '../acquire/cache-care.ts';
import { Hasher } from '../acquire/hasher.ts';
import type { Settings } from '../config/settings.ts';
import { limitsOf } from '../daemon/disk-limits.ts';
import { makeDirectory } from '../daemon/make-directory.ts';
import { fetchRaw } from '../mirror/fetch-raw.ts';
import { ADMIN_HEADER } from '../status/routes.ts';
import { DiskStore } from '../store/disk-store.ts';
import type { OpenFile, StoredFile } from '../store/store.ts';

export interface CacheKeeping extends AsyncDisposable {
  list(): Promise<readonly StoredFile[]>;
  prune(toBytes: number): Promise<Pruned>;
  /** Resolves when all is done; `show` is told how far it is. */
  verify(show: (progress: VerifyProgress) => void): Promise<VerifyProgress>;
  /** The file's bytes, as the cache has them. Throws Error when it can't be had. */
  read(file: StoredFile): Promise<AsyncIterable<Uint8Array>>;
}

const ANSWER_TIMEOUT_MS = 30_000;
const LOOK_MS = 200;
const CHUNK_BYTES = 1 << 20;

/** Undefined where no daemon answers at `url`. */
export async function daemonsCache(url: string): Promise<CacheKeeping | undefined> {
  const ask = async (path: string, body?: object): Promise<unknown> => {
    const answer = await fetchRaw(new URL(`/api/cache/${path}`, url).href, {
      method: body ? 'POST' : 'GET',
      headers: new Headers({ [ADMIN_HEADER]: '1', 'Content-Type': 'application/json' }),
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    if (!answer.ok)
      throw new Error(`the daemon at ${url} objects: ${(await answer.text()).trim().slice(0, 300)}`);
    return answer.json();
  };
  try {
    await fetchRaw(new URL('/healthz', url).href, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch {
    return undefined;
  }
  return {
    list: async () => (await ask('files')) as StoredFile[],
    prune: async (toBytes) => (await ask('prune', { toBytes })) as Pruned,
    async verify(show) {
      let progress = (await ask('verify', {})) as VerifyProgress;
      for (; progress.running; progress = (await ask('verify')) as VerifyProgress) {
        show(progress);
        await Bun.sleep(LOOK_MS);
      }
      return progress;
    },
    async read({ name }) {
      const answer = await fetchRaw(new URL(`/${encodeURI(name)}`, url).href, {
        signal: new AbortController().signal,
      });
      if (!answer.ok || !answer.body) throw new Error(`could not read ${name}: HTTP ${answer.status}`);
      return answer.body;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Throws ConfigError when another process has the folder. */
export async function cacheHere(settings: Settings): Promise<CacheKeeping> {
  await using stack = new AsyncDisposableStack();
  makeDirectory(settings.cacheDir, '--cache-dir');
  const store = stack.use(new DiskStore({ cacheDir: settings.cacheDir, ...limitsOf(settings) }));
  await store.settled();
  const care = new CacheCare({ store, hasher: stack.use(new Hasher()) });
  const owned = stack.move();
  return {
    list: async () => care.list(),
    prune: async (toBytes) => care.prune(toBytes),
    async verify(show) {
      const timer = setInterval(() => care.progress && show(care.progress), LOOK_MS);
      try {
        return await care.verify(new AbortController().signal);
      } finally {
        clearInterval(timer);
      }
    },
    async read({ key, name }) {
      const open = store.look(key);
      if (!open) throw new Error(`could not read ${name}: it is gone`);
      return chunksOf(open);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function* chunksOf(open: OpenFile): AsyncGenerator<Uint8Array> {
  using _ = open;
  for (let at = 0; at < open.file.sizeBytes; ) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const length = readSync(open.fd, chunk, 0, chunk.length, at);
    if (length === 0) return;
    at += length;
    yield chunk.subarray(0, length);
  }
}

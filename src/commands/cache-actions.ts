/** What `debtorrent cache list`, `verify`, `prune` and `export` do with a cache, and what they say of it. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UsageError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { parseSize } from '../lib/parse-size.ts';
import type { StoredFile } from '../store/store.ts';
import type { CacheKeeping } from './cache-keeping.ts';
import { ProgressBar } from './progress-bar.ts';

export interface Done {
  /** For programs. */
  readonly outcome: unknown;
  /** For people. */
  readonly text: string;
  readonly code: number;
}

export type Action = (cache: CacheKeeping, operand: string | undefined) => Promise<Done>;

export const ACTIONS: { readonly [name: string]: Action } = {
  /** `operand`: a part of the name. */
  async list(cache, operand = '') {
    const files = (await cache.list()).filter(({ name }) => name.includes(operand));
    const sorted = files.sort((a, b) => (a.name < b.name ? -1 : 1));
    const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const lines = sorted.map(
      ({ name, sizeBytes, swarms }) =>
        `${formatBytes(sizeBytes).padStart(10)}  ${swarms.length > 0 ? 'shared ' : 'private'}  ${plain(name)}`,
    );
    return {
      outcome: sorted,
      text: `${[...lines, `${files.length} files, ${formatBytes(bytes)}`].join('\n')}\n`,
      code: 0,
    };
  },

  async verify(cache) {
    using bar = new ProgressBar();
    const outcome = await cache.verify((progress) => bar.show(progress));
    const { doneFiles, doneBytes, wrongFiles, wrong } = outcome;
    const lines = [
      `${doneFiles} files (${formatBytes(doneBytes)}) read, ${wrongFiles} of them not what their name says`,
      ...wrong.map(({ name, repaired }) =>
        repaired ? `  fetched again  ${plain(name)}` : `  removed        ${plain(name)}`,
      ),
    ];
    return { outcome, text: `${lines.join('\n')}\n`, code: wrong.some(({ repaired }) => !repaired) ? 1 : 0 };
  },

  /** `operand`: what may be left. */
  async prune(cache, operand) {
    const toBytes = parseSize(operand ?? '');
    if (toBytes === undefined)
      throw new UsageError('cache prune needs a size that may be left, such as "2 GiB", or 0 for nothing');
    const outcome = await cache.prune(toBytes);
    return { outcome, text: `${outcome.files} files let go, ${formatBytes(outcome.bytes)}\n`, code: 0 };
  },

  /** `operand`: the name of a file, or its SHA-256. It is written to the working directory. */
  async export(cache, operand) {
    if (!operand)
      throw new UsageError('cache export needs the name of a file, such as hello_2.10-3_amd64.deb');
    const file = chosen(await cache.list(), operand);
    const path = join(process.cwd(), basename(file.name));
    await writeRight(path, await cache.read(file), file);
    return { outcome: { ...file, path }, text: `${path}: ${formatBytes(file.sizeBytes)}\n`, code: 0 };
  },
};

function chosen(files: readonly StoredFile[], operand: string): StoredFile {
  const found = files.filter(
    ({ key, name }) => key === operand || name === operand || basename(name) === operand,
  );
  const [file, ...others] = found;
  if (!file)
    throw new Error(`could not export ${operand}: the cache has no such file; see debtorrent cache list`);
  if (others.length > 0)
    throw new Error(
      `could not export ${operand}: ${found.length} files are named so; give one of ${found.map(({ key }) => key).join(', ')}`,
    );
  return file;
}

/** Never over a file that is there, and nothing that isn't right stays. */
async function writeRight(path: string, bytes: AsyncIterable<Uint8Array>, file: StoredFile): Promise<void> {
  let fd: number;
  try {
    fd = openSync(path, 'wx');
  } catch (cause) {
    throw new Error(`could not write ${path}: ${(cause as Error).message}`, { cause });
  }
  try {
    const hash = new Bun.CryptoHasher('sha256');
    for await (const chunk of bytes) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    }
    if (hash.digest('hex') !== file.key) throw new Error('its SHA-256 is another');
  } catch (cause) {
    rmSync(path, { force: true });
    throw new Error(`could not export ${file.name}: ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(fd);
  }
}

/** Names came from clients. */
function plain(name: string): string {
  return name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 300);
}

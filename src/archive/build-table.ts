/**
 * Makes an index table out of an index file, in a child process of our own binary ("internal-index"), so that the
 * daemon's memory stays small and neither a hostile index nor a slow decoder can hold it up. What the child reads
 * must have the SHA-256 that the Release states, compressed and (where that is stated too) decompressed: a table is
 * named by that content and shared between mirrors, so nobody may smuggle another's into it.
 */
import { createReadStream } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { UnavailableError, UntrustedError } from '../lib/errors.ts';
import { parseSha256, type Sha256 } from '../lib/sha256.ts';
import { decompress } from './decompress.ts';
import { TableBuilder } from './table-builder.ts';

export interface TableRequest {
  /** The index file as it was fetched, compressed or not. */
  readonly input: string;
  /** Where the table goes, in one step. */
  readonly output: string;
  /** Of `input`; undefined where only its content is stated (apt packs its lists as it likes). */
  readonly inputKey: Sha256 | undefined;
  /** Of the decompressed index, when the Release states it. One of the two must be given. */
  readonly contentKey: Sha256 | undefined;
}

/** Resolves when `output` is there. Rejects with what stopped it, and leaves nothing behind. */
export type BuildTable = (request: TableRequest, signal: AbortSignal) => Promise<void>;

export const INTERNAL_INDEX = 'internal-index';
const TIMEOUT_MS = 120_000;
const READ_BYTES = 256 << 10;
const MAX_COMPLAINT_CHARS = 400;

/** Builds in this process. Throws UntrustedError for another content than stated, ProtocolError, or the system's error. */
export async function buildTableHere(request: TableRequest): Promise<void> {
  const { input, output, inputKey, contentKey } = request;
  if (inputKey === undefined && contentKey === undefined) throw new RangeError('no SHA-256 is stated');
  const inputHash = new Bun.CryptoHasher('sha256');
  const contentHash = new Bun.CryptoHasher('sha256');
  const builder = new TableBuilder();
  for await (const chunk of decompress(
    hashed(createReadStream(input, { highWaterMark: READ_BYTES }), inputHash),
  )) {
    if (contentKey !== undefined) contentHash.update(chunk);
    builder.push(chunk);
  }
  if (inputKey !== undefined && inputHash.digest('hex') !== inputKey)
    throw new UntrustedError('could not index a file: its SHA-256 is not the stated one');
  if (contentKey !== undefined && contentHash.digest('hex') !== contentKey) {
    throw new UntrustedError('could not index a file: the SHA-256 of its content is not the stated one');
  }
  const temporary = `${output}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, builder.finish(), { mode: 0o644 });
    await rename(temporary, output);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Everything is hashed, also what a decoder leaves unread behind its end. */
async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: Bun.CryptoHasher,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let done = false;
  try {
    for (let next = await iterator.next(); ; next = await iterator.next()) {
      if (next.done) break;
      hash.update(next.value);
      yield next.value;
    }
    done = true;
  } finally {
    for (
      let next = done ? undefined : await iterator.next();
      next && !next.done;
      next = await iterator.next()
    ) {
      hash.update(next.value);
    }
  }
}

/** The hidden subcommand: `internal-index INPUT OUTPUT INPUT-SHA256|- [CONTENT-SHA256]`. Resolves with the exit code. */
export async function runInternalIndex(argv: readonly string[]): Promise<number> {
  const [input, output, inputHex, contentHex] = argv;
  const inputKey = parseSha256(inputHex ?? '');
  const contentKey = parseSha256(contentHex ?? '');
  if (input === undefined || output === undefined || (inputKey ?? contentKey) === undefined) return 2;
  try {
    await buildTableHere({ input, output, inputKey, contentKey });
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

/** How this program is started again: the compiled binary itself, or Bun with the file that it was started with. */
export function ownCommand(): string[] {
  return Bun.main.startsWith('/$bunfs/') ? [process.execPath] : [process.execPath, Bun.main];
}

/** A BuildTable that runs `command internal-index …` and ends it after `timeoutMs`. */
export function childTableBuilder(
  command: readonly string[] = ownCommand(),
  timeoutMs = TIMEOUT_MS,
): BuildTable {
  return async ({ input, output, inputKey, contentKey }, signal) => {
    signal.throwIfAborted();
    const args = [
      INTERNAL_INDEX,
      input,
      output,
      inputKey ?? '-',
      ...(contentKey === undefined ? [] : [contentKey]),
    ];
    const child = Bun.spawn([...command, ...args], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const stop = () => child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    try {
      const complaint = await headOf(child.stderr);
      const code = await child.exited;
      signal.throwIfAborted();
      if (timedOut)
        throw new UnavailableError(`could not index a file: it took more than ${timeoutMs} ms`, { timedOut });
      if (code !== 0)
        throw new UntrustedError(complaint.trim() || `could not index a file: the child ended with ${code}`);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      await rm(`${output}.${child.pid}.tmp`, { force: true });
    }
  };
}

/** The first few hundred characters of a stream, read to its end. */
async function headOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    if (text.length < MAX_COMPLAINT_CHARS)
      text += Buffer.from(chunk).toString('latin1').slice(0, MAX_COMPLAINT_CHARS);
  }
  return text;
}

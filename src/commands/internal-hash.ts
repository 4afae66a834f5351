/**
 * The child that hashes files of a pool (`internal-hash`): one of several, a core each, as one pass over a gigabyte for
 * v1, v2 and the whole SHA-256 costs a core a second and a half. Takes orders as lines of JSON on stdin, answers each
 * with a line on stdout, in order, and ends with stdin. It only reads.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FileHasher } from '../torrent/file-hasher.ts';
import { type FileMark, type HashRecord, isSame, recordOf } from './make-torrent-hashes.ts';

export const INTERNAL_HASH = 'internal-hash';

export interface HashFileOrder {
  /** As the index has it. */
  readonly path: string;
  /** Where it lies. */
  readonly file: string;
  readonly pieceLength: number;
  readonly wantsV1: boolean;
}

export type HashFileAnswer =
  | { readonly record: HashRecord }
  /** So far of a large file. */
  | { readonly doneBytes: number }
  | { readonly path: string; readonly error: string };

/** Small enough that what was read is still in the core's own cache when it is hashed the third time. */
const READ_BYTES = 256 * 1024;
const REPORT_BYTES = 64 << 20;

/** The hidden subcommand. Resolves with the exit code. */
export async function runInternalHash(): Promise<number> {
  const buffer = new Uint8Array(READ_BYTES);
  const out = Bun.stdout.writer();
  const answer = (value: HashFileAnswer) => out.write(`${JSON.stringify(value)}\n`);
  try {
    for await (const line of linesOf(Bun.stdin.stream())) {
      answer(answerTo(JSON.parse(line) as HashFileOrder, buffer, (doneBytes) => answer({ doneBytes })));
      await out.flush();
    }
    return 0;
  } catch (error) {
    // Whom we worked for is gone.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 1;
    throw error;
  }
}

function answerTo(
  order: HashFileOrder,
  buffer: Uint8Array,
  onProgress: (doneBytes: number) => void,
): HashFileAnswer {
  try {
    return { record: hashFile(order, buffer, onProgress) };
  } catch (error) {
    return { path: order.path, error: (error as Error).message };
  }
}

/** Throws when it can't be read, or changes meanwhile. */
function hashFile(
  order: HashFileOrder,
  buffer: Uint8Array,
  onProgress: (doneBytes: number) => void,
): HashRecord {
  const fd = openSync(order.file, 'r');
  try {
    const mark = markOf(fd);
    const hasher = new FileHasher(mark.sizeBytes, order.pieceLength, order.wantsV1);
    let unreported = 0;
    for (let at = 0; at < mark.sizeBytes; ) {
      const got = readSync(fd, buffer, 0, buffer.length, at);
      if (got === 0) throw new Error(`it ends at ${at} of ${mark.sizeBytes} bytes`);
      hasher.update(got === buffer.length ? buffer : buffer.subarray(0, got));
      at += got;
      unreported += got;
      if (unreported < REPORT_BYTES) continue;
      onProgress(unreported);
      unreported = 0;
    }
    if (!isSame(mark, markOf(fd))) throw new Error('it changed while it was read');
    return recordOf(order.path, mark, hasher.finish());
  } finally {
    closeSync(fd);
  }
}

function markOf(fd: number): FileMark {
  const { size, mtimeNs, ino } = fstatSync(fd, { bigint: true });
  return { sizeBytes: Number(size), mtimeNs: String(mtimeNs), inode: String(ino) };
}

/** Whole lines of a stream of text. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of stream) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    yield* lines;
  }
}

/**
 * Hashes files with all cores: a child each (internal-hash.ts), largest files first so that none is left alone with one at
 * the end. Each has a little more to do than it is at, so that it never waits for us.
 */
import { availableParallelism } from 'node:os';
import type { Subprocess } from 'bun';
import { ownCommand } from '../archive/build-table.ts';
import { type HashFileAnswer, type HashFileOrder, INTERNAL_HASH, linesOf } from './internal-hash.ts';
import type { HashRecord } from './make-torrent-hashes.ts';

export interface HashJob extends HashFileOrder {
  readonly sizeBytes: number;
}

export interface HashListener {
  readonly onRecord: (record: HashRecord, job: HashJob) => void;
  /** The file couldn't be read, or changed meanwhile. */
  readonly onError: (job: HashJob, reason: string) => void;
  readonly onBytes: (doneBytes: number) => void;
}

/** A child is given so much ahead, and one file at least. */
const AHEAD_BYTES = 4 << 20;
const AHEAD_JOBS = 64;
/** So little work isn't worth another process. */
const CHILD_MIN_BYTES = 32 << 20;

/** Resolves when all are done. Rejects when a child ends before. */
export async function hashFiles(
  jobs: readonly HashJob[],
  listener: HashListener,
  command: readonly string[] = ownCommand(),
): Promise<void> {
  const queue = [...jobs].sort((a, b) => a.sizeBytes - b.sizeBytes);
  const totalBytes = jobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const useful = Math.min(jobs.length, Math.ceil(totalBytes / CHILD_MIN_BYTES), availableParallelism());
  const children = Array.from({ length: Math.max(1, useful) }, () => new HashChild(command, queue, listener));
  try {
    await Promise.all(children.map((child) => child.run()));
  } finally {
    for (const child of children) child.end();
  }
}

class HashChild {
  readonly #child: Subprocess<'pipe', 'pipe', 'inherit'>;
  readonly #queue: HashJob[];
  readonly #listener: HashListener;
  readonly #given: HashJob[] = [];
  #givenBytes = 0;
  /** Of the file it is at, told already. */
  #toldBytes = 0;

  /** Takes its work from the end of `queue`. */
  constructor(command: readonly string[], queue: HashJob[], listener: HashListener) {
    this.#queue = queue;
    this.#listener = listener;
    this.#child = Bun.spawn([...command, INTERNAL_HASH], { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  async run(): Promise<void> {
    this.#give();
    for await (const line of linesOf(this.#child.stdout)) {
      this.#take(JSON.parse(line) as HashFileAnswer);
      this.#give();
    }
    const code = await this.#child.exited;
    if (code !== 0 || this.#given.length > 0)
      throw new Error(`could not hash files: a child ended with ${this.#child.signalCode ?? code}`);
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #give(): void {
    let gave = false;
    while (this.#given.length < 2 || (this.#givenBytes < AHEAD_BYTES && this.#given.length < AHEAD_JOBS)) {
      const job = this.#queue.pop();
      if (!job) break;
      const { path, file, pieceLength, wantsV1 } = job;
      this.#child.stdin.write(
        `${JSON.stringify({ path, file, pieceLength, wantsV1 } satisfies HashFileOrder)}\n`,
      );
      this.#given.push(job);
      this.#givenBytes += job.sizeBytes;
      gave = true;
    }
    if (gave) this.#child.stdin.flush();
    else if (this.#given.length === 0) this.#child.stdin.end();
  }

  #take(answer: HashFileAnswer): void {
    if ('doneBytes' in answer) {
      this.#toldBytes += answer.doneBytes;
      this.#listener.onBytes(answer.doneBytes);
      return;
    }
    const job = this.#given.shift() as HashJob;
    this.#givenBytes -= job.sizeBytes;
    this.#listener.onBytes(job.sizeBytes - this.#toldBytes);
    this.#toldBytes = 0;
    if ('error' in answer) this.#listener.onError(job, answer.error);
    else this.#listener.onRecord(answer.record, job);
  }
}

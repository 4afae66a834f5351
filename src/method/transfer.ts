/**
 * One file's way from the daemon into apt's file: asked for, resumed, hashed while it is written, verified before apt
 * hears of it. It decides what to do when something goes wrong: again from the daemon, apt's own method instead, or a
 * failure that apt understands. Invariant: what ends as done has the expected hash and size; whatever else went wrong
 * with us ends in a redirect, unless it is a Release and the daemon lives.
 */
import type { Outcome } from './answers.ts';
import { type Answer, DaemonGone, type DaemonLink, type Terms } from './daemon-link.ts';
import { leftOver, remove, TargetFile } from './target-file.ts';
import type { WantedFile } from './wanted-file.ts';

/** Where it is, for whoever tells apt. */
export interface Progress {
  sizeBytes?: number;
  resumedAt?: number;
  lastModified?: string;
  /** Bytes are coming in. */
  isGrowing: boolean;
}

/** Cut so often, the daemon isn't asked for it again. */
const MAX_TRIES = 3;
const PAUSE_MS = 300;

export class Transfer {
  readonly file: WantedFile;
  readonly progress: Progress = { isGrowing: false };
  readonly #link: DaemonLink;
  readonly #terms: Terms;
  readonly #pause: (ms: number) => Promise<void>;
  #open: TargetFile | undefined;

  constructor(
    file: WantedFile,
    { link, terms, pause }: { link: DaemonLink; terms: Terms; pause: (ms: number) => Promise<void> },
  ) {
    this.file = file;
    this.#link = link;
    this.#terms = terms;
    this.#pause = pause;
  }

  /** Resolves with what apt is to be told. Never rejects. */
  async run(): Promise<Outcome> {
    try {
      return await this.#tries();
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof DaemonGone) return this.#redirect(message);
      // The file couldn't be written: apt's own methods couldn't either.
      return { kind: 'failed', text: `could not write ${this.file.fileName}: ${message}` };
    } finally {
      this.letGo();
    }
  }

  /** The file gets its date; nothing is written any more. */
  letGo(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  async #tries(): Promise<Outcome> {
    const { file } = this;
    if (file.target === undefined) return this.#redirect('it has credentials');
    let cut = 'cut';
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      if (tries > 1) await this.#pause(PAUSE_MS);
      if (!this.#link.isThere) return this.#redirect('the daemon is not there');
      const result = await this.#once(file.target);
      if (typeof result !== 'string') return result;
      cut = result;
    }
    if (file.isRelease) return { kind: 'failed', text: `the daemon's answer: ${cut}`, isTransient: true };
    return this.#redirect(cut);
  }

  /** A word when it may be tried again. Throws DaemonGone, or the system's error when the file can't be written. */
  async #once(target: string): Promise<Outcome | string> {
    const { file } = this;
    const left = file.isRelease ? undefined : leftOver(file.fileName);
    const isTooMuch = left && file.sizeBytes !== undefined && left.sizeBytes >= file.sizeBytes;
    if (isTooMuch) remove(file.fileName);
    const from = isTooMuch ? undefined : left;
    let answer: Answer;
    try {
      answer = await this.#link.get(target, this.#headers(from), this.#terms);
    } catch (error) {
      if (error instanceof DaemonGone) throw error;
      return `cut: ${(error as Error).message}`;
    }
    const { status, headers } = answer;
    if (status === 304) {
      answer.leave();
      remove(file.fileName);
      return { kind: 'unchanged', lastModified: headers.get('last-modified') ?? undefined };
    }
    if (status === 200) return await this.#receive(answer, 0);
    if (status === 206 && from && startsAt(headers, from.sizeBytes))
      return await this.#receive(answer, from.sizeBytes);
    if (status === 206 || status === 416) {
      answer.leave();
      remove(file.fileName);
      return `it can't be resumed (${status})`;
    }
    return await this.#refused(answer);
  }

  #headers(from: { readonly sizeBytes: number; readonly date: string } | undefined): Record<string, string> {
    const { expected, sizeBytes, ifModifiedSince } = this.file;
    const headers: Record<string, string> = { 'User-Agent': 'DebTorrent apt method' };
    if (expected?.algorithm === 'sha256' && sizeBytes !== undefined)
      headers['X-DebTorrent-Expected'] = `sha256=${expected.hex}; size=${sizeBytes}`;
    if (from) {
      headers.Range = `bytes=${from.sizeBytes}-`;
      headers['If-Range'] = from.date;
    } else if (ifModifiedSince !== undefined) headers['If-Modified-Since'] = ifModifiedSince;
    return headers;
  }

  async #receive(answer: Answer, from: number): Promise<Outcome | string> {
    const { file, progress } = this;
    const { headers } = answer;
    const length = Number(headers.get('content-length') ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : from + length;
    if (total !== undefined && file.sizeBytes !== undefined && total !== file.sizeBytes) {
      answer.leave();
      remove(file.fileName);
      return this.#redirect(`it has ${total} bytes instead of ${file.sizeBytes}`);
    }
    const maximum = file.sizeBytes ?? file.maximumBytes ?? Number.POSITIVE_INFINITY;
    const open = new TargetFile(file.fileName, file.expected?.algorithm ?? 'sha256');
    this.#open = open;
    open.lastModified = headers.get('last-modified') ?? undefined;
    if (from > 0) open.resume(from);
    else open.restart();
    progress.resumedAt = from;
    if (total !== undefined) progress.sizeBytes = total;
    if (open.lastModified !== undefined) progress.lastModified = open.lastModified;
    progress.isGrowing = true;
    const cut = await this.#fill(open, answer, maximum);
    progress.isGrowing = false;
    if (open.sizeBytes > maximum) {
      this.letGo();
      remove(file.fileName);
      const text = `it has more than the ${maximum} bytes that are allowed`;
      return file.sizeBytes === undefined ? { kind: 'failed', text, reason: 'MaximumSizeExceeded' } : text;
    }
    if (cut !== undefined || (total !== undefined && open.sizeBytes < total)) {
      this.letGo();
      return cut ?? 'cut';
    }
    return this.#verify(open, from, headers.get('x-debtorrent-source') ?? undefined);
  }

  /** The reason when it didn't come to its end. Throws DaemonGone and what the file system throws. */
  async #fill(open: TargetFile, answer: Answer, maximum: number): Promise<string | undefined> {
    const chunks = answer.body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => {
          if (error instanceof DaemonGone) throw error;
          return `cut: ${(error as Error).message}`;
        });
        if (typeof next === 'string') return next;
        if (next.done) return undefined;
        open.append(next.value);
        if (open.sizeBytes > maximum) {
          answer.leave();
          return 'too long';
        }
      }
    } catch (error) {
      answer.leave();
      throw error;
    }
  }

  #verify(open: TargetFile, from: number, source: string | undefined): Outcome | string {
    const { file } = this;
    const hex = open.digest();
    const { sizeBytes, lastModified } = open;
    this.letGo();
    const { expected } = file;
    const isRight = expected === undefined || expected.hex === hex;
    if (isRight && (file.sizeBytes === undefined || file.sizeBytes === sizeBytes)) {
      const hash = { algorithm: expected?.algorithm ?? 'sha256', hex };
      return { kind: 'done', sizeBytes, resumedAt: from, lastModified, hash, source };
    }
    // What an earlier run left may have been wrong; a whole one that is wrong is for apt's own method to judge.
    remove(file.fileName);
    return from > 0 ? 'what was resumed was wrong' : this.#redirect('its hash is wrong');
  }

  async #refused(answer: Answer): Promise<Outcome> {
    const { status, statusText } = answer;
    const text = `${status}  ${statusText}${await reason(answer)}`;
    // Credentials are apt's to find, and never ours to see; what the daemon won't ask a mirror for, apt may.
    if ([401, 403, 407].includes(status) || (status >= 300 && status < 400)) return this.#redirect(text);
    const isOurs = status === 500 || status === 508;
    if (isOurs && !this.file.isRelease) return this.#redirect(text);
    const isTransient = [408, 429, 500, 502, 503, 504, 508, 599].includes(status);
    return { kind: 'failed', text, reason: `HttpError${status}`, isTransient };
  }

  #redirect(why: string): Outcome {
    return { kind: 'redirect', why };
  }
}

function startsAt(headers: Headers, offset: number): boolean {
  return headers.get('content-range')?.startsWith(`bytes ${offset}-`) ?? false;
}

/** The daemon's own sentence in brackets; nothing of what else an error page may be. */
async function reason({ headers, body, leave }: Answer): Promise<string> {
  if (!headers.get('content-type')?.startsWith('text/plain')) {
    leave();
    return '';
  }
  let text = '';
  try {
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString('latin1');
      if (text.length > 300) {
        leave();
        break;
      }
    }
  } catch {
    // Then as much as came.
  }
  const words = text.replace(/\s+/g, ' ').trim().slice(0, 200);
  return words && ` [${words}]`;
}

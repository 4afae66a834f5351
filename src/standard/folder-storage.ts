/**
 * A torrent's files below a folder of the user's: `fetch --output`. What is verified is written beside its place under a
 * name that nobody else has (".debtorrent-ID-NUMBER.part": no file of this torrent, of another or of the user's can be
 * it) and is given its own name when the file is whole, so what has its name is right. Which pieces are here is
 * in a journal of the folder, appended to piece by piece; after a kill -9 what it says is hashed anew before it counts.
 * Nothing is written outside the folder: names were checked when the torrent was read (torrent/torrent-path.ts), every
 * folder on the way is opened without following links, and below it by its descriptor, so that nothing can be put in
 * between. A file that is there already and isn't this torrent's is never written to.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  write,
} from 'node:fs';
import { plainText } from '../lib/plain-text.ts';
import type { Layout, LayoutFile } from './layout.ts';
import { ResumeJournal } from './resume-journal.ts';
import type { TorrentStorage } from './storage.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;
/** Files that are held open. */
const MAX_OPEN = 64;

interface Open {
  readonly fd: number;
  readonly isWritable: boolean;
  /** Writes under way; it is closed when the last of them has ended. */
  writes: number;
  isLeft: boolean;
}

interface State {
  /** Pieces of it that aren't here. */
  missing: number;
  /** Under its own name: it is whole, or was there before. */
  isWhole: boolean;
}

export interface FolderOptions {
  /** Is made if it isn't there. */
  readonly folder: string;
  readonly layout: Layout;
  /** What tells this torrent from another of the same name, hexadecimal. */
  readonly id: string;
}

export class FolderStorage implements TorrentStorage {
  readonly #layout: Layout;
  readonly #folder: number;
  readonly #id: string;
  readonly #journal: ResumeJournal;
  readonly #open = new Map<number, Open>();
  readonly #states = new Map<number, State>();
  readonly #claims = new Set<number>();
  readonly #writing = new Set<Promise<void>>();
  #isClosed = false;
  /** Of which pieces aren't here. */
  #missingFiles = 0;

  /** Throws Error with a sentence for people. */
  constructor({ folder, layout, id }: FolderOptions) {
    this.#layout = layout;
    this.#id = id.slice(0, 40);
    mkdirSync(folder, { recursive: true });
    // The folder itself is the user's word, link or not.
    this.#folder = openSync(folder, O_RDONLY | O_DIRECTORY);
    try {
      for (const [index, file] of layout.files.entries()) {
        if (file.isPadding) continue;
        const [first, end] = layout.piecesOf(index);
        const isWhole = this.#isThere(index, file);
        this.#states.set(index, { isWhole, missing: end - first });
        if (end > first) this.#missingFiles += 1;
        if (isWhole) for (let piece = first; piece < end; piece += 1) this.#claims.add(piece);
        if (file.sizeBytes === 0 && !isWhole) this.#make(index, file);
      }
      this.#journal = new ResumeJournal(this.#below([]), id);
    } catch (error) {
      closeSync(this.#folder);
      throw error;
    }
    for (const piece of this.#journal.pieces()) if (piece < layout.pieceCount) this.#claims.add(piece);
  }

  claimed(): Iterable<number> {
    return [...this.#claims].sort((a, b) => a - b);
  }

  confirmed(piece: number): void {
    this.#arrived(piece);
  }

  checked(): void {
    for (const [index, { isWhole, missing }] of this.#states) {
      if (!isWhole || missing <= 0) continue;
      // A piece that it shares with a file that isn't here says nothing yet; it is compared when it has come.
      const [first, end] = this.#layout.piecesOf(index);
      const isShared = (piece: number) =>
        [...this.#filesOf(piece)].some((other) => !this.#states.get(other)?.isWhole);
      const shared = (isShared(first) ? 1 : 0) + (end - 1 > first && isShared(end - 1) ? 1 : 0);
      if (missing > shared) throw somethingElse(this.#layout.files[index] as LayoutFile);
    }
  }

  read(offset: number, into: Uint8Array): boolean {
    let at = 0;
    for (const { file, at: from, length } of this.#layout.spans(offset, into.length)) {
      const target = into.subarray(at, at + length);
      at += length;
      if (file === undefined) target.fill(0);
      else if (!this.#readFile(file, from, target)) return false;
    }
    return true;
  }

  /** In the thread pool: meanwhile the next pieces come and are hashed. */
  write(piece: number, bytes: Uint8Array): Promise<void> {
    const writes: Promise<void>[] = [];
    let at = 0;
    for (const { file, at: from, length } of this.#layout.spans(this.#layout.offset(piece), bytes.length)) {
      const source = bytes.subarray(at, at + length);
      at += length;
      if (file === undefined) continue;
      if (this.#states.get(file)?.isWhole) writes.push(this.#compare(file, from, source));
      else writes.push(this.#write(file, source, from));
    }
    const writing = Promise.all(writes).then(() => {
      if (this.#isClosed) return;
      this.#journal.add(piece);
      this.#arrived(piece);
    });
    this.#writing.add(writing);
    const forget = () => this.#writing.delete(writing);
    writing.then(forget, forget);
    return writing;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#writing);
    this.#isClosed = true;
    for (const { fd, isWritable } of this.#open.values()) {
      if (isWritable) fsyncSync(fd);
      closeSync(fd);
    }
    this.#open.clear();
    this.#journal.close();
    closeSync(this.#folder);
  }

  async #write(index: number, bytes: Uint8Array, at: number): Promise<void> {
    const open = this.#opened(index, true) as Open;
    open.writes += 1;
    try {
      await writeAll(open.fd, bytes, at);
    } catch (cause) {
      throw notWritten(this.#layout.files[index] as LayoutFile, cause);
    } finally {
      open.writes -= 1;
      if (open.isLeft && open.writes === 0) closeSync(open.fd);
    }
  }

  #filesOf(piece: number): Set<number> {
    const spans = this.#layout.spans(this.#layout.offset(piece), this.#layout.wantedBytes(piece));
    return new Set(spans.map(({ file }) => file).filter((file) => file !== undefined));
  }

  /** A file that was there before is never written to: it has these bytes, or it is something else. */
  async #compare(index: number, at: number, bytes: Uint8Array): Promise<void> {
    const there = new Uint8Array(bytes.length);
    if (this.#readFile(index, at, there) && Buffer.compare(there, bytes) === 0) return;
    throw somethingElse(this.#layout.files[index] as LayoutFile);
  }

  /** Files of which all pieces are here get their names. */
  #arrived(piece: number): void {
    for (const file of this.#filesOf(piece)) {
      const state = this.#states.get(file) as State;
      state.missing -= 1;
      if (state.missing === 0) this.#missingFiles -= 1;
      if (state.missing === 0 && !state.isWhole) this.#finish(file, state);
    }
    if (this.#missingFiles === 0) this.#journal.remove();
  }

  #finish(index: number, state: State): void {
    const file = this.#layout.files[index] as LayoutFile;
    this.#forget(index);
    this.#in(file, (folder) =>
      moveWithin(folder, this.#partOf(index), file.path.at(-1) as string, () => somethingElse(file)),
    );
    state.isWhole = true;
  }

  /** Whether a file of its name and size is there. Throws where something else is. */
  #isThere(index: number, { path, sizeBytes }: LayoutFile): boolean {
    const fd = this.#tryOpen(path, false);
    if (fd === undefined) return false;
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size !== sizeBytes) {
      closeSync(fd);
      throw somethingElse({ path });
    }
    if (this.#open.size < MAX_OPEN)
      this.#open.set(index, { fd, isWritable: false, writes: 0, isLeft: false });
    else closeSync(fd);
    return true;
  }

  /** An empty file. */
  #make(index: number, file: LayoutFile): void {
    const name = file.path.at(-1) as string;
    this.#in(file, (folder) =>
      closeSync(openSync(`${folder}/${name}`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644)),
    );
    (this.#states.get(index) as State).isWhole = true;
  }

  #readFile(index: number, at: number, into: Uint8Array): boolean {
    const open = this.#opened(index, false);
    if (!open) return false;
    try {
      for (let done = 0; done < into.length; ) {
        const read = readSync(open.fd, into, done, into.length - done, at + done);
        if (read === 0) return false;
        done += read;
      }
      return true;
    } catch {
      return false;
    }
  }

  #opened(index: number, forWriting: boolean): Open | undefined {
    const open = this.#open.get(index);
    if (open && (open.isWritable || !forWriting)) {
      this.#open.delete(index);
      this.#open.set(index, open);
      return open;
    }
    this.#forget(index);
    const file = this.#layout.files[index] as LayoutFile;
    const { isWhole } = this.#states.get(index) as State;
    const fd = isWhole
      ? this.#tryOpen(file.path, false)
      : this.#tryOpen(file.path, forWriting, this.#partOf(index));
    if (fd === undefined) return undefined;
    if (!fstatSync(fd).isFile()) {
      closeSync(fd);
      throw somethingElse(file);
    }
    if (forWriting && fstatSync(fd).size !== file.sizeBytes) {
      try {
        ftruncateSync(fd, file.sizeBytes);
      } catch (cause) {
        closeSync(fd);
        throw notWritten(file, cause);
      }
    }
    const opened = { fd, isWritable: forWriting, writes: 0, isLeft: false };
    this.#open.set(index, opened);
    if (this.#open.size > MAX_OPEN) {
      const [longest] = this.#open.keys();
      if (longest !== undefined) this.#forget(longest);
    }
    return opened;
  }

  #forget(index: number): void {
    const open = this.#open.get(index);
    this.#open.delete(index);
    if (!open) return;
    open.isLeft = true;
    if (open.writes === 0) closeSync(open.fd);
  }

  /** Undefined when it isn't there and isn't to be made. Throws for what may not be opened. */
  #tryOpen(path: readonly string[], forWriting: boolean, name = path.at(-1) as string): number | undefined {
    const flags = (forWriting ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    try {
      return this.#in({ path }, (folder) => openSync(`${folder}/${name}`, flags, 0o644), forWriting);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && !forWriting) return undefined;
      const reason =
        (cause as NodeJS.ErrnoException).code === 'ELOOP' ? 'it is a link' : (cause as Error).message;
      throw new Error(`could not fetch to ${plainText(path.join('/'))}: ${reason}`, { cause });
    }
  }

  /** Runs with the path of the file's folder, which is made unless said otherwise. */
  #in<T>(file: Pick<LayoutFile, 'path'>, run: (folder: string) => T, mayMake = true): T {
    const opened: number[] = [];
    try {
      let folder = this.#folder;
      for (const name of file.path.slice(0, -1)) {
        folder = this.#enter(folder, name, mayMake);
        opened.push(folder);
      }
      return run(`/proc/self/fd/${folder}`);
    } finally {
      for (const fd of opened) closeSync(fd);
    }
  }

  #enter(folder: number, name: string, mayMake: boolean): number {
    const path = `/proc/self/fd/${folder}/${name}`;
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    try {
      return openSync(path, flags);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || !mayMake)
        throw code === 'ENOTDIR' || code === 'ELOOP' ? new Error(`${name} is not a folder`) : error;
    }
    mkdirSync(path);
    return openSync(path, flags);
  }

  /** What a file is called until it is whole. */
  #partOf(index: number): string {
    return `.debtorrent-${this.#id}-${index}.part`;
  }

  #below(path: readonly string[]): string {
    return [`/proc/self/fd/${this.#folder}`, ...path].join('/');
  }
}

/** Never over what is there, though it may have come a moment ago. */
function moveWithin(folder: string, from: string, to: string, taken: () => Error): void {
  try {
    linkSync(`${folder}/${from}`, `${folder}/${to}`);
    unlinkSync(`${folder}/${from}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken();
    // A file system without hard links.
    if (lstatSync(`${folder}/${to}`, { throwIfNoEntry: false })) throw taken();
    renameSync(`${folder}/${from}`, `${folder}/${to}`);
  }
}

function somethingElse({ path }: Pick<LayoutFile, 'path'>): Error {
  return new Error(
    `could not fetch to ${plainText(path.join('/'))}: something else is there already; move it, or give another --output`,
  );
}

function notWritten({ path }: Pick<LayoutFile, 'path'>, cause: unknown): Error {
  return new Error(`could not write ${plainText(path.join('/'))}: ${(cause as Error).message}`, { cause });
}

function writeAll(fd: number, bytes: Uint8Array, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (done: number) =>
      write(fd, bytes, done, bytes.length - done, at + done, (error, written) => {
        if (error) reject(error);
        else if (done + written < bytes.length) go(done + written);
        else resolve();
      });
    go(0);
  });
}

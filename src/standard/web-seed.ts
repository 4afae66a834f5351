/**
 * A web seed: an HTTP server that has the files of a torrent, asked for stretches of pieces by Range. It is a giver like a
 * peer that has everything: what it sends goes block by block the same way and is checked the same way, and it is blamed
 * the same way. Asked through the mirror's client, so every address passes the upstream policy. Source: BEP 19.
 */
import type { Location } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { MirrorAnswer, MirrorRequest } from '../mirror/mirror.ts';
import { BLOCK_BYTES } from '../wire/message.ts';
import type { Downloads, Giver, Receipt, Work } from './downloads.ts';
import type { Layout, LayoutFile } from './layout.ts';

/** What is used of the mirror's client. */
export interface WebClient {
  request(request: MirrorRequest): Promise<MirrorAnswer>;
}

export interface WebSeedHost {
  readonly clock: Clock;
  readonly web: WebClient;
  readonly downloadBucket: TokenBucket;
  readonly layout: Layout;
  readonly downloads: Downloads;
  /** The torrent's own name, for a URL that ends in "/". */
  readonly name: string;
  webReceived(seed: WebSeed, receipt: Receipt): void;
  webDownloaded(bytes: number): void;
}

/** Asked for at once: little until it has shown how fast it is, then about as much as comes in a second. */
const FIRST_STRETCH_BYTES = 1024 * 1024;
const LARGEST_STRETCH_BYTES = 16 * 1024 * 1024;
/** Who sends less than this in that time keeps pieces from others, and is left for a while. */
const PATIENCE_MS = 60_000;
const LEAST_BYTES = 64 * 1024;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 600_000;
/** Of an answer that ignores Range so much is read in vain. */
const MAX_SKIPPED_BYTES = 1024 * 1024;

const diary = log.withTag('web-seed');

export class WebSeed implements Giver {
  readonly url: string;
  readonly #host: WebSeedHost;
  readonly #base: URL;
  readonly #abort = new AbortController();
  /** Of the stretch that is being fetched. */
  #stretch = new AbortController();
  #stretchBytes = FIRST_STRETCH_BYTES;
  #isBusy = false;
  #failures = 0;
  #nextMs = 0;
  #isBlamed = false;
  bytesDown = 0;
  outstanding = 0;

  /** Throws TypeError for what isn't a URL. */
  constructor(url: string, host: WebSeedHost) {
    this.url = url;
    this.#base = new URL(url);
    this.#host = host;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  has(): boolean {
    return !this.#isBlamed;
  }

  allows(): boolean {
    return !this.#isBlamed;
  }

  owes(): boolean {
    return true;
  }

  blamed(reason: string): void {
    if (this.#isBlamed) return;
    this.#isBlamed = true;
    diary.warn(`${quoteRemote(this.url)} isn't asked any more: ${reason}`);
    this.#abort.abort(new UnavailableError(reason));
  }

  close(): void {
    this.#abort.abort(new UnavailableError('stopping'));
  }

  /** Now and then, and whenever there may be something to ask it for. */
  run(): void {
    if (this.#isBusy || this.#isBlamed || this.#abort.signal.aborted) return;
    if (this.#host.clock.nowMs() < this.#nextMs) return;
    const works = this.#take();
    if (works.length === 0) return;
    this.#isBusy = true;
    void this.#fetch(works).finally(() => {
      this.#isBusy = false;
      this.#host.downloads.release(this);
      if (!this.#abort.signal.aborted) this.run();
    });
  }

  /** Pieces in a row, all their free blocks asked for. */
  #take(): Work[] {
    const { downloads } = this.#host;
    const ask = downloads.next(this);
    if (!ask) return [];
    const works = [ask.work];
    let bytes = ask.work.sizeBytes;
    // A piece that was begun by others is fetched by itself.
    const isNew = ask.work.owner === this && ask.work.receivedBytes === 0;
    for (let piece = ask.work.piece + 1; isNew && bytes < this.#stretchBytes; piece += 1) {
      const work = downloads.picker.isWanted(piece) ? downloads.begin(this, piece) : undefined;
      if (!work) break;
      works.push(work);
      bytes += work.sizeBytes;
    }
    for (const work of works) while (work.ask() !== undefined);
    this.outstanding = works.length;
    return works;
  }

  async #fetch(works: readonly Work[]): Promise<void> {
    const { clock } = this.#host;
    const startedMs = clock.nowMs();
    const before = this.bytesDown;
    this.#stretch = new AbortController();
    const forget = this.#watch(this.#stretch);
    try {
      for (const work of works) if (!work.isWhole) await this.#fetchRun(work, works);
      this.#failures = 0;
      const elapsedMs = Math.max(1, clock.nowMs() - startedMs);
      const aSecond = ((this.bytesDown - before) / elapsedMs) * 1000;
      this.#stretchBytes = Math.min(LARGEST_STRETCH_BYTES, Math.max(FIRST_STRETCH_BYTES, aSecond));
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failures += 1;
      this.#nextMs = clock.nowMs() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
      diary[this.#failures === 1 ? 'info' : 'debug'](`${quoteRemote(this.url)}: ${(error as Error).message}`);
    } finally {
      forget();
      for (const work of works)
        for (let block = 0; block < work.blocks; block += 1)
          if (!work.isHere(block) && work.isAsked(block)) work.takeBack(block);
    }
  }

  /** Aborts what goes on too slowly. Returns how to end that. */
  #watch(stretch: AbortController): () => void {
    const { clock } = this.#host;
    let seen = this.bytesDown;
    let takeBack = () => {};
    const look = () => {
      if (this.bytesDown - seen < LEAST_BYTES) stretch.abort(new UnavailableError('too slow'));
      seen = this.bytesDown;
      takeBack = clock.after(PATIENCE_MS, look);
    };
    takeBack = clock.after(PATIENCE_MS, look);
    return () => takeBack();
  }

  /** From `first` on as far as bytes of one file follow each other. */
  async #fetchRun(first: Work, works: readonly Work[]): Promise<void> {
    const { layout } = this.#host;
    const filler = new BlockFiller(this.#host, this, works);
    const from = layout.offset(first.piece);
    const last = works.at(-1) as Work;
    const length = layout.offset(last.piece) + last.sizeBytes - from;
    let at = from;
    for (const span of layout.spans(from, length)) {
      const file = span.file === undefined ? undefined : layout.files[span.file];
      if (!filler.isWanted(at, span.length)) filler.skip(at, span.length);
      else if (file) await this.#fetchSpan(file, span.at, span.length, at, filler);
      else filler.feed(at, new Uint8Array(span.length));
      at += span.length;
    }
  }

  async #fetchSpan(
    file: LayoutFile,
    at: number,
    length: number,
    offset: number,
    filler: BlockFiller,
  ): Promise<void> {
    const { web, downloadBucket, clock } = this.#host;
    const abort = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, this.#stretch.signal, abort.signal]);
    const answer = await web.request({
      ...this.#placeOf(file),
      range: { from: at, to: at + length },
      signal,
    });
    const skip = answer.status === 200 ? at : 0;
    if ((answer.status !== 206 && answer.status !== 200) || skip > MAX_SKIPPED_BYTES) {
      abort.abort(new UnavailableError('not needed'));
      throw new UnavailableError(
        `could not fetch ${quoteRemote(file.path.join('/'))}: status ${answer.status}`,
      );
    }
    let position = -skip;
    for await (const chunk of answer.body) {
      const from = Math.max(0, -position);
      const to = Math.min(chunk.length, length - position);
      if (to > from) {
        filler.feed(offset + position + from, chunk.subarray(from, to));
        this.bytesDown += to - from;
        this.#host.webDownloaded(to - from);
      }
      position += chunk.length;
      if (position >= length) break;
      const waitMs = downloadBucket.spend(chunk.length, clock.nowMs());
      if (waitMs > 0) await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
    }
    if (position < length) throw new UnavailableError('the answer was shorter than what was asked for');
  }

  /** The URL is the file's where there is one; else the folder's that holds the torrent's. */
  #placeOf(file: LayoutFile): { at: Location; query?: string } {
    const { layout, name } = this.#host;
    const base = this.#base;
    const scheme = base.protocol === 'https:' ? 'https' : 'http';
    const isSingle =
      layout.files.filter(({ isPadding }) => !isPadding).length === 1 && file.path.length === 1;
    const below = isSingle && !base.pathname.endsWith('/') ? [] : isSingle ? [name] : file.path;
    const folder = base.pathname.endsWith('/') ? base.pathname.slice(0, -1) : base.pathname;
    const path = [decoded(folder), ...below].join('/') || '/';
    return { at: { scheme, host: base.host, path }, ...(base.search && { query: base.search.slice(1) }) };
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Bytes of a stretch, in order, cut into the blocks of its pieces. */
class BlockFiller {
  readonly #host: WebSeedHost;
  readonly #seed: WebSeed;
  readonly #works: ReadonlyMap<number, Work>;
  #receipt: Receipt | undefined;
  #left = 0;

  constructor(host: WebSeedHost, seed: WebSeed, works: readonly Work[]) {
    this.#host = host;
    this.#seed = seed;
    this.#works = new Map(works.map((work) => [work.piece, work]));
  }

  /** Whether a block in there is still to come. */
  isWanted(offset: number, length: number): boolean {
    for (let at = offset; at < offset + length; at += BLOCK_BYTES - (this.#inPiece(at) % BLOCK_BYTES)) {
      const { work, block } = this.#at(at);
      if (work && block < work.blocks && !work.isHere(block)) return true;
    }
    return false;
  }

  skip(_offset: number, _length: number): void {
    if (this.#receipt) this.#receipt.work.broken(this.#receipt);
    this.#receipt = undefined;
    this.#left = 0;
  }

  feed(offset: number, bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const position = offset + at;
      const inPiece = this.#inPiece(position);
      const { work, block } = this.#at(position);
      if (!work || inPiece >= work.sizeBytes) {
        // Padding at the end of a piece.
        const next = this.#host.layout.pieceLength - inPiece;
        at += Math.min(next, bytes.length - at);
        continue;
      }
      if (inPiece % BLOCK_BYTES === 0) {
        this.#receipt = work.begin(block);
        this.#left = work.length(block);
      }
      const take = Math.min(this.#left || work.length(block) - (inPiece % BLOCK_BYTES), bytes.length - at);
      this.#put(work, bytes.subarray(at, at + take));
      at += take;
    }
  }

  #put(work: Work, bytes: Uint8Array): void {
    const receipt = this.#receipt;
    if (!receipt) return;
    if (!receipt.isDirect || !work.isHere(receipt.block)) receipt.into.set(bytes, receipt.at);
    receipt.at += bytes.length;
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.#receipt = undefined;
    this.#host.webReceived(this.#seed, receipt);
    work.takeBack(receipt.block);
  }

  #inPiece(offset: number): number {
    return offset % this.#host.layout.pieceLength;
  }

  #at(offset: number): { work: Work | undefined; block: number } {
    const piece = Math.floor(offset / this.#host.layout.pieceLength);
    return { work: this.#works.get(piece), block: Math.floor(this.#inPiece(offset) / BLOCK_BYTES) };
  }
}

/**
 * One file on its way: every event that concerns it, single-threaded, each answered by one small step and a fresh
 * plan. It decides what a piece is worth (grade), when apt may read it, and what to do when the whole turns out
 * wrong; where bytes come from is decided by plan.ts (from what flight-view.ts gathers), whether they are right by the
 * gate (digest = key).
 *
 * Invariants: the end of the file waits until the whole SHA-256 holds; a transfer that may hold unproven bytes doesn't
 * carry the mirror's Last-Modified; what was shown isn't replaced by anything else under a reader; only what is proven
 * is blamed on a peer; nothing but `#land` writes to the store.
 */
import { type Entry, type Location, locationName } from '../archive/entry.ts';
import { RefusedError, UnavailableError, WrongFileError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { isDebugging, log } from '../lib/log.ts';
import { sha256Of } from '../lib/sha256.ts';
import type { KeptPiece, PieceGrade } from '../store/store.ts';
import type { Offer } from '../swarm/offer.ts';
import type { Seeker, Want } from '../swarm/wants.ts';
import { Pieces } from '../torrent/pieces.ts';
import type { Content } from './content.ts';
import { Crowd } from './crowd.ts';
import { explain } from './explain.ts';
import { type FlightBytes, openFlightBytes } from './flight-bytes.ts';
import { FlightMirror, type FlightMirrorHost } from './flight-mirror.ts';
import { FlightOffers } from './flight-offers.ts';
import type { FlightParts } from './flight-parts.ts';
import { FlightReader } from './flight-reader.ts';
import { FlightSharing } from './flight-sharing.ts';
import { FlightTrust, type FlightTrustHost } from './flight-trust.ts';
import { viewFlight } from './flight-view.ts';
import { landFile, provenLayer } from './landing.ts';
import type { MirrorLine } from './mirror-lines.ts';
import { ASKED, type Decision, type FlightView, HAVE, NO_SOURCE, planFlight } from './plan.ts';
import { PlanTimer } from './plan-timer.ts';
import { FROM_MIRROR, FROM_NOBODY, FROM_ROOT, type Origin, Progress } from './progress.ts';

/** apt gives up after 30 s of silence: when nothing could be shown for this long, something of the mirror's is. */
const SILENCE_MS = 8_000;
/** Without a byte for this long, more peers are asked. */
const QUIET_MS = 1_000;
/** What others claim comes in bursts: one plan for all that comes within this time. */
const FELLOWS_MS = 20;
/** What peers that wait for work have got since they were last heard of: it can wait for what others say just then. */
const NEWS_MS = 3;
/** On a fast link pieces come in bursts, too. */
const PIECES_MS = 4;
const PEEK_BYTES = 16 * 1024;
/** Peers that have the file but don't deliver are waited for this long when the mirror can't help; then apt is told. */
const HOPE_MS = 20_000;
/** A mirror that failed is asked again when nothing has come for this long. */
const RETRY_MIRROR_MS = 5_000;
/** A flight without readers is kept this long: apt comes back within seconds after a cut. */
const ORPHAN_MS = 15_000;
/** A whole that is wrong this often has no source that is right. */
const MAX_WRONGS = 4;

const diary = log.withTag('acquire');

export class Flight implements Seeker, FlightMirrorHost, FlightTrustHost {
  readonly entry: Entry;
  readonly at: Location;
  readonly pieces: Pieces;
  readonly progress: Progress;
  crowd: Crowd | undefined;
  /** A transfer was begun with the mirror's own date: nothing unproven may enter it any more. */
  promised = false;
  readonly #parts: FlightParts;
  readonly #bytes: FlightBytes;
  readonly #trust: FlightTrust;
  readonly #offers: FlightOffers;
  readonly #sharing: FlightSharing;
  readonly #mirror: FlightMirror;
  readonly #timer: PlanTimer;
  readonly #readers = new Set<FlightReader>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #onEnd: (error?: Error) => void;
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  #want: Want | undefined;
  #state: 'flying' | 'checking' | 'landed' | 'failed' = 'flying';
  #landedMs: number | undefined;
  /** What could be read when last looked at, and since when it has been that much. */
  #shownBytes = 0;
  #visibleMs: number;
  /** When bytes last came, from whomever. */
  #movedMs: number;
  /** When more peers were asked because nothing came. */
  #askedFurtherMs = 0;
  /** All that the mirror gave was the wrong file: it isn't asked again. */
  #mirrorIsWrong = false;
  /** A reader holds, under the mirror's date, what turned out otherwise: nothing may go on from there under that date. */
  #isDateVoid = false;
  /** What an earlier flight left is being verified: nothing is asked for meanwhile. */
  #resuming = false;
  /** Our own bytes are being hashed for a judgement. */
  #judging: Promise<void> | undefined;
  #orphan: (() => void) | undefined;
  #bytesFromPeers = 0;

  constructor(
    entry: Entry,
    at: Location,
    parts: FlightParts,
    line: MirrorLine,
    onEnd: (error?: Error) => void,
  ) {
    this.entry = entry;
    this.at = at;
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.pieces = new Pieces(entry.sizeBytes);
    this.progress = new Progress(this.pieces);
    this.#trust = new FlightTrust(this, parts);
    this.#offers = new FlightOffers(this.progress, this.#trust, parts.clock);
    this.#mirror = new FlightMirror(this, parts, line);
    this.#bytes = openFlightBytes(parts.store, parts.hasher, entry.key, this.pieces);
    this.#sharing = new FlightSharing(this, parts, this.#trust, this.#bytes);
    this.#timer = new PlanTimer(parts.clock, () => this.#plan());
    this.#startedMs = parts.clock.nowMs();
    this.#startedWallMs = parts.clock.wallMs();
    this.#visibleMs = this.#startedMs;
    this.#movedMs = this.#startedMs;
    this.#ready.promise.catch(() => {});
    if (entry.swarms.length > 0) {
      this.#want = parts.swarms.look(entry, this);
      this.crowd = new Crowd(this.#want, parts.swarms, parts.clock);
      // It may have been wanted ahead.
      for (const offer of [...this.#want.offers.values()]) this.offered(offer);
    }
    if (this.pieces.count === 0) this.#check();
    else if (this.#bytes.kept.isEmpty) this.#plan();
    else void this.#resume();
  }

  get name(): string {
    return locationName(this.at);
  }

  get movedMs(): number {
    return this.#movedMs;
  }

  get haveBytes(): number {
    return this.progress.haveBytes;
  }

  get givers(): Content['givers'] {
    if (this.#state !== 'landed') return undefined;
    return { peers: this.#bytesFromPeers, mirror: this.#mirror.bytes };
  }

  get ended(): boolean {
    return this.#state === 'landed' || this.#state === 'failed';
  }

  get flying(): boolean {
    return this.#state === 'flying';
  }

  /** Resolves with a reader when the first bytes may be read; throws what the flight failed of. */
  async open(signal: AbortSignal): Promise<Content> {
    this.#orphan?.();
    this.#orphan = undefined;
    const reader = new FlightReader(this);
    this.#readers.add(reader);
    try {
      signal.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      const onAbort = () => aborted.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([reader.waitBeyond(0, signal), this.#ready.promise, aborted.promise]);
      } finally {
        signal.removeEventListener('abort', onAbort);
        aborted.promise.catch(() => {});
      }
    } catch (error) {
      reader[Symbol.dispose]();
      throw error;
    }
    reader.start(this.#date(), this.#unproven() ? undefined : `"${this.entry.key}"`);
    return reader;
  }

  // ---- for readers ----

  get available(): number {
    return this.progress.available;
  }

  read(offset: number, maxBytes: number): Uint8Array {
    return this.#bytes.read(offset, Math.min(maxBytes, this.progress.available - offset));
  }

  readInto(offset: number, target: Uint8Array): number {
    const allowed = Math.max(0, this.progress.available - offset);
    return this.#bytes.readInto(offset, target.subarray(0, allowed));
  }

  left(reader: FlightReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    if (this.ended) void this.#close();
    else {
      this.#orphan ??= this.#parts.clock.after(ORPHAN_MS, () => {
        if (this.#readers.size === 0)
          this.#fail(new UnavailableError(`${this.name}: nobody waits for it any more`));
      });
    }
  }

  /** Ends the flight from outside. */
  abort(reason: string): void {
    this.#fail(new UnavailableError(`${this.name}: ${reason}`));
  }

  // ---- events from peers (Seeker) ----

  offered(offer: Offer): void {
    if (this.ended) return;
    const isNew = this.#offers.add(offer);
    this.#trust.heard(offer);
    if (isNew) return this.#timer.soon();
    // In a crowd every piece of everybody is such an event, and many come in one turn of the event loop.
    const isBusy = offer.peer.queuedBytes > 0;
    this.#timer.by(this.#parts.clock.nowMs() + (isBusy ? FELLOWS_MS : NEWS_MS));
  }

  gone(offer: Offer): void {
    this.#offers.remove(offer);
    this.#trust.left();
    this.#timer.soon();
  }

  answered(): void {
    this.#timer.soon();
  }

  fellowsChanged(): void {
    this.crowd?.tellNewcomers();
    this.#timer.by(this.#parts.clock.nowMs() + FELLOWS_MS);
  }

  failed(offer: Offer, piece: number): void {
    this.#offers.failed(offer, piece);
    this.#timer.soon();
  }

  arrived(offer: Offer, piece: number, bytes: Uint8Array): void {
    if (this.#state !== 'flying' || this.progress.state[piece] === HAVE) return;
    const origin = this.pieces.isSingle
      ? this.#judgeWhole(offer, bytes)
      : this.#trust.judge(offer, piece, bytes);
    if (origin === FROM_NOBODY) {
      this.#offers.failed(offer, piece);
      this.#timer.soon();
      return;
    }
    if (!this.write(this.pieces.offset(piece), bytes)) return;
    this.#bytesFromPeers += bytes.length;
    this.#mirror.peersBrought(bytes.length);
    this.progress.have(piece, origin);
    if (this.pieces.isSingle) return this.#check();
    this.#keep(piece, origin === FROM_ROOT && this.#trust.isSigned ? 'signed' : 'peer');
    this.#sharing.piece(piece);
    const isBusy = staysBusy(offer);
    this.moved(!isBusy);
    if (isBusy) this.#timer.by(this.#parts.clock.nowMs() + PIECES_MS);
  }

  /** A file of one piece has its key for a hash: who has offered it and gives anything else contradicts itself. */
  #judgeWhole({ peer }: Offer, bytes: Uint8Array): Origin {
    if (sha256Of(bytes) === this.entry.key) return FROM_ROOT;
    this.#parts.swarms.ban(peer, 'bytes that contradict the hash it stated');
    return FROM_NOBODY;
  }

  // ---- of what bytes are worth (FlightTrustHost) ----

  get mirrorWorks(): boolean {
    return this.#mirror.usable;
  }

  offers(): Iterable<Offer> {
    return this.#offers.all();
  }

  treeChanged(): void {
    this.#wakeReaders();
    this.#sharing.treeChanged();
    this.#timer.soon();
  }

  useless(offer: Offer): void {
    this.gone(offer);
  }

  misled(pieces: readonly number[]): void {
    if (pieces.length === 0) return;
    this.#sharing.takeBack();
    const isShown = this.#drop(pieces);
    if (isShown) this.#cutReaders();
    void this.#bytes.restart();
  }

  /** These pieces are missing again. True when readers may have seen some of their bytes. */
  #drop(pieces: readonly number[]): boolean {
    let isShown = false;
    for (const piece of pieces) {
      this.#missing(piece);
      isShown ||= this.pieces.offset(piece) < this.progress.available;
    }
    return isShown;
  }

  #missing(piece: number): void {
    this.progress.missing(piece);
    this.#bytes.kept.forget(piece);
  }

  // ---- what survives us ----

  /** What an earlier flight left counts when its bytes are what they were. */
  async #resume(): Promise<void> {
    const { kept } = this.#bytes;
    this.#resuming = true;
    this.#mirror.dateMs = kept.dateMs;
    await kept.verify(
      this.#parts.clock,
      (piece) => this.#resumed(piece),
      () => this.flying,
    );
    this.#resuming = false;
    diary.debug(`${this.name}: ${kept.resumed.size} pieces were here from before`);
    if (this.#state === 'flying') this.#plan();
  }

  #resumed(kept: KeptPiece): boolean {
    const origin = this.#trust.resumed(kept);
    if (origin === FROM_NOBODY) return false;
    this.progress.have(kept.index, origin);
    this.#sharing.piece(kept.index);
    this.moved(true);
    return true;
  }

  /** A piece is here: should we end before the file is whole, it needn't be fetched again. */
  #keep(piece: number, grade: PieceGrade): void {
    const hash = this.#trust.hashOf(piece);
    if (hash) this.#bytes.kept.note(piece, hash, grade, this.#mirrorDateMs);
  }

  // ---- planning ----

  #plan(): void {
    if (this.#resuming || this.#state !== 'flying') return;
    this.#timer.clear();
    if (!this.#mirror.usable) this.#hope();
    if (this.#state !== 'flying') return;
    this.#trust.review();
    this.#askFurther();
    this.#keepAptPatient();
    const decision = this.#tellingPiece() ?? planFlight(this.#view());
    this.#carryOut(decision);
    if (this.#state !== 'flying') return;
    const { clock } = this.#parts;
    const now = clock.nowMs();
    const wakeAtMs = Math.min(decision.wakeAtMs ?? Number.POSITIVE_INFINITY, now + 1_000);
    this.#timer.set(Math.max(now + 1, wakeAtMs));
  }

  /** Nothing has come for a while, whoever says to have it: others may. */
  #askFurther(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (!this.#want || nowMs - Math.max(this.#movedMs, this.#askedFurtherMs) < QUIET_MS) return;
    this.#askedFurtherMs = nowMs;
    this.#parts.swarms.wants.askFurther(this.#want);
  }

  #view(): FlightView {
    return viewFlight(
      {
        entry: this.entry,
        pieces: this.pieces,
        progress: this.progress,
        crowd: this.crowd,
        promised: this.promised,
        startedMs: this.#startedMs,
        movedMs: this.#movedMs,
        want: this.#want,
        mirror: this.#mirror,
        offers: this.#offers,
        trust: this.#trust,
      },
      this.#parts,
    );
  }

  /** A piece that only the mirror can settle: two trees differ there, and one of them is false. */
  #tellingPiece(): Decision | undefined {
    const piece = this.#trust.telling;
    if (piece === undefined || this.#mirror.running || !this.#mirror.usable) return undefined;
    if (this.progress.state[piece] === ASKED) this.takeBack(piece);
    // Its bytes were hashed perhaps, and will be replaced.
    if (this.progress.state[piece] === HAVE) void this.#bytes.restart();
    this.#missing(piece);
    const why = 'peers differ here: the mirror tells who is right';
    return { requests: [], mirror: { kind: 'start', from: piece, to: piece + 1 }, wakeAtMs: undefined, why };
  }

  /**
   * What is here may not be shown yet, and apt is about to lose patience. Of a last piece (a small file is nothing else)
   * that the mirror is slow to bring, what it has brought is shown. Elsewhere the mirror gives a few bytes to show: they
   * are few, as each node of a crowd has to ask for them by itself.
   */
  #keepAptPatient(): void {
    const { progress, pieces } = this;
    const from = progress.available;
    const piece = Math.floor(from / pieces.pieceLength);
    if (this.#readers.size === 0 || !this.#mirror.usable) return;
    if (this.#parts.clock.nowMs() - this.#visibleMs < SILENCE_MS) return;
    if (piece >= pieces.count - 1) {
      progress.showLast();
      return this.#wakeReaders();
    }
    const to = Math.min(from + PEEK_BYTES, (piece + 1) * pieces.pieceLength);
    this.#mirror.peek(from, to, (bytes) => this.#peeked(from, bytes));
  }

  #peeked(from: number, bytes: Uint8Array): void {
    const { progress, pieces } = this;
    if (this.#state !== 'flying' || progress.available !== from) return;
    const piece = Math.floor(from / pieces.pieceLength);
    if (progress.state[piece] === HAVE) {
      if (sameBytes(this.#bytes.read(from, bytes.length), bytes)) {
        progress.show(from + bytes.length);
        return this.#wakeReaders();
      }
      this.#trust.words.forget(piece);
      this.#missing(piece);
      void this.#bytes.restart();
    }
    if (!this.write(from, bytes)) return;
    progress.show(from + bytes.length);
    this.#wakeReaders();
    this.#timer.soon();
  }

  #carryOut(decision: Decision): void {
    const { requests, mirror, why } = decision;
    if (isDebugging()) {
      const text = explain(decision, (offer) => this.#offers.addressOf(offer));
      if (text) diary.debug(`${this.name}: ${text}`);
    }
    for (const { offer, piece } of requests) this.#offers.ask(offer, piece);
    if (mirror.kind === 'stop') this.#mirror.rest();
    if (mirror.kind === 'start') this.#mirror.start(mirror.from, mirror.to);
    if (why === NO_SOURCE && this.#offers.isEmpty) this.#fail(this.#lastError());
  }

  /** The mirror can't help: peers that have the file are given time, and the mirror another chance. */
  #hope(): void {
    const quietMs = this.#parts.clock.nowMs() - this.#movedMs;
    const silentMs = Math.min(quietMs, this.#offers.silentMs() ?? quietMs);
    const error = this.#lastError();
    if (silentMs > HOPE_MS) this.#fail(error);
    else if (silentMs > RETRY_MIRROR_MS && !this.#mirrorIsWrong && !(error instanceof RefusedError))
      this.#mirror.usable = true;
  }

  #lastError(): Error {
    return this.#mirror.error ?? new UnavailableError(`${this.name}: no source has it`);
  }

  // ---- the mirror (FlightMirrorHost) ----

  /** Under a signed tree every byte is proven before it is shown, the mirror's too. */
  get showsUnfinished(): boolean {
    return !this.#trust.isSigned;
  }

  /** A piece that the mirror gave us: its hash is our own word, and others may have it. */
  mirrorPiece(piece: number): boolean {
    if (!this.pieces.isSingle) {
      const bytes = this.#bytes.read(this.pieces.offset(piece), this.pieces.size(piece));
      if (!this.#trust.mirrorPiece(piece, bytes)) {
        this.#mirror.stop(new Error('wrong bytes'));
        this.#mirror.fail(
          new WrongFileError(`${this.name}: the mirror's bytes do not match the signed hashes`),
        );
        this.#timer.soon();
        return false;
      }
      if (this.#state !== 'flying') return false;
    }
    this.progress.have(piece, FROM_MIRROR);
    if (this.pieces.isSingle) return true;
    this.#keep(piece, 'mirror');
    if (this.#parts.swarms.hasPeers) this.#sharing.piece(piece);
    return true;
  }

  mirrorEnded(): void {
    this.#timer.soon();
  }

  write(offset: number, bytes: Uint8Array): boolean {
    this.#guardShown(offset, bytes);
    try {
      this.#bytes.write(offset, bytes);
      return true;
    } catch (cause) {
      this.#fail(cause instanceof Error ? cause : new Error(String(cause)));
      return false;
    }
  }

  /** Readers that have seen something else than what is written now are cut. A piece that broke off is written again. */
  #guardShown(offset: number, bytes: Uint8Array): void {
    const shown = Math.min(bytes.length, this.progress.available - offset);
    if (shown <= 0 || sameBytes(this.#bytes.read(offset, shown), bytes.subarray(0, shown))) return;
    this.#isDateVoid ||= this.promised;
    this.promised = false;
    this.#cutReaders();
    this.#trust.follow();
  }

  takeBack(piece: number): void {
    this.#offers.takeBack(piece);
  }

  /** New bytes may be readable, or all are here. */
  moved(isPiece: boolean): void {
    const { progress } = this;
    this.#movedMs = this.#parts.clock.nowMs();
    this.#bytes.grown(progress.contiguousBytes);
    this.#wakeReaders();
    if (progress.complete) this.#check();
    else if (isPiece) this.#timer.soon();
  }

  // ---- what is here ----

  #wakeReaders(): void {
    const { available } = this.progress;
    if (available > this.#shownBytes) {
      this.#shownBytes = available;
      this.#visibleMs = this.#parts.clock.nowMs();
      this.#ready.resolve();
    }
    for (const reader of this.#readers) reader.advance();
  }

  // ---- the gate ----

  /** All bytes are here: does the whole hold? */
  #check(): void {
    if (this.#state !== 'flying') return;
    this.#state = 'checking';
    this.#timer.clear();
    this.#mirror.stop(new Error('complete'));
    this.#bytes.digest().then(
      (digest) => {
        if (this.#state !== 'checking') return;
        if (digest === this.entry.key) this.#land();
        else this.#wrong();
      },
      (error) =>
        this.#fail(new UnavailableError(`could not check ${this.name}: ${String(error)}`, { cause: error })),
    );
  }

  #land(): void {
    const { entry, name } = this;
    this.#state = 'landed';
    this.#orphan?.();
    this.#sharing.stop();
    const layer = this.#trust.provenLayer();
    const lastModifiedMs = this.#mirrorDateMs;
    this.#landedMs = landFile(this.#parts, {
      entry,
      at: this.at,
      name,
      bytes: this.#bytes,
      layer,
      lastModifiedMs,
    });
    this.progress.wholeVerified();
    const tookMs = Math.round(this.#parts.clock.nowMs() - this.#startedMs);
    const from = `${formatBytes(this.#bytesFromPeers)} from peers, ${formatBytes(this.#mirror.bytes)} from the mirror`;
    diary.debug(`${name}: ${formatBytes(entry.sizeBytes)} in ${tookMs} ms, ${from}`);
    if (this.#trust.isContradictory) {
      const condemn = (trueLayer: Uint8Array) => this.#trust.condemn(trueLayer);
      this.#judging = provenLayer(this.#parts, entry.key, this.pieces, this.#bytes, layer)?.then(
        condemn,
        () => {},
      );
    }
    this.#endWant();
    this.#onEnd();
    this.#wakeReaders();
    this.#ready.resolve();
    if (this.#readers.size === 0) void this.#close();
  }

  /** The whole SHA-256 doesn't hold: what is least trusted is fetched anew, readers that may have seen it are cut. */
  #wrong(): void {
    this.#sharing.takeBack();
    let dropped = this.#trust.wrongWhole(this.#bytes.kept.resumed);
    if (dropped.length === 0) dropped = this.#doubtMirror();
    if (dropped.length === 0 || this.#trust.wrongs > MAX_WRONGS) {
      this.#bytes.kept.discard();
      this.#fail(new WrongFileError(`${this.name}: the mirror's file does not match the index`));
      return;
    }
    diary.warn(`${this.name}: the whole file does not match the index; fetching the doubtful parts anew`);
    this.#visibleMs = this.#parts.clock.nowMs();
    if (this.#drop(dropped)) this.#cutReaders();
    else this.progress.withholdRoot();
    this.#bytes.restart().then(
      () => {
        if (this.#state !== 'checking') return;
        this.#state = 'flying';
        this.#trust.follow();
        this.#plan();
      },
      (error) => this.#fail(new UnavailableError(`could not check ${this.name}`, { cause: error })),
    );
  }

  /** All of it was the mirror's, and it is wrong. Peers may have the right one: then the mirror isn't asked any more. */
  #doubtMirror(): number[] {
    if (this.#mirrorIsWrong || this.#offers.isEmpty) return [];
    this.#mirrorIsWrong = true;
    this.promised = false;
    this.#mirror.fail(new WrongFileError(`${this.name}: the mirror's file does not match the index`));
    return this.#trust.doubtMirror();
  }

  /** Those that may have seen bytes that turned out wrong never see the end. */
  #cutReaders(): void {
    this.progress.newGeneration();
    this.#shownBytes = this.progress.available;
    const error = new UnavailableError(`${this.name}: unproven bytes turned out wrong`);
    for (const reader of [...this.#readers]) if (reader.started) reader.fail(error);
  }

  #fail(error: Error): void {
    if (this.ended) return;
    this.#state = 'failed';
    this.#timer.stop();
    this.#orphan?.();
    this.#sharing.stop();
    this.#mirror.stop(error);
    this.#endWant();
    this.#bytes.kept.release();
    this.#onEnd(error);
    const level = error instanceof RefusedError || this.#readers.size === 0 ? 'debug' : 'warn';
    diary[level](error.message);
    for (const reader of [...this.#readers]) reader.fail(error);
    this.#ready.reject(error);
    if (this.#readers.size === 0) void this.#close();
  }

  #endWant(): void {
    if (!this.#want) return;
    this.#offers.takeAllBack();
    this.#parts.swarms.wants.close(this.#want);
    this.#want = undefined;
  }

  async #close(): Promise<void> {
    try {
      await this.#judging;
      await this.#bytes.close();
    } catch (error) {
      diary.warn(`could not close ${this.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  // ---- dates ----

  get #mirrorDateMs(): number | undefined {
    return this.#mirrorIsWrong || this.#isDateVoid ? undefined : this.#mirror.dateMs;
  }

  /**
   * True while bytes may be among what apt reads that only a peer's word stands for. A small file that is shown before
   * it is whole counts for that, too: who comes back for the rest of it is better served with all, and at once.
   */
  #unproven(): boolean {
    if (this.#state === 'landed' || this.#trust.isSigned) return false;
    return !this.promised;
  }

  #date(): number {
    if (this.#landedMs !== undefined) return this.#landedMs;
    const couldBePeers = this.entry.swarms.length > 0 && this.#parts.swarms.hasPeers;
    const fromPeers = this.#bytesFromPeers > 0 || this.#bytes.kept.fromPeers;
    const onlyMirror = !couldBePeers && !fromPeers && !this.progress.rootReleased;
    const dateMs = this.#mirrorDateMs;
    if (dateMs !== undefined && onlyMirror && !this.pieces.isSingle) this.promised = true;
    const known = dateMs ?? Math.floor(this.#startedWallMs / 1000) * 1000;
    return this.#unproven() ? known - 1000 : known;
  }
}

/** Half of what the peer may be asked for is still on its way, and lasts: asking for more can wait for the next pieces. */
function staysBusy({ peer }: Offer): boolean {
  const bytesPerSecond = peer.bytesPerSecond();
  if (bytesPerSecond === undefined) return false;
  return peer.queuedBytes >= Math.max(peer.roomBytes(), (bytesPerSecond * 2 * PIECES_MS) / 1000);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

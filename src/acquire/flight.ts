/**
 * One file on its way: every event that concerns it, single-threaded, each answered by one small step and a fresh
 * plan. It decides what a piece is worth (grade), when apt may read it, and what to do when the whole turns out
 * wrong; where bytes come from is decided by plan.ts, whether they are right by the gate (digest = key).
 *
 * Invariants: the last piece waits until the whole SHA-256 holds; a transfer that may hold unproven bytes doesn't
 * carry the mirror's Last-Modified; only what is proven is blamed on a peer; nothing but `#land` writes to the store.
 */
import { type Entry, type Location, locationName } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { RefusedError, UnavailableError } from '../lib/errors.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { log } from '../lib/log.ts';
import { BusyRate } from '../lib/rate.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Mirror } from '../mirror/mirror.ts';
import type { Store } from '../store/store.ts';
import type { Library } from '../swarm/library.ts';
import type { Offer } from '../swarm/offer.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Seeker, Want } from '../swarm/wants.ts';
import { layerRoot, PieceHasher } from '../torrent/merkle.ts';
import { Pieces } from '../torrent/pieces.ts';
import type { Content } from './content.ts';
import { Crowd } from './crowd.ts';
import { type FlightBytes, openFlightBytes } from './flight-bytes.ts';
import { FlightReader } from './flight-reader.ts';
import { FlightServable } from './flight-servable.ts';
import type { Hasher } from './hasher.ts';
import { runMirror } from './mirror-run.ts';
import { PieceWords } from './piece-words.ts';
import {
  ASKED,
  type Decision,
  type FlightView,
  HAVE,
  NO_SOURCE,
  type OfferView,
  planFlight,
} from './plan.ts';
import { FROM_HEARSAY, FROM_MIRROR, FROM_NOBODY, FROM_ROOT, Progress } from './progress.ts';
import { Roots } from './roots.ts';

export interface FlightParts {
  readonly store: Store;
  readonly library: Library;
  readonly swarms: Swarms;
  readonly mirror: Mirror;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly downloadBucket: TokenBucket;
  readonly draw: () => number;
  /** Payload bytes from the mirror, for totals. */
  readonly fromMirror: (bytes: number) => void;
  /** The file is in the store; called before any reader sees its end. */
  readonly landed: (entry: Entry, at: Location) => void;
}

/** apt gives up after 30 s of silence; the mirror is asked for the head when nothing could be shown for this long. */
const SILENCE_MS = 8_000;
/** Peers that have the file but don't deliver are waited for this long when the mirror can't help; then apt is told. */
const HOPE_MS = 20_000;
/** A mirror that failed is asked again when nothing has come for this long. */
const RETRY_MIRROR_MS = 5_000;
/** What may be queued at one peer by flights that have nothing else queued there. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024;
/** A flight without readers is kept this long: apt comes back within seconds after a cut. */
const ORPHAN_MS = 15_000;

/** A run of the mirror: pieces [at, to), `at` being streamed. */
interface Run {
  at: number;
  readonly to: number;
  /** Pieces asked of peers when it began: it may overtake them. Those asked later it stops at. */
  readonly overtakes: ReadonlySet<number>;
  /** When it last brought something, or began. */
  movedMs: number;
  readonly abort: AbortController;
}

interface FollowedRoot {
  readonly sinceMs: number;
  readonly hex: string;
  readonly bytes: Uint8Array;
  layer: Uint8Array | undefined;
}

const diary = log.withTag('acquire');

export class Flight implements Seeker {
  readonly entry: Entry;
  readonly at: Location;
  readonly pieces: Pieces;
  readonly progress: Progress;
  readonly #parts: FlightParts;
  readonly #bytes: FlightBytes;
  readonly #roots: Roots;
  readonly #hasher: PieceHasher;
  readonly #readers = new Set<FlightReader>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #onEnd: () => void;
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  readonly #words = new PieceWords();
  /** What the mirror has given this flight a second, lately. */
  readonly #mirrorRate = new BusyRate();
  #want: Want | undefined;
  #crowd: Crowd | undefined;
  readonly #offers = new Map<Offer, number>();
  readonly #offerById = new Map<number, Offer>();
  #nextOffer = 0;
  /** The root followed now, and its layer once it is here. */
  #root: FollowedRoot | undefined;
  #mirrorRun: Run | undefined;
  #mirrorUsable = true;
  #mirrorError: Error | undefined;
  #mirrorDateMs: number | undefined;
  /** A transfer was begun with the mirror's own date: nothing unproven may enter it any more. */
  #promised = false;
  #servable: FlightServable | undefined;
  /** How often the whole has turned out wrong: after that hearsay counts for nothing here. */
  #wrongs = 0;
  #state: 'flying' | 'checking' | 'landed' | 'failed' = 'flying';
  #landedMs: number | undefined;
  /** What could be read when last looked at, and since when it has been that much. */
  #shownBytes = 0;
  #visibleMs: number;
  /** When bytes last came, from whomever. */
  #movedMs: number;
  /** Our own bytes are being hashed for a judgement. */
  #judging: Promise<void> | undefined;
  #planned = false;
  #wake: (() => void) | undefined;
  #orphan: (() => void) | undefined;
  /** Bytes by source, for the log. */
  #fromPeers = 0;
  #fromMirror = 0;

  constructor(entry: Entry, at: Location, parts: FlightParts, onEnd: () => void) {
    this.entry = entry;
    this.at = at;
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.pieces = new Pieces(entry.sizeBytes);
    this.progress = new Progress(this.pieces);
    this.#roots = new Roots(entry.root);
    this.#hasher = new PieceHasher(this.pieces);
    this.#bytes = openFlightBytes(parts.store, parts.hasher, entry.key, this.pieces);
    this.#startedMs = parts.clock.nowMs();
    this.#startedWallMs = parts.clock.wallMs();
    this.#visibleMs = this.#startedMs;
    this.#movedMs = this.#startedMs;
    this.#ready.promise.catch(() => {});
    if (entry.swarms.length > 0 && parts.swarms.hasPeers) {
      this.#want = parts.swarms.look(entry.key, entry.sizeBytes, entry.swarms, this);
      this.#crowd = new Crowd(this.#want, parts.swarms, parts.clock);
    }
    if (this.pieces.count === 0) this.#check();
    else this.#plan();
  }

  get name(): string {
    return locationName(this.at);
  }

  get haveBytes(): number {
    return this.progress.haveBytes;
  }

  get ended(): boolean {
    return this.#state === 'landed' || this.#state === 'failed';
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
        await Promise.race([reader.waitBeyond(0, signal), this.#firstBytes(), aborted.promise]);
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
    if (!this.#offers.has(offer)) {
      this.#offers.set(offer, this.#nextOffer);
      this.#offerById.set(this.#nextOffer, offer);
      this.#nextOffer += 1;
    }
    this.#roots.note(offer);
    this.#words.stated(offer.peer, offer.fresh());
    this.#followRoot();
    this.#planSoon();
  }

  gone(offer: Offer): void {
    const id = this.#offers.get(offer);
    if (id === undefined) return;
    this.#offers.delete(offer);
    this.#offerById.delete(id);
    for (let piece = 0; piece < this.pieces.count; piece += 1) {
      if (this.progress.state[piece] === ASKED && this.progress.askedOf[piece] === id)
        this.progress.missing(piece);
    }
    this.#leaveRoot();
    this.#planSoon();
  }

  answered(): void {
    this.#planSoon();
  }

  fellowsChanged(): void {
    this.#crowd?.tellNewcomers();
    this.#planSoon();
  }

  failed(offer: Offer, piece: number): void {
    if (this.progress.state[piece] === ASKED && this.progress.askedOf[piece] === this.#offers.get(offer)) {
      this.progress.missing(piece);
    }
    offer.set(piece, false);
    this.#planSoon();
  }

  arrived(offer: Offer, piece: number, bytes: Uint8Array): void {
    if (this.#state !== 'flying' || this.progress.state[piece] === HAVE) return;
    if (this.pieces.isSingle) {
      if (!this.#write(0, bytes)) return;
      this.#fromPeers += bytes.length;
      this.progress.have(piece, FROM_ROOT);
      this.#check(offer);
      return;
    }
    const hash = this.#hasher.hash(bytes);
    const origin = this.#judgePiece(offer, piece, hash);
    if (origin === FROM_NOBODY) {
      this.progress.missing(piece);
      this.#planSoon();
      return;
    }
    if (!this.#write(this.pieces.offset(piece), bytes)) return;
    this.#fromPeers += bytes.length;
    this.#words.known(piece, { hash, own: false });
    this.progress.have(piece, origin);
    this.#shareOn(piece);
    this.#moved();
  }

  /** What a piece of a peer rests on; FROM_NOBODY when it is worth nothing. A peer that contradicts itself is banned. */
  #judgePiece(
    offer: Offer,
    piece: number,
    hash: Uint8Array,
  ): typeof FROM_NOBODY | typeof FROM_ROOT | typeof FROM_HEARSAY {
    const layer = this.#root?.layer;
    const follows = layer !== undefined && offer.rootHex === this.#root?.hex;
    const inTree = layer !== undefined && sameBytes(hash, layer.subarray(piece * 32, piece * 32 + 32));
    if (inTree) return FROM_ROOT;
    const stated = follows ? undefined : offer.hashes.get(piece)?.hash;
    if (follows || (stated && !sameBytes(stated, hash))) {
      this.#parts.swarms.ban(offer.peer, 'bytes that contradict the hash it stated');
      return FROM_NOBODY;
    }
    // It says one thing, the tree another: neither is proven, the mirror decides.
    return stated && layer === undefined ? FROM_HEARSAY : FROM_NOBODY;
  }

  // ---- planning ----

  /** Once for all events of this turn of the event loop. */
  #planSoon(): void {
    if (this.#planned || this.#state !== 'flying') return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.#state === 'flying') this.#plan();
    });
  }

  #plan(): void {
    this.#wake?.();
    this.#wake = undefined;
    if (!this.#mirrorUsable) this.#hope();
    if (this.#state !== 'flying') return;
    const decision = this.#silentTooLong() ?? planFlight(this.#view());
    this.#carryOut(decision);
    if (this.#state !== 'flying') return;
    const { clock } = this.#parts;
    const now = clock.nowMs();
    const wakeAtMs = Math.min(decision.wakeAtMs ?? Number.POSITIVE_INFINITY, now + 1_000);
    this.#wake = clock.after(Math.max(1, wakeAtMs - now), () => {
      if (this.#state === 'flying') this.#plan();
    });
  }

  #view(): FlightView {
    const { clock, mirror, draw, swarms } = this.#parts;
    const nowMs = clock.nowMs();
    const estimate = mirror.estimate(this.at.host);
    const bytesPerSecond = Math.max(1, this.#mirrorRate.at(nowMs) ?? estimate.bytesPerSecond);
    const expectedMs = estimate.latencyMs + (this.entry.sizeBytes / bytesPerSecond) * 1000;
    let answersUntilMs = this.#want && swarms.answersUntilMs(this.#want);
    if (answersUntilMs !== undefined) {
      // Nobody is waited for longer than a tenth of what the mirror would take, but for a short moment.
      answersUntilMs = Math.min(answersUntilMs, this.#startedMs + Math.max(250, 0.1 * expectedMs));
    }
    // A layer on its way is an answer on its way.
    if (this.#root && !this.#root.layer) {
      const momentMs = Math.min(1_000, Math.max(250, 0.1 * expectedMs));
      answersUntilMs = Math.max(answersUntilMs ?? 0, this.#root.sinceMs + momentMs);
    }
    const run = this.#mirrorRun && {
      at: this.#mirrorRun.at,
      to: this.#mirrorRun.to,
      silentMs: nowMs - this.#mirrorRun.movedMs,
    };
    return {
      nowMs,
      draw,
      answersUntilMs,
      sizeBytes: this.entry.sizeBytes,
      pieceLength: this.pieces.pieceLength,
      pieces: this.progress.state,
      askedOf: this.progress.askedOf,
      head: this.progress.head,
      haveBytes: this.progress.haveBytes,
      offers: this.#usableOffers(),
      mirror: { ...estimate, bytesPerSecond, run, usable: this.#mirrorUsable },
      share: this.#sharing(estimate.latencyMs, bytesPerSecond),
    };
  }

  /** How the mirror is divided, when others look for the same file. */
  #sharing(latencyMs: number, bytesPerSecond: number): FlightView['share'] {
    const crowd = this.#crowd;
    if (!crowd || this.#promised || crowd.isEmpty) return undefined;
    const mirrorMs = latencyMs + ((this.entry.sizeBytes - this.progress.haveBytes) / bytesPerSecond) * 1000;
    const { sizeBytes, pieceLength, count: pieceCount } = this.pieces;
    const startedMs = this.#startedMs;
    const movedMs = this.#movedMs;
    return (needed) =>
      crowd.share({ needed, mirrorMs, startedMs, movedMs, sizeBytes, pieceLength, pieceCount });
  }

  #usableOffers(): OfferView[] {
    // A transfer that carries the mirror's date takes nothing unproven while the mirror works.
    // Nor does one that was misled: each further false tree would cost its readers another transfer.
    const misled = this.#wrongs > (this.pieces.isSingle ? 1 : 0);
    if ((this.#promised || misled) && this.#mirrorUsable && !this.#rootIsSigned()) return [];
    const usable: OfferView[] = [];
    for (const [offer, id] of this.#offers) {
      const { peer } = offer;
      if (peer.choked) continue;
      const follows =
        this.pieces.isSingle || (this.#root?.layer !== undefined && offer.rootHex === this.#root.hex);
      if (!follows && (offer.hashes.size === 0 || this.#wrongs > 0)) continue;
      usable.push({
        id,
        has: follows
          ? (piece) => offer.has(piece)
          : (piece) => offer.has(piece) && offer.hashes.has(piece) && !this.#words.isDisputed(piece),
        all: follows && offer.all,
        roomBytes: this.#roomBytes(offer, id),
        bytesPerSecond: peer.bytesPerSecond(),
        latencyMs: peer.latencyMs,
        queuedBytes: peer.queuedBytes,
        silentMs: peer.silentMs(),
      });
    }
    return usable;
  }

  /** However much other flights have queued at a peer, each may have one piece there: none waits for another's end. */
  #roomBytes({ peer, closed }: Offer, id: number): number {
    const room = peer.roomBytes();
    if (room > 0 || closed || peer.queuedBytes >= MAX_QUEUED_BYTES) return room;
    return this.progress.askedOf.includes(id) ? room : 1;
  }

  /** Pieces are here but may not be shown, and apt is about to lose patience: the mirror gives the next ones. */
  #silentTooLong(): Decision | undefined {
    const { progress } = this;
    const piece = Math.floor(progress.available / this.pieces.pieceLength);
    if (
      this.#readers.size === 0 ||
      this.#mirrorRun ||
      !this.#mirrorUsable ||
      this.pieces.isSingle ||
      piece >= this.pieces.count - 1 ||
      this.#parts.clock.nowMs() - this.#visibleMs < SILENCE_MS
    ) {
      return undefined;
    }
    if (progress.state[piece] === ASKED) this.#takeBack(piece);
    // Its bytes were hashed perhaps, and will be replaced.
    if (progress.state[piece] === HAVE) void this.#bytes.restart();
    progress.missing(piece);
    const why = 'nothing could be shown for a while: the mirror gives the next piece';
    return { requests: [], mirror: { kind: 'start', from: piece, to: piece + 1 }, wakeAtMs: undefined, why };
  }

  #carryOut({ requests, mirror, why }: Decision): void {
    for (const { offer: id, piece } of requests) {
      const offer = this.#offerById.get(id);
      if (!offer) continue;
      if (this.progress.state[piece] === ASKED) this.#takeBack(piece);
      this.progress.asked(piece, id);
      offer.peer.ask(offer, piece);
    }
    if (mirror.kind === 'stop') this.#mirrorRun?.abort.abort(new Error('the mirror rests'));
    if (mirror.kind === 'start') {
      diary.debug(`${this.name}: mirror from piece ${mirror.from} to ${mirror.to}: ${why}`);
      this.#startMirror(mirror.from, mirror.to);
      this.#tellClaim();
    }
    if (requests.length > 0) diary.debug(`${this.name}: ${requests.length} pieces of peers: ${why}`);
    if (why === NO_SOURCE && this.#offers.size === 0) this.#fail(this.#lastError());
  }

  /** The mirror can't help: peers that have the file are given time, and the mirror another chance. */
  #hope(): void {
    const { clock } = this.#parts;
    let silentMs = clock.nowMs() - this.#movedMs;
    for (const { peer } of this.#offers.keys()) {
      if (peer.queuedBytes > 0) silentMs = Math.min(silentMs, peer.silentMs());
    }
    const error = this.#lastError();
    if (silentMs > HOPE_MS) this.#fail(error);
    else if (silentMs > RETRY_MIRROR_MS && !(error instanceof RefusedError)) this.#mirrorUsable = true;
  }

  #lastError(): Error {
    return this.#mirrorError ?? new UnavailableError(`${this.name}: no source has it`);
  }

  #followRoot(): void {
    if (this.pieces.isSingle) return;
    if (!this.#root) {
      const offer = this.#roots.choose(this.#offers.keys());
      if (offer?.root) this.#fetchLayer(offer, offer.root);
    }
    if (!this.#root?.layer || this.progress.rootReleased || !this.#roots.released(this.#root.hex)) return;
    // Whoever was promised the mirror's bytes sees a peer's only when the whole is proven.
    if (this.#promised && !this.#rootIsSigned()) return;
    this.progress.releaseRoot();
    this.#wakeReaders();
  }

  /** Nobody is left who states the root we follow, and nothing rests on it: another may be followed. */
  #leaveRoot(): void {
    const root = this.#root;
    if (!root?.layer || this.progress.origin.includes(FROM_ROOT)) return;
    for (const { rootHex } of this.#offers.keys()) if (rootHex === root.hex) return;
    this.#root = undefined;
    this.progress.withholdRoot();
    this.#servable?.follow(undefined);
    this.#followRoot();
  }

  #fetchLayer(offer: Offer, bytes: Uint8Array): void {
    const sinceMs = this.#parts.clock.nowMs();
    const root: FollowedRoot = { hex: offer.rootHex, bytes, layer: undefined, sinceMs };
    this.#root = root;
    offer.peer.layer(offer).then(
      (layer) => {
        if (this.#root !== root || this.ended) return;
        root.layer = layer;
        this.#servable?.follow({ root: root.bytes, layer });
        if (this.#servable) this.#parts.swarms.offer(this.#servable);
        this.#followRoot();
        this.#planSoon();
      },
      () => {
        if (this.#root !== root || this.ended) return;
        this.#root = undefined;
        this.gone(offer);
        this.#followRoot();
        this.#planSoon();
      },
    );
  }

  // ---- the mirror ----

  #startMirror(from: number, to: number): void {
    const { pieces, progress } = this;
    const overtakes = new Set<number>();
    for (let piece = from; piece < to; piece += 1) if (progress.state[piece] === ASKED) overtakes.add(piece);
    const movedMs = this.#parts.clock.nowMs();
    const run = { at: from, to, overtakes, movedMs, abort: new AbortController() };
    this.#mirrorRun = run;
    this.#mirrorRate.begin(this.#parts.clock.nowMs());
    const { mirror, clock, downloadBucket } = this.#parts;
    const end = Math.min(pieces.sizeBytes, to * pieces.pieceLength);
    runMirror({
      mirror,
      clock,
      bucket: downloadBucket,
      at: this.at,
      sizeBytes: pieces.sizeBytes,
      from: pieces.offset(from),
      to: end,
      signal: run.abort.signal,
      dated: (ms) => {
        this.#mirrorDateMs ??= Math.floor(ms / 1000) * 1000;
      },
      bytes: (offset, chunk) => this.#mirrorBytes(run, offset, chunk.subarray(0, end - offset)),
    }).then(
      () => this.#mirrorEnded(run, undefined),
      (error) => this.#mirrorEnded(run, error),
    );
  }

  #mirrorBytes(run: Run, offset: number, chunk: Uint8Array): boolean {
    if (this.#state !== 'flying' || this.#mirrorRun !== run) return false;
    const { pieces, progress } = this;
    this.#parts.fromMirror(chunk.length);
    this.#fromMirror += chunk.length;
    run.movedMs = this.#parts.clock.nowMs();
    this.#mirrorRate.add(chunk.length, run.movedMs);
    const to = this.#untilHave(run, offset, offset + chunk.length);
    if (to > offset && !this.#write(offset, chunk.subarray(0, to - offset))) return false;
    while (run.at < run.to && to >= Math.min(pieces.sizeBytes, (run.at + 1) * pieces.pieceLength)) {
      const piece = run.at;
      if (progress.state[piece] === ASKED) this.#takeBack(piece);
      if (progress.state[piece] !== HAVE) {
        progress.have(piece, FROM_MIRROR);
        this.#ownWord(piece);
      }
      run.at += 1;
    }
    if (run.at < run.to) progress.mirrorAt(run.at, to);
    this.#moved();
    if (this.#state !== 'flying' || run.at >= run.to) return false;
    // The next piece is here, or on its way from a peer: the run has met the others.
    return !this.#isTaken(run, run.at);
  }

  /** A piece that the mirror gave us: its hash is our own word, and others may have it. */
  #ownWord(piece: number): void {
    if (this.pieces.isSingle || this.entry.swarms.length === 0 || !this.#parts.swarms.hasPeers) return;
    const bytes = this.#bytes.read(this.pieces.offset(piece), this.pieces.size(piece));
    this.#words.known(piece, { hash: this.#hasher.hash(bytes), own: true });
    this.#shareOn(piece);
  }

  /** What we are fetching from the mirror, to all that look for the same file. */
  #tellClaim(): void {
    const run = this.#mirrorRun;
    if (!run || !this.#crowd) return;
    const { clock, mirror } = this.#parts;
    const nowMs = clock.nowMs();
    const estimate = mirror.estimate(this.at.host);
    const rate = Math.max(1, this.#mirrorRate.at(nowMs) ?? estimate.bytesPerSecond);
    const left = (run.to - run.at) * this.pieces.pieceLength;
    const latencyMs = this.#fromMirror === 0 ? estimate.latencyMs : 0;
    this.#crowd.claim(run.at, run.to, latencyMs + (Math.min(left, this.entry.sizeBytes) / rate) * 1000);
  }

  /** Where, in [from, to) of a run's bytes, a piece begins (or goes on) that is here: it is not written over. */
  #untilHave(run: Run, from: number, to: number): number {
    const { pieceLength } = this.pieces;
    for (let piece = run.at; piece < run.to && piece * pieceLength < to; piece += 1) {
      if (this.progress.state[piece] === HAVE) return Math.max(from, piece * pieceLength);
    }
    return to;
  }

  #isTaken(run: Run, piece: number): boolean {
    const state = this.progress.state[piece];
    return state === HAVE || (state === ASKED && !run.overtakes.has(piece));
  }

  /** False when the flight has failed of it. */
  #write(offset: number, bytes: Uint8Array): boolean {
    try {
      this.#bytes.write(offset, bytes);
      return true;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#fail(new UnavailableError(`could not store ${this.name}: ${reason}`, { cause }));
      return false;
    }
  }

  /** The mirror was quicker: what a peer was asked for isn't needed any more. */
  #takeBack(piece: number): void {
    const offer = this.#offerById.get(this.progress.askedOf[piece] ?? -1);
    offer?.peer.cancel(offer, piece);
  }

  #mirrorEnded(run: Run, error: unknown): void {
    if (this.#mirrorRun === run) {
      this.#mirrorRun = undefined;
      this.progress.mirrorStopped();
      this.#mirrorRate.end(this.#parts.clock.nowMs());
      this.#crowd?.unclaim();
    }
    if (this.#state !== 'flying') return;
    if (error !== undefined && !run.abort.signal.aborted) {
      this.#mirrorUsable = false;
      this.#mirrorError = error instanceof Error ? error : new Error(String(error));
      diary.debug(`${this.name}: ${this.#mirrorError.message}`);
    }
    this.#planSoon();
  }

  // ---- what is here ----

  /** New bytes may be readable, or all are here. */
  #moved(): void {
    const { progress } = this;
    this.#movedMs = this.#parts.clock.nowMs();
    this.#bytes.grown(progress.contiguousBytes);
    this.#wakeReaders();
    if (progress.complete) this.#check();
    else this.#planSoon();
  }

  #wakeReaders(): void {
    const { available } = this.progress;
    if (available > this.#shownBytes) {
      this.#shownBytes = available;
      this.#visibleMs = this.#parts.clock.nowMs();
      this.#ready.resolve();
    }
    for (const reader of this.#readers) reader.advance();
  }

  #firstBytes(): Promise<void> {
    return this.#ready.promise;
  }

  /** A piece that is verified under a root can be given on while the rest still comes. */
  #shareOn(piece: number): void {
    const root = this.#root;
    const { library, swarms } = this.#parts;
    if (this.entry.swarms.length === 0) return;
    if (!this.#servable) {
      this.#servable = new FlightServable(this.entry, this.pieces, this.progress, this.#bytes, this.#words);
      if (root?.layer) this.#servable.follow({ root: root.bytes, layer: root.layer });
      library.grow(this.#servable);
      swarms.offer(this.#servable);
    } else if (this.#servable.hasPiece(piece)) {
      swarms.pieceVerified(this.#servable, piece);
    }
  }

  #stopSharing(): void {
    if (!this.#servable) return;
    this.#servable.close();
    this.#parts.library.ungrow(this.entry.key);
    this.#servable = undefined;
  }

  // ---- the gate ----

  /** All bytes are here: does the whole hold? `giver` gave the only piece. */
  #check(giver?: Offer): void {
    if (this.#state !== 'flying') return;
    this.#state = 'checking';
    this.#wake?.();
    this.#mirrorRun?.abort.abort(new Error('complete'));
    this.#mirrorRun = undefined;
    this.progress.mirrorStopped();
    this.#bytes.digest().then(
      (digest) => {
        if (this.#state !== 'checking') return;
        if (digest === this.entry.key) this.#land();
        else this.#wrong(giver);
      },
      (error) =>
        this.#fail(new UnavailableError(`could not check ${this.name}: ${String(error)}`, { cause: error })),
    );
  }

  #land(): void {
    const { swarms, clock } = this.#parts;
    this.#state = 'landed';
    this.#orphan?.();
    this.#stopSharing();
    const layer = this.#provenLayer();
    const lastModifiedMs = this.#mirrorDateMs;
    try {
      const partial = this.#bytes.partial ?? this.#storeFromMemory();
      const file = partial.commit({
        name: this.name,
        swarms: this.entry.swarms,
        ...(lastModifiedMs !== undefined && { lastModifiedMs }),
        ...(layer && { layer }),
      });
      this.#landedMs = file.lastModifiedMs;
      if (partial !== this.#bytes.partial) void partial[Symbol.asyncDispose]();
      this.#parts.landed(this.entry, this.at);
      if (swarms.hasPeers) this.#offerWhole();
      else if (this.entry.swarms.length > 0) this.#parts.library.prepare(this.entry.key);
    } catch (error) {
      diary.warn(`could not store ${this.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.progress.wholeVerified();
    const tookMs = Math.round(clock.nowMs() - this.#startedMs);
    const from = `${formatBytes(this.#fromPeers)} from peers, ${formatBytes(this.#fromMirror)} from the mirror`;
    diary.debug(`${this.name}: ${formatBytes(this.entry.sizeBytes)} in ${tookMs} ms, ${from}`);
    if (this.#roots.contradictory || (this.#wrongs > 0 && this.#words.hasStatements)) this.#judge(layer);
    this.#endWant();
    this.#onEnd();
    this.#wakeReaders();
    this.#ready.resolve();
    if (this.#readers.size === 0) void this.#close();
  }

  /** Peers that look for it right now are told; its layer is computed first where it isn't known. */
  #offerWhole(): void {
    const { library, swarms } = this.#parts;
    const found = library.find(this.entry.key, () => true);
    if (found instanceof Promise) {
      found.then(
        (servable) => servable && swarms.offer(servable),
        () => {},
      );
    } else if (found) {
      swarms.offer(found);
    }
  }

  #storeFromMemory() {
    const partial = this.#parts.store.createPartial(this.entry.key, this.entry.sizeBytes);
    try {
      if (this.entry.sizeBytes > 0) partial.write(0, this.#bytes.read(0, this.entry.sizeBytes));
    } catch (error) {
      void partial[Symbol.asyncDispose]();
      throw error;
    }
    return partial;
  }

  /** The hash that each piece's bytes were found to have, now that the whole holds: then they are the file's own layer. */
  #provenLayer(): Uint8Array | undefined {
    if (this.pieces.isSingle) return undefined;
    const layer = new Uint8Array(this.pieces.count * 32);
    for (let piece = 0; piece < this.pieces.count; piece += 1) {
      const underRoot = this.progress.origin[piece] === FROM_ROOT ? this.#root?.layer : undefined;
      const hash = underRoot?.subarray(piece * 32, piece * 32 + 32) ?? this.#words.of(piece)?.hash;
      if (!hash) return undefined;
      layer.set(hash, piece * 32);
    }
    return layer;
  }

  /** The right file is here: its own tree shows whose own root was false. */
  #judge(layer: Uint8Array | undefined): void {
    const { swarms, library, store } = this.#parts;
    const { key } = this.entry;
    const judge = (trueLayer: Uint8Array) => {
      for (const liar of this.#roots.liars(layerRoot(trueLayer, this.pieces).toHex())) {
        swarms.ban(liar, 'stated a false hash tree');
      }
      for (const liar of this.#words.liars(trueLayer)) swarms.ban(liar, 'stated a false hash as its own');
    };
    if (layer) return judge(layer);
    const found = library.find(key, () => true);
    if (found instanceof Promise) {
      found.then(
        () => {
          const computed = store.layer(key);
          if (computed) judge(computed);
        },
        () => {},
      );
    } else if (found?.tree) {
      judge(found.tree.layer);
    } else {
      this.#judgePrivately(judge);
    }
  }

  /** The file isn't in the store (no room): hash what we hold. */
  #judgePrivately(judge: (layer: Uint8Array) => void): void {
    const partial = this.#bytes.partial;
    if (partial) this.#judging = this.#parts.hasher.layer(partial.fd, this.pieces).then(judge, () => {});
  }

  /** The whole SHA-256 doesn't hold: what came from peers is dropped, readers that may have seen it are cut, the mirror decides. */
  #wrong(giver: Offer | undefined): void {
    const { progress, pieces } = this;
    this.#stopSharing();
    let dropped = 0;
    let misled = false;
    for (let piece = 0; piece < pieces.count; piece += 1) {
      if (progress.origin[piece] !== FROM_ROOT && progress.origin[piece] !== FROM_HEARSAY) continue;
      progress.missing(piece);
      this.#words.forget(piece);
      dropped += 1;
      misled ||= pieces.offset(piece) < progress.available;
    }
    this.#wrongs += 1;
    if (this.#root) this.#roots.drop(this.#root.hex);
    this.#root = undefined;
    // One piece, one giver: it alone contradicts the key that it claimed to have.
    if (giver && pieces.isSingle)
      this.#parts.swarms.ban(giver.peer, 'bytes that contradict the hash it stated');
    if (dropped === 0) {
      this.#fail(new UnavailableError(`${this.name}: the mirror's file does not match the index`));
      return;
    }
    diary.warn(`${this.name}: the whole file does not match the index; fetching the doubtful parts anew`);
    this.#visibleMs = this.#parts.clock.nowMs();
    if (misled) {
      progress.newGeneration();
      this.#shownBytes = progress.available;
      this.#cutReaders(new UnavailableError(`${this.name}: unproven bytes turned out wrong`));
    } else {
      progress.withholdRoot();
    }
    this.#bytes.restart().then(
      () => {
        if (this.#state !== 'checking') return;
        this.#state = 'flying';
        this.#followRoot();
        this.#plan();
      },
      (error) => this.#fail(new UnavailableError(`could not check ${this.name}`, { cause: error })),
    );
  }

  #cutReaders(error: Error): void {
    for (const reader of [...this.#readers]) if (reader.started) reader.fail(error);
  }

  #fail(error: Error): void {
    if (this.ended) return;
    this.#state = 'failed';
    this.#wake?.();
    this.#orphan?.();
    this.#stopSharing();
    this.#mirrorRun?.abort.abort(error);
    this.#mirrorRun = undefined;
    this.#endWant();
    this.#onEnd();
    const level = error instanceof RefusedError || this.#readers.size === 0 ? 'debug' : 'warn';
    diary[level](error.message);
    for (const reader of [...this.#readers]) reader.fail(error);
    this.#ready.reject(error);
    if (this.#readers.size === 0) void this.#close();
  }

  #endWant(): void {
    if (this.#want) {
      for (let piece = 0; piece < this.pieces.count; piece += 1) {
        if (this.progress.state[piece] === ASKED) this.#takeBack(piece);
      }
      this.#parts.swarms.wants.close(this.#want);
    }
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

  /** True while bytes may be among what apt reads that only a peer's word stands for. */
  #unproven(): boolean {
    if (this.#state === 'landed' || this.pieces.isSingle || this.#rootIsSigned()) return false;
    return !this.#promised;
  }

  #rootIsSigned(): boolean {
    return this.#root !== undefined && this.#root.hex === this.#roots.signedHex;
  }

  #date(): number {
    if (this.#landedMs !== undefined) return this.#landedMs;
    const couldBePeers = this.entry.swarms.length > 0 && this.#parts.swarms.hasPeers;
    const onlyMirror = !couldBePeers && this.#fromPeers === 0 && !this.progress.rootReleased;
    if (this.#mirrorDateMs !== undefined && onlyMirror) this.#promised = true;
    const known = this.#mirrorDateMs ?? Math.floor(this.#startedWallMs / 1000) * 1000;
    return this.#unproven() ? known - 1000 : known;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

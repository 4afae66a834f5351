/**
 * The mirror's part in one flight: the run under way, where it meets what others have brought, how fast it is, and
 * what others are told of it (claims). When it runs is decided by plan.ts; what its bytes are worth by the flight.
 */
import type { Location } from '../archive/entry.ts';
import { log } from '../lib/log.ts';
import { BusyRate } from '../lib/rate.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { Crowd } from './crowd.ts';
import type { FlightParts } from './flight-parts.ts';
import type { MirrorLine } from './mirror-lines.ts';
import { runMirror } from './mirror-run.ts';
import { ASKED, HAVE, type MirrorView } from './plan.ts';
import type { Progress } from './progress.ts';
import type { OwnRun } from './share-out.ts';

export interface FlightMirrorHost {
  readonly at: Location;
  readonly name: string;
  readonly pieces: Pieces;
  readonly progress: Progress;
  readonly crowd: Crowd | undefined;
  /** False once bytes are of no use any more. */
  readonly flying: boolean;
  /** Whether a piece's bytes may be shown before the piece is complete. */
  readonly showsUnfinished: boolean;
  /** False when the flight has failed of it. */
  write(offset: number, bytes: Uint8Array): boolean;
  /** The mirror was quicker than the peer that was asked for this piece. */
  takeBack(piece: number): void;
  /** All bytes of a piece are here; false when they are not what they should be. */
  mirrorPiece(piece: number): boolean;
  /** New bytes are here; with them, or not, a piece. */
  moved(isPiece: boolean): void;
  /** The run is over. */
  mirrorEnded(): void;
}

/** A run of the mirror: pieces [at, to), `at` being streamed. */
interface Run {
  at: number;
  to: number;
  readonly from: number;
  readonly startedMs: number;
  /** Bytes of the file before this one have come, as far as the run goes. */
  reached: number;
  /** Pieces asked of peers when it began: it may overtake them. Those asked later it stops at. */
  readonly overtakes: ReadonlySet<number>;
  /** The first bytes of the answer under way are here. */
  isOpen: boolean;
  /** When it last brought something, or began. */
  movedMs: number;
  readonly abort: AbortController;
}

/** A run's first bytes come in bursts: they are no measure of its rate before so many of them, or so long. */
const YOUNG_BYTES = 64 * 1024;
const YOUNG_MS = 2_000;
/** What waits in buffers between the mirror and us, beside what its latency holds. */
const BURST_BYTES = 64 * 1024;
/** In a crowd one request asks for what the mirror brings in about so long. */
const REQUEST_MS = 300;

const diary = log.withTag('acquire');

export class FlightMirror {
  /** False when it failed for this flight and may not be asked again now. */
  usable = true;
  /** What it failed of last. */
  error: Error | undefined;
  /** The Last-Modified it gave, milliseconds, whole seconds. */
  dateMs: number | undefined;
  /** Bytes it has given. */
  bytes = 0;
  readonly #host: FlightMirrorHost;
  readonly #parts: FlightParts;
  readonly #line: MirrorLine;
  readonly #rate = new BusyRate();
  #run: Run | undefined;
  #givesRanges = true;
  #peeking = false;
  #peekAbort = new AbortController();

  constructor(host: FlightMirrorHost, parts: FlightParts, line: MirrorLine) {
    this.#host = host;
    this.#line = line;
    this.#parts = parts;
  }

  get running(): boolean {
    return this.#run !== undefined;
  }

  /** Other flights of this node are at the mirror: what this one asks for besides would only slow them down. */
  get isBusy(): boolean {
    return this.#line.runs > (this.#run ? 1 : 0);
  }

  /** What the plan needs to know. */
  view(nowMs: number): MirrorView {
    const estimate = this.#parts.mirror.estimate(this.#host.at.host);
    // A run that shares a full line is no measure of what the mirror could bring.
    const bytesPerSecond = Math.max(this.#ownRate(nowMs) ?? 1, this.#line.share(estimate, nowMs));
    const run = this.#run && { at: this.#run.at, to: this.#run.to, silentMs: nowMs - this.#run.movedMs };
    return {
      latencyMs: estimate.latencyMs,
      bytesPerSecond,
      run,
      usable: this.usable,
      sharers: Math.max(1, this.#line.flights),
      isBusy: this.isBusy,
      isQuick: this.#line.isQuick,
    };
  }

  /** Peers have brought these: what the mirror brings beside them says less of it (mirror-lines.ts). */
  peersBrought(bytes: number): void {
    this.#line.fromPeers(bytes, this.#parts.clock.nowMs());
  }

  /** What this flight's run has been measured to bring; undefined while that says nothing yet. */
  #ownRate(nowMs: number): number | undefined {
    const run = this.#run;
    if (!run) return undefined;
    const isYoung =
      nowMs - run.startedMs < YOUNG_MS && run.reached - this.#host.pieces.offset(run.from) < YOUNG_BYTES;
    return isYoung ? undefined : this.#rate.at(nowMs);
  }

  /** Streams pieces [from, to), and tells those who look for the same file. */
  start(from: number, to: number): void {
    const { pieces, progress } = this.#host;
    const overtakes = new Set<number>();
    for (let piece = from; piece < to; piece += 1) if (progress.state[piece] === ASKED) overtakes.add(piece);
    const movedMs = this.#parts.clock.nowMs();
    const run: Run = {
      from,
      at: from,
      to,
      reached: pieces.offset(from),
      startedMs: movedMs,
      overtakes,
      isOpen: false,
      movedMs,
      abort: new AbortController(),
    };
    this.#run = run;
    this.#rate.begin(movedMs);
    this.#line.begin();
    this.#request(run);
    this.tellClaim();
  }

  /** The rest of the run; in a crowd a part of it, as what is on its way when others come to meet us is fetched in vain. */
  #request(run: Run): void {
    this.#close(run);
    const { pieces, at, crowd } = this.#host;
    const { mirror, clock, downloadBucket } = this.#parts;
    const rate = this.view(clock.nowMs()).bytesPerSecond;
    const most = Math.max(1, Math.ceil((rate * REQUEST_MS) / 1000 / pieces.pieceLength));
    const isUndivided = crowd === undefined || crowd.isEmpty || !this.#givesRanges;
    const to = isUndivided ? run.to : Math.min(run.to, run.at + most);
    const [from, end] = [pieces.offset(run.at), Math.min(pieces.sizeBytes, to * pieces.pieceLength)];
    runMirror({
      mirror,
      clock,
      bucket: downloadBucket,
      at,
      sizeBytes: pieces.sizeBytes,
      from,
      to: end,
      signal: run.abort.signal,
      unranged: () => {
        this.#givesRanges = false;
      },
      dated: (ms) => {
        this.dateMs ??= Math.floor(ms / 1000) * 1000;
      },
      bytes: (offset, chunk) => this.#bytes(run, offset, chunk.subarray(0, end - offset)),
    }).then(
      () => this.#answered(run, to),
      (error) => this.#ended(run, error),
    );
  }

  /** No more comes of what was requested. */
  #close(run: Run): void {
    if (run.isOpen) this.#line.closed();
    run.isOpen = false;
  }

  /** All that was requested is here, or it met what is here already. */
  #answered(run: Run, to: number): void {
    const goesOn = this.#run === run && this.#host.flying && run.at === to && run.at < run.to;
    if (!goesOn || run.abort.signal.aborted || this.#isTaken(run, run.at)) return this.#ended(run, undefined);
    this.#request(run);
  }

  /** Fetches bytes [from, to), beside any run, for a look at them. Nothing comes of it when it fails. */
  peek(from: number, to: number, seen: (bytes: Uint8Array) => void): void {
    if (this.#peeking) return;
    this.#peeking = true;
    const { mirror, clock, downloadBucket } = this.#parts;
    const bytes = new Uint8Array(to - from);
    let got = 0;
    runMirror({
      mirror,
      clock,
      bucket: downloadBucket,
      at: this.#host.at,
      sizeBytes: this.#host.pieces.sizeBytes,
      from,
      to,
      signal: this.#peekAbort.signal,
      dated: () => {},
      bytes: (offset, chunk) => {
        const taken = chunk.subarray(0, to - offset);
        bytes.set(taken, offset - from);
        got += taken.length;
        this.bytes += taken.length;
        this.#parts.fromMirror(taken.length);
        return got < bytes.length;
      },
    })
      .then(
        () => got === bytes.length && seen(bytes),
        (error) => diary.debug(`${this.#host.name}: ${String(error)}`),
      )
      .finally(() => {
        this.#peeking = false;
      });
  }

  /** Others fetch what comes after: the run ends before piece `to`. */
  shorten(limit: (run: OwnRun) => number): void {
    const run = this.#run;
    if (!run || run.at >= run.to) return;
    const { at, from, to } = run;
    run.to = Math.min(to, limit({ at, from, to, isComing: this.#isComing(run) }));
    if (run.to <= run.at) this.rest();
    else this.tellClaim();
  }

  /** The rest of the piece at which a run is is on its way already: it would come even if the run ended now. */
  #isComing({ at, reached }: Run): boolean {
    const { pieces, at: place } = this.#host;
    const estimate = this.#parts.mirror.estimate(place.host);
    const rate = this.#line.whole(estimate, this.#parts.clock.nowMs());
    const underWayBytes = (rate * estimate.latencyMs) / 1000 + BURST_BYTES;
    return pieces.offset(at) + pieces.size(at) - reached <= underWayBytes;
  }

  /** Peers bring the rest: the run ends as soon as the connection allows. */
  rest(): void {
    this.#run?.abort.abort(new Error('the mirror rests'));
  }

  /** Its bytes count for nothing from now on. */
  stop(reason: Error): void {
    this.#peekAbort.abort(reason);
    this.#peekAbort = new AbortController();
    this.#run?.abort.abort(reason);
    this.#run = undefined;
    this.#host.progress.mirrorStopped();
  }

  /** It isn't asked again, unless `usable` is set anew. */
  fail(error: Error): void {
    this.usable = false;
    this.error = error;
    diary.debug(`${this.#host.name}: ${error.message}`);
  }

  #bytes(run: Run, offset: number, chunk: Uint8Array): boolean {
    const host = this.#host;
    if (!host.flying || this.#run !== run) return false;
    const { pieces, progress } = host;
    this.#parts.fromMirror(chunk.length);
    this.bytes += chunk.length;
    run.movedMs = this.#parts.clock.nowMs();
    run.reached = offset + chunk.length;
    this.#rate.add(chunk.length, run.movedMs);
    if (run.isOpen) this.#line.add(chunk.length, run.movedMs);
    else this.#line.opened(chunk.length, run.movedMs);
    run.isOpen = true;
    const to = this.#untilHave(run, offset, offset + chunk.length);
    if (to > offset && !host.write(offset, chunk.subarray(0, to - offset))) return false;
    const before = run.at;
    while (run.at < run.to && to >= Math.min(pieces.sizeBytes, (run.at + 1) * pieces.pieceLength)) {
      const piece = run.at;
      if (progress.state[piece] === ASKED) host.takeBack(piece);
      if (progress.state[piece] !== HAVE && !host.mirrorPiece(piece)) return false;
      run.at += 1;
    }
    if (run.at < run.to && host.showsUnfinished) progress.mirrorAt(run.at, to);
    host.moved(run.at > before);
    if (!host.flying || run.at >= run.to) return false;
    // The next piece is here, or on its way from a peer: the run has met the others.
    return !this.#isTaken(run, run.at);
  }

  /** Where, in [from, to) of a run's bytes, a piece begins (or goes on) that is here: it is not written over. */
  #untilHave(run: Run, from: number, to: number): number {
    const { pieces, progress } = this.#host;
    for (let piece = run.at; piece < run.to && piece * pieces.pieceLength < to; piece += 1) {
      if (progress.state[piece] === HAVE) return Math.max(from, piece * pieces.pieceLength);
    }
    return to;
  }

  #isTaken(run: Run, piece: number): boolean {
    const state = this.#host.progress.state[piece];
    return state === HAVE || (state === ASKED && !run.overtakes.has(piece));
  }

  /** What we are fetching from the mirror, to all that look for the same file. */
  tellClaim(): void {
    const { crowd, pieces } = this.#host;
    const run = this.#run;
    if (!run || !crowd) return;
    const nowMs = this.#parts.clock.nowMs();
    const estimate = this.#parts.mirror.estimate(this.#host.at.host);
    const { latencyMs } = estimate;
    const bytesPerSecond = Math.max(1, this.#ownRate(nowMs) ?? this.#line.share(estimate, nowMs));
    const left = Math.max(0, Math.min(run.to * pieces.pieceLength, pieces.sizeBytes) - run.reached);
    crowd.claim(run.at, run.to, (this.bytes === 0 ? latencyMs : 0) + (left / bytesPerSecond) * 1000);
  }

  #ended(run: Run, error: unknown): void {
    this.#line.end();
    this.#close(run);
    if (this.#run === run) {
      this.#run = undefined;
      this.#host.progress.mirrorStopped();
      this.#rate.end(this.#parts.clock.nowMs());
      this.#host.crowd?.unclaim();
    }
    if (!this.#host.flying) return;
    if (error !== undefined && !run.abort.signal.aborted)
      this.fail(error instanceof Error ? error : new Error(String(error)));
    this.#host.mirrorEnded();
  }
}

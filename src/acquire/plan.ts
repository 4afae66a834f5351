/**
 * Where the next bytes of one flight come from: a pure function from what is known to what to ask. It decides who
 * is asked for which piece and whether the mirror runs, rests or stops; it doesn't touch a socket, a file or the
 * clock. docs/protocol.md "The plan" states the rules; the numbers in brackets below are theirs.
 *
 *  [1] never slower than the mirror alone: nobody is waited for who hasn't said `have`, beyond a moment; peers that
 *      said it get a head start and lose it when they stall or are measured to be slower than the mirror;
 *  [2] while peers deliver at least what the mirror would, the mirror rests;
 *  [3] a crowd is one client: nodes that look for the same file divide the mirror between them (share-out.ts);
 *  [4] in order for apt inside a small window, rarest first (random tie-break) beyond it;
 *  [5] a source that stalls is dropped from the plan; its pieces may be taken by others.
 *
 * The mirror, when it runs, streams one contiguous run from the head of the file; peers that are slower than it, or
 * not measured yet, work towards it from the end, so the two never fetch the same piece twice. A piece is free when it
 * is missing, or asked of a peer that isn't live (stalled, choking, gone): then another may be asked for it.
 */

import type { Share } from './share-out.ts';

/** One byte a piece: what the flight knows of it. */
export const MISSING = 0;
export const ASKED = 1;
export const HAVE = 2;

export interface OfferView {
  /** Index by which the decision names the offer. */
  readonly id: number;
  has(piece: number): boolean;
  /** It has the piece, gives it to another first, and will say when it may be asked. */
  readonly promises?: (piece: number) => boolean;
  /** It has every piece: then nobody needs to look which. */
  readonly all?: boolean;
  /** Bytes that may be asked for now without filling the peer's queue. */
  readonly roomBytes: number;
  /** Measured; undefined before anything has arrived. */
  readonly bytesPerSecond: number | undefined;
  readonly latencyMs: number;
  /** Asked for and not yet here, all flights together. */
  readonly queuedBytes: number;
  /** Pieces that were asked of it of which nothing has come yet → bytes that it owes us before them. */
  readonly waiting?: () => ReadonlyMap<number, number>;
  /** How long it has owed us bytes without sending any. */
  readonly silentMs: number;
  /** Nothing has ever come from it. */
  readonly isUntried?: boolean;
}

export interface MirrorView {
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
  /** The run under way: pieces [at, to), `at` being streamed now. */
  readonly run:
    | {
        readonly at: number;
        readonly to: number;
        /** How long it has brought nothing. */
        readonly silentMs?: number;
      }
    | undefined;
  /** Flights of this node that share its lines, this one included: each has a part of what peers deliver, too. */
  readonly sharers?: number;
  /** Other flights of this node are at the mirror already. */
  readonly isBusy?: boolean;
  /** It alone would bring at least half of the most that has come in by all ways lately. */
  readonly isQuick?: boolean;
  /** False when it failed for this flight and may not be asked again now. */
  readonly usable: boolean;
}

export interface FlightView {
  readonly nowMs: number;
  readonly sizeBytes: number;
  readonly pieceLength: number;
  /** MISSING, ASKED (of a peer) or HAVE, one byte a piece. Pieces of the mirror's run stay MISSING until they are here. */
  readonly pieces: Uint8Array;
  /** For an ASKED piece the id of the offer it was asked of, else -1. */
  readonly askedOf: Int32Array;
  /** First piece that isn't here: what apt waits for. */
  readonly head: number;
  readonly haveBytes: number;
  /** For how long no bytes have come. */
  readonly quietMs: number;
  /** Whether apt sees what peers bring before the whole is proven; if not, their order is no concern of apt's. */
  readonly shown: boolean;
  readonly offers: readonly OfferView[];
  /** Until when an answer that isn't here yet is worth waiting for; undefined when nobody is left to answer. */
  readonly answersUntilMs: number | undefined;
  readonly mirror: MirrorView;
  /** A number in [0, 1) for tie-breaks. */
  readonly draw: () => number;
  /** How the mirror is divided with others that look for the same file; undefined when there are none. [3] */
  readonly share?: ((needed: (piece: number) => boolean) => Share) | undefined;
}

export interface Request {
  readonly offer: number;
  /** MISSING, or ASKED of a peer that isn't live: that one's request is void then. */
  readonly piece: number;
}

export type MirrorDecision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start'; readonly from: number; readonly to: number };

export interface Decision {
  readonly requests: readonly Request[];
  readonly mirror: MirrorDecision;
  /** When to plan again if nothing happens before. */
  readonly wakeAtMs: number | undefined;
  /** For the debug log: why. */
  readonly why: string;
}

/** What apt will read within this time, at the rate at which peers deliver, is asked for in order; at least one MiB. */
const WINDOW_MS = 500;
const MIN_WINDOW_BYTES = 1024 * 1024;
const MIN_STALL_MS = 500;
/** In a crowd whoever has a piece is asked for it by all of them, and each waits for its turn. */
const CROWD_STALL_MS = 2_000;
/** Who never brought anything isn't waited for as long: there are those that never do. */
const NEWCOMER_STALL_MS = 1_000;
/** In a crowd each waits for its turn at each, seconds on slow lines: what comes late is no reason to ask for it twice. */
const MAX_STALL_MS = 8_000;
/** Who gives a piece to another first says within a second that it may be asked for (docs/protocol.md "Uploads"). */
const PROMISE_MS = 1_200;
const MIRROR_STALL_MS = 800;
/** Of a peer that hasn't delivered anything yet. */
const ASSUMED_RATE = 4 * 1024 * 1024;
/** A piece that waits this long at one peer may be asked of another whose queue is as short as that. */
const DEEP_MS = 1_000;
const QUICK_MS = 500;
/** Peers may take this much longer than the mirror before it is called: less isn't worth its bytes. */
const SLOWER_FACTOR = 1.1;
const SLOWER_GRACE_MS = 200;
/** Plan again this often while something is under way whose course can change without an event. */
const REVIEW_MS = 250;
/** `why` of the decision that there is nothing left to ask. */
export const NO_SOURCE = 'no source';
const KEEP = { kind: 'keep' } as const;
const STOP = { kind: 'stop' } as const;

export function planFlight(view: FlightView): Decision {
  const { offers, mirror, nowMs } = view;
  const remaining = view.sizeBytes - view.haveBytes;
  const mirrorMs = mirror.latencyMs + (remaining / mirror.bytesPerSecond) * 1000;
  const stallMs = stallLimitMs(view, mirrorMs);
  // [5] A peer that stalls is dropped, unless it is all there is.
  const newMs = Math.min(stallMs, NEWCOMER_STALL_MS);
  const prompt = offers.filter((o) => o.silentMs < (o.isUntried ? newMs : stallMs));
  const live = prompt.length > 0 || mirror.usable ? prompt : offers;
  if (live.length === 0) return withoutPeers(view, offers.length > 0);

  const latencyMs = Math.min(...live.map((o) => o.latencyMs));
  const isSingle = view.pieces.length === 1;
  // A slow mirror is left to what nobody has: the last pieces of peers are worth no copies that others wait for.
  const lastMs = mirror.isQuick ? lastDueMs(view, live) : 0;
  // One piece comes from one peer, behind what that one owes us already; of many, each peer brings its part.
  const peersMsAt = (rate: number) =>
    isSingle ? soonestMs(view, live) : Math.max(latencyMs + (remaining / rate) * 1000, lastMs);
  const graceMs = mirror.isBusy ? SLOWER_GRACE_MS : Math.min(SLOWER_GRACE_MS, 2 * latencyMs);
  const inTime = (ms: number) => ms <= mirrorMs * SLOWER_FACTOR + graceMs;
  // A peer not yet measured counts as the mirror does, until it proves otherwise; but it stops no mirror that runs.
  const sharers = mirror.sharers ?? 1;
  const free = freePieces(view, live, live.length > 1 ? queuedTooDeep(live) : undefined);
  const giving = givers(view, live, free);
  const peersRate = rateOf(giving, mirror.bytesPerSecond, sharers);
  const peersMs = peersMsAt(peersRate);
  const peersSlower = mirror.usable && !inTime(peersMs);
  const proven = inTime(peersMsAt(rateOf(giving, 0, sharers)));

  const requests = assign(view, live, free, peersSlower || (mirror.run !== undefined && !proven));
  // Pieces that nobody has who could be asked: waiting for peers won't bring them.
  const uncovered = mirror.usable && !mirror.run ? shareOfUncovered(view, live, free) : undefined;
  if (uncovered?.run) {
    const wakeAtMs = nowMs + REVIEW_MS;
    return { requests, mirror: { kind: 'start', ...uncovered.run }, wakeAtMs, why: uncovered.why };
  }
  const wakeAtMs = nowMs + Math.min(stallMs, REVIEW_MS);
  if (mirror.run) {
    const { at, to } = mirror.run;
    const has = (piece: number) => live.some((o) => o.has(piece));
    if (!view.share && view.head < at && free(view.head) && !has(view.head)) {
      return { requests, mirror: STOP, wakeAtMs, why: 'apt waits for a piece before the run' };
    }
    // [5] holds for the mirror, too.
    const patienceMs = Math.max(MIRROR_STALL_MS, 3 * mirror.latencyMs);
    if ((mirror.run.silentMs ?? 0) > patienceMs && has(at)) {
      return { requests, mirror: STOP, wakeAtMs, why: 'the mirror stalls, and a peer has the piece' };
    }
    const rest = (to - at) * view.pieceLength;
    // [2] peers suffice: rest, unless what is left of the run is on its way already.
    const nearlyDone = rest <= mirror.bytesPerSecond * (mirror.latencyMs / 1000) + view.pieceLength;
    if (!peersSlower && proven && !nearlyDone && has(at)) {
      const why = 'peers deliver at least what the mirror would: it rests';
      return { requests, mirror: STOP, wakeAtMs, why };
    }
    return { requests, mirror: KEEP, wakeAtMs, why: 'peers and mirror together' };
  }
  // In a crowd the line to the mirror is for what nobody has yet: what peers have would only be in its way.
  if (peersSlower && !(view.share && mirror.isBusy)) {
    const run = mirrorRun(view, requests, live, mirrorMs, graceMs);
    if (run) {
      const share = mirror.bytesPerSecond / (mirror.bytesPerSecond + peersRate);
      const to = Math.min(run.to, run.from + Math.max(1, Math.ceil((share * remaining) / view.pieceLength)));
      return {
        requests,
        mirror: { kind: 'start', from: run.from, to },
        wakeAtMs,
        why: `peers alone would take ${Math.round(peersMs)} ms, the mirror ${Math.round(mirrorMs)} ms`,
      };
    }
  }
  return { requests, mirror: KEEP, wakeAtMs, why: 'peers' };
}

/** [1] Nobody delivers: wait a moment for answers that are due, then the mirror. */
function withoutPeers(view: FlightView, stalled: boolean): Decision {
  const { mirror, nowMs, answersUntilMs, head } = view;
  const keep = KEEP;
  if (mirror.run) {
    if (view.share || head >= mirror.run.at) {
      const wakeAtMs = view.share && nowMs + REVIEW_MS;
      return { requests: [], mirror: keep, wakeAtMs, why: 'mirror only' };
    }
    const why = 'apt waits for a piece before the run';
    return { requests: [], mirror: STOP, wakeAtMs: undefined, why };
  }
  if (!stalled && answersUntilMs !== undefined && nowMs < answersUntilMs) {
    return { requests: [], mirror: keep, wakeAtMs: answersUntilMs, why: 'waiting for answers that are due' };
  }
  if (!mirror.usable) return { requests: [], mirror: keep, wakeAtMs: undefined, why: NO_SOURCE };
  // [5] pieces asked of peers that stall are the mirror's to take.
  if (view.share) {
    const { run, untilMs, why } = view.share((piece) => view.pieces[piece] !== HAVE);
    return {
      requests: [],
      mirror: run ? { kind: 'start', ...run } : keep,
      wakeAtMs: untilMs ?? nowMs + REVIEW_MS,
      why,
    };
  }
  const from = head;
  let to = from;
  while (to < view.pieces.length && view.pieces[to] !== HAVE) to += 1;
  if (to === from) return { requests: [], mirror: keep, wakeAtMs: undefined, why: 'nothing is missing' };
  const why = stalled ? 'peers stall: the mirror' : 'nobody has it: the mirror';
  return { requests: [], mirror: { kind: 'start', from, to }, wakeAtMs: nowMs + REVIEW_MS, why };
}

function stallLimitMs(view: FlightView, mirrorMs: number): number {
  let latencyMs = Number.POSITIVE_INFINITY;
  for (const offer of view.offers) latencyMs = Math.min(latencyMs, offer.latencyMs);
  const leastMs = view.share ? CROWD_STALL_MS : MIN_STALL_MS;
  const patience = Math.max(leastMs, Number.isFinite(latencyMs) ? 4 * latencyMs : 0, 0.1 * mirrorMs);
  return Math.min(patience, MAX_STALL_MS);
}

/** Bytes a second of these peers together for one of `sharers` flights; `unmeasured` for each that hasn't delivered anything yet. */
function rateOf(offers: readonly OfferView[], unmeasured: number, sharers = 1): number {
  let rate = 0;
  for (const { bytesPerSecond } of offers)
    rate += bytesPerSecond === undefined ? unmeasured : bytesPerSecond / sharers;
  return Math.max(rate, 1);
}

/** Those that owe us something, or have what may be asked for: what the others could bring is of no use now. */
function givers({ pieces, head }: FlightView, live: readonly OfferView[], free: Free): OfferView[] {
  return live.filter((offer) => {
    if (offer.queuedBytes > 0) return true;
    for (let piece = head; piece < pieces.length; piece += 1)
      if (free(piece) && offer.has(piece)) return true;
    return false;
  });
}

type Free = (piece: number) => boolean;

function freePieces(
  { pieces, askedOf }: FlightView,
  live: readonly OfferView[],
  isTooDeep?: (piece: number) => boolean,
): Free {
  const ids = new Set(live.map((o) => o.id));
  return (piece) =>
    pieces[piece] === MISSING ||
    (pieces[piece] === ASKED && (!ids.has(askedOf[piece] ?? -1) || isTooDeep?.(piece) === true));
}

/**
 * Pieces that wait so deep in the queue of one peer that another would bring them in half the time. Nothing of them has
 * come yet, so a CANCEL costs nobody anything. So a crowd's pieces spread from those that have them by now, rather than
 * all from the one that had them first.
 */
function queuedTooDeep(live: readonly OfferView[]): ((piece: number) => boolean) | undefined {
  const others = live.filter((o) => o.roomBytes > 0 && dueMs(o) < QUICK_MS);
  if (others.length === 0) return undefined;
  const late = new Set<number>();
  for (const offer of live) {
    const { bytesPerSecond, queuedBytes } = offer;
    if (bytesPerSecond === undefined || (queuedBytes / bytesPerSecond) * 1000 < DEEP_MS) continue;
    for (const [piece, aheadBytes] of offer.waiting?.() ?? []) {
      const ownMs = (aheadBytes / bytesPerSecond) * 1000;
      if (ownMs >= DEEP_MS && others.some((o) => o !== offer && o.has(piece) && 2 * dueMs(o) < ownMs))
        late.add(piece);
    }
  }
  return late.size > 0 ? (piece) => late.has(piece) : undefined;
}

/** When the only piece of a file should be here, from whoever brings it soonest, or was asked for it already. */
function soonestMs({ sizeBytes, pieces, askedOf }: FlightView, live: readonly OfferView[]): number {
  const asked = pieces[0] === ASKED ? live.find(({ id }) => id === askedOf[0]) : undefined;
  let bestMs = Number.POSITIVE_INFINITY;
  for (const offer of asked ? [asked] : live) {
    if (!offer.has(0)) continue;
    const rate = Math.max(offer.bytesPerSecond ?? ASSUMED_RATE, 1);
    const aheadBytes = asked ? (offer.waiting?.().get(0) ?? 0) : offer.queuedBytes;
    bestMs = Math.min(bestMs, offer.latencyMs + offer.silentMs + ((aheadBytes + sizeBytes) / rate) * 1000);
  }
  return bestMs;
}

/** When the last of the pieces that were asked of these peers should be here: some may have more to bring than others. */
function lastDueMs({ askedOf, pieceLength }: FlightView, live: readonly OfferView[]): number {
  let lastMs = 0;
  for (const offer of live) {
    const { id, bytesPerSecond, silentMs } = offer;
    if (bytesPerSecond === undefined) continue;
    let aheadBytes = -1;
    for (const [piece, ahead] of offer.waiting?.() ?? [])
      if (askedOf[piece] === id) aheadBytes = Math.max(aheadBytes, ahead);
    if (aheadBytes >= 0)
      lastMs = Math.max(lastMs, silentMs + ((aheadBytes + pieceLength) / Math.max(bytesPerSecond, 1)) * 1000);
  }
  return lastMs;
}

/** When the last of what is queued at a peer should be here. */
function dueMs({ latencyMs, queuedBytes, bytesPerSecond }: OfferView): number {
  return latencyMs + (queuedBytes / Math.max(bytesPerSecond ?? ASSUMED_RATE, 1)) * 1000;
}

/** The first run of pieces the mirror may stream: missing, or asked of a peer that would bring it later than the mirror. */
function mirrorRun(
  view: FlightView,
  requests: readonly Request[],
  live: readonly OfferView[],
  mirrorMs: number,
  graceMs: number,
): { from: number; to: number } | undefined {
  const onTime = new Set<number>();
  for (const offer of live) {
    const rate = offer.bytesPerSecond;
    const dueMs = rate === undefined ? 0 : offer.latencyMs + (offer.queuedBytes / Math.max(rate, 1)) * 1000;
    if (dueMs + offer.silentMs <= mirrorMs * 1.5 + graceMs) onTime.add(offer.id);
  }
  const taken = new Set(requests.map((r) => r.piece));
  const free = (piece: number) =>
    !taken.has(piece) &&
    (view.pieces[piece] === MISSING ||
      (view.pieces[piece] === ASKED && !onTime.has(view.askedOf[piece] ?? -1)));
  let from = view.head;
  while (from < view.pieces.length && !free(from)) from += 1;
  let to = from;
  while (to < view.pieces.length && free(to)) to += 1;
  return to > from ? { from, to } : undefined;
}

/** Which of the missing pieces that none of these peers has to fetch from the mirror now. */
function shareOfUncovered(
  view: FlightView,
  live: readonly OfferView[],
  free: Free,
): Pick<Share, 'run' | 'why'> | undefined {
  if (live.some((o) => o.all)) return undefined;
  const isPromised =
    view.quietMs < PROMISE_MS ? (piece: number) => live.some((o) => o.promises?.(piece)) : () => false;
  const bare = (piece: number) => free(piece) && !live.some((o) => o.has(piece)) && !isPromised(piece);
  if (view.share) return view.share(bare);
  let from = view.head;
  while (from < view.pieces.length && !bare(from)) from += 1;
  let to = from;
  while (to < view.pieces.length && bare(to)) to += 1;
  return to > from ? { run: { from, to }, why: 'no peer has these pieces: the mirror' } : undefined;
}

/** [4] Hands out free pieces to the peers that have room. */
function assign(view: FlightView, live: readonly OfferView[], free: Free, fromTheEnd: boolean): Request[] {
  const room = live.map((o) => o.roomBytes);
  let total = 0;
  for (const bytes of room) total += Math.max(0, bytes);
  if (total <= 0) return [];
  const requests: Request[] = [];
  for (const piece of order(view, live, free, fromTheEnd, total)) {
    const size = Math.min(view.pieceLength, view.sizeBytes - piece * view.pieceLength);
    const chosen = quickest(live, room, piece);
    if (chosen < 0) continue;
    room[chosen] = (room[chosen] ?? 0) - size;
    total -= size;
    requests.push({ offer: live[chosen]?.id ?? -1, piece });
    if (total <= 0) break;
  }
  return requests;
}

/** The peer that would deliver soonest among those that have the piece and room for it; -1 when there is none. */
function quickest(live: readonly OfferView[], room: readonly number[], piece: number): number {
  let best = -1;
  let bestMs = Number.POSITIVE_INFINITY;
  live.forEach((offer, at) => {
    const left = room[at] ?? 0;
    if (left <= 0 || !offer.has(piece)) return;
    const queued = offer.queuedBytes + (offer.roomBytes - left);
    const due = offer.latencyMs + (queued / Math.max(offer.bytesPerSecond ?? ASSUMED_RATE, 1)) * 1000;
    if (due < bestMs) {
      bestMs = due;
      best = at;
    }
  });
  return best;
}

/** Free pieces that somebody has, in the order in which to hand them out; a little more than there is room for. */
function order(
  view: FlightView,
  live: readonly OfferView[],
  free: Free,
  fromTheEnd: boolean,
  roomBytes: number,
): number[] {
  const { pieces, head, pieceLength, mirror } = view;
  const limit = Math.ceil(roomBytes / pieceLength) + live.length;
  const found: number[] = [];
  const wanted = (piece: number) =>
    free(piece) && piece !== mirror.run?.at && live.some((o) => o.roomBytes > 0 && o.has(piece));
  if (fromTheEnd) {
    // The mirror has the head; meet it from the other side.
    for (let piece = pieces.length - 1; piece >= head && found.length < limit; piece -= 1) {
      if (wanted(piece)) found.push(piece);
    }
    return found;
  }
  const windowBytes = Math.max(MIN_WINDOW_BYTES, (rateOf(live, 0) * WINDOW_MS) / 1000);
  const end = view.shown
    ? Math.min(pieces.length, head + Math.max(1, Math.ceil(windowBytes / pieceLength)))
    : head;
  let piece = head;
  for (; piece < end && found.length < limit; piece += 1) if (wanted(piece)) found.push(piece);
  // Rarity says nothing where there is one peer: then order is kinder to disks.
  if (live.length === 1) {
    for (; piece < pieces.length && found.length < limit; piece += 1) if (wanted(piece)) found.push(piece);
  } else if (found.length < limit) {
    found.push(...rarest(view, live, wanted, piece, limit - found.length));
  }
  return found;
}

/** The `count` rarest wanted pieces from `from` on, those of equal rarity drawn by lot. */
function rarest(
  { pieces, draw }: FlightView,
  live: readonly OfferView[],
  wanted: Free,
  from: number,
  count: number,
): number[] {
  const byCopies: number[][] = live.map(() => []);
  for (let piece = from; piece < pieces.length; piece += 1) {
    if (!wanted(piece)) continue;
    let copies = 0;
    for (const offer of live) if (offer.has(piece)) copies += 1;
    byCopies[copies - 1]?.push(piece);
  }
  const found: number[] = [];
  for (const equals of byCopies) {
    for (let i = 0; i < equals.length && found.length < count; i += 1) {
      const drawn = i + Math.floor(draw() * (equals.length - i));
      found.push(equals[drawn] as number);
      equals[drawn] = equals[i] as number;
    }
  }
  return found;
}

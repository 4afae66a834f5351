/**
 * How nodes that want the same file at the same moment divide the mirror between them, so that a crowd is one client.
 * Pure: from who else looks for it and what they claim, to what this node fetches now and what it leaves to others.
 * It decides nothing about offers (plan.ts) and believes nobody for long: a claim is worth waiting for only while it
 * makes nobody slower than the mirror would, and one that isn't kept counts for nothing afterwards.
 * Source: docs/protocol.md "Claims".
 *
 *  - A file of one piece: the order of hash(peer id ‖ key) says who goes first; the others wait for it, the next in
 *    order goes when it doesn't come.
 *  - A larger file: each takes a contiguous run, by the same order; whoever is done takes over the second half of what
 *    is furthest behind. Late arrivals do the same.
 *  - All waiting for one file together, without a byte arriving, is bounded (`patienceMs`).
 */

/** Another node that looks for the same file. */
export interface Fellow {
  /** hash(peer id ‖ key), compared as text. */
  readonly rank: string;
  /** Pieces it says it is fetching from the mirror, and when they should be there (our clock). */
  readonly claim: { readonly has: (piece: number) => boolean; readonly dueMs: number } | undefined;
  /** It claimed before and didn't keep it: neither its rank nor its claims count. */
  readonly broken: boolean;
  readonly latencyMs: number;
  /** What it is expected to send us a second, once it has something. */
  readonly bytesPerSecond: number;
}

export interface ShareOutView {
  readonly nowMs: number;
  /** When this node began to look for the file. */
  readonly startedMs: number;
  /** When bytes of it last reached this node; `startedMs` before the first. */
  readonly movedMs: number;
  readonly sizeBytes: number;
  readonly pieceLength: number;
  readonly pieceCount: number;
  /** Not here and not to be had from a peer now. */
  readonly needed: (piece: number) => boolean;
  readonly ownRank: string;
  readonly fellows: readonly Fellow[];
  /** What the mirror alone would take for all that is missing. */
  readonly mirrorMs: number;
}

export interface Share {
  /** Pieces [from, to) to fetch from the mirror now, and to claim. */
  readonly run: { readonly from: number; readonly to: number } | undefined;
  /** Without a run: when to look again at the latest. */
  readonly untilMs: number | undefined;
  readonly why: string;
}

/** Waiting may make this node at most so much slower than the mirror alone. */
const SLOWER_FACTOR = 1.1;
const MIN_PATIENCE_MS = 300;
/** Beyond a round trip: what the other end may need to answer when its processor is busy. */
const ANSWER_MS = 25;

/** How long this node waits for claims of one file in all without a byte arriving. */
export function patienceMs(mirrorMs: number): number {
  return Math.max(MIN_PATIENCE_MS, 0.1 * mirrorMs);
}

export function shareOut(view: ShareOutView): Share {
  const fellows = view.fellows.filter((fellow) => !fellow.broken);
  const first = firstNeeded(view, 0, view.pieceCount);
  if (first < 0) return { run: undefined, untilMs: undefined, why: 'nothing is missing' };
  const waitedMs = view.nowMs - view.movedMs;
  const leftMs = patienceMs(view.mirrorMs) - waitedMs;
  if (fellows.length === 0 || leftMs <= 0) {
    return { run: runFrom(view, first, view.pieceCount, []), untilMs: undefined, why: 'nobody to wait for' };
  }
  return view.pieceCount === 1 ? shareSmall(view, fellows, leftMs) : shareLarge(view, fellows, leftMs);
}

/** One piece: one node fetches it, the others wait for it in a fixed order. */
function shareSmall(view: ShareOutView, fellows: readonly Fellow[], leftMs: number): Share {
  const { nowMs, ownRank } = view;
  const go = (why: string): Share => ({ run: { from: 0, to: 1 }, untilMs: undefined, why });
  const claimed = fellows.filter(({ claim }) => claim?.has(0));
  for (const fellow of claimed) {
    const dueMs = (fellow.claim?.dueMs ?? 0) + transferMs(fellow, view.sizeBytes);
    if (dueMs - view.startedMs > view.mirrorMs * SLOWER_FACTOR + fellow.latencyMs) continue;
    const untilMs = Math.min(nowMs + leftMs, dueMs + patienceMs(view.mirrorMs));
    return { run: undefined, untilMs, why: 'another node fetches it' };
  }
  if (claimed.length > 0) return go('the mirror is quicker than those who fetch it');
  const before = fellows.filter(({ rank }) => rank < ownRank);
  if (before.length === 0) return go('first in order');
  const stepMs = 2 * Math.max(...before.map(({ latencyMs }) => latencyMs)) + ANSWER_MS;
  const turnMs = view.startedMs + before.length * stepMs;
  const quickest = Math.min(...before.map((fellow) => transferMs(fellow, view.sizeBytes)));
  // Worth it only if even an immediate claim of theirs would bring it in time.
  if (stepMs + quickest > view.mirrorMs * 0.1 + MIN_PATIENCE_MS / 10) return go('the mirror is quick enough');
  if (nowMs >= turnMs) return go('those before in order have not claimed it');
  return { run: undefined, untilMs: Math.min(turnMs, nowMs + leftMs), why: 'others are first in order' };
}

/** Several pieces: own part first, then what others are furthest behind with. */
function shareLarge(view: ShareOutView, fellows: readonly Fellow[], leftMs: number): Share {
  const { pieceCount, ownRank } = view;
  const before = fellows.filter(({ rank }) => rank < ownRank).length;
  const members = fellows.length + 1;
  const from = Math.floor((before * pieceCount) / members);
  const to = Math.floor(((before + 1) * pieceCount) / members);
  const own = firstFree(view, fellows, from, to);
  if (own >= 0) return { run: runFrom(view, own, to, fellows), untilMs: undefined, why: 'own part' };
  const free = firstFree(view, fellows, 0, pieceCount);
  if (free >= 0)
    return { run: runFrom(view, free, pieceCount, fellows), untilMs: undefined, why: 'unclaimed' };
  return takeOver(view, fellows, leftMs);
}

/** All that is missing is claimed: wait, or take the second half of the largest part that would come too late. */
function takeOver(view: ShareOutView, fellows: readonly Fellow[], leftMs: number): Share {
  const { nowMs, pieceLength, sizeBytes } = view;
  const perPieceMs = (view.mirrorMs * pieceLength) / sizeBytes;
  let best: { from: number; to: number } | undefined;
  for (let at = 0; at < view.pieceCount; at += 1) {
    if (!view.needed(at)) continue;
    const claimer = fellows.find(({ claim }) => claim?.has(at));
    let end = at + 1;
    while (end < view.pieceCount && view.needed(end) && claimer?.claim?.has(end)) end += 1;
    const half = Math.ceil((end - at) / 2);
    const lateMs = (claimer?.claim?.dueMs ?? 0) - nowMs;
    const worthIt = end - at >= 2 && lateMs > half * perPieceMs * SLOWER_FACTOR;
    if (worthIt && (!best || end - at > 2 * (best.to - best.from))) best = { from: end - half, to: end };
    at = end - 1;
  }
  if (best) return { run: best, untilMs: undefined, why: 'takes over half of what is furthest behind' };
  return { run: undefined, untilMs: nowMs + leftMs, why: 'others fetch what is missing' };
}

function transferMs(fellow: Fellow, bytes: number): number {
  return 2 * fellow.latencyMs + (bytes / Math.max(fellow.bytesPerSecond, 1)) * 1000;
}

function firstNeeded(view: ShareOutView, from: number, to: number): number {
  for (let piece = from; piece < to; piece += 1) if (view.needed(piece)) return piece;
  return -1;
}

/** The first piece in [from, to) that is missing and that nobody has claimed; -1 when there is none. */
function firstFree(view: ShareOutView, fellows: readonly Fellow[], from: number, to: number): number {
  for (let piece = from; piece < to; piece += 1) {
    if (view.needed(piece) && !isClaimed(fellows, piece)) return piece;
  }
  return -1;
}

/** From `from` on as long as pieces are missing and unclaimed, up to `limit`. */
function runFrom(
  view: ShareOutView,
  from: number,
  limit: number,
  fellows: readonly Fellow[],
): { from: number; to: number } {
  let to = from + 1;
  while (to < limit && view.needed(to) && !isClaimed(fellows, to)) to += 1;
  return { from, to };
}

function isClaimed(fellows: readonly Fellow[], piece: number): boolean {
  return fellows.some(({ claim }) => claim?.has(piece));
}

/**
 * How nodes that want the same file at the same moment divide the mirror between them, so that a crowd is one client.
 * Pure: from who else looks for it and what they claim, to what this node fetches now and what it leaves to others.
 * It decides nothing about offers (plan.ts) and believes nobody for long: a claim is worth waiting for only while it
 * makes nobody slower than the mirror would, and one that isn't kept counts for nothing afterwards.
 * Source: docs/protocol.md "Claims".
 *
 *  - A file of one piece: the order of hash(peer id ‖ key) says who goes first; the others wait for it, the next in
 *    order goes when it doesn't come.
 *  - A larger file: each begins at its own place by the same order, and works on until it meets another; whoever is done
 *    takes over the second half of what is furthest behind. Late arrivals do the same.
 *  - All waiting for one file together, without a byte arriving, is bounded (`patienceMs`).
 */

/** Another node that looks for the same file. */
export interface Fellow {
  /** hash(peer id ‖ key), compared as text. */
  readonly rank: string;
  /** What it says it is fetching from the mirror, as far as it doesn't offer it yet. */
  readonly claim: FellowClaim | undefined;
  /** It claimed before and didn't keep it: neither its rank nor its claims count. */
  readonly broken: boolean;
  readonly latencyMs: number;
  /** What it is expected to send us a second, once it has something. */
  readonly bytesPerSecond: number;
}

export interface FellowClaim {
  /** The lowest piece of the claim, and the lowest that its maker hasn't got yet: that is where it works. */
  readonly begin: number;
  readonly first: number;
  /** Claimed, and its maker hasn't got it yet. */
  readonly has: (piece: number) => boolean;
  /** When all of it should be there, by our clock. */
  readonly dueMs: number;
  /** For how long it has been at `first`. */
  readonly stuckMs: number;
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
  /** Other files of this node come from the mirror meanwhile: nothing is lost by waiting. */
  readonly isBusy?: boolean;
  /** More may look for the file than this node can see. */
  readonly isWide?: boolean;
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
/** While other files of this node come from the mirror nothing is lost by waiting, within reason: who claims may be lying. */
const BUSY_FACTOR = 3;
const BUSY_GRACE_MS = 1_000;
/** Who has waited for a claim in vain goes on waiting, as long as that is quicker than to begin now; until then at most. */
const SUNK_FACTOR = 1.5;
/** The more want the same at the same moment, the more likely it is that the mirror is slower than it looks. */
const GRACE_A_FELLOW_MS = 30;
/** Where this node sees them all, by this part of the mirror's time at most; else there may be any number more. */
const GRACE_SHARE = 0.2;
const FEW_MS = 10;
const WIDE_GRACE_MS = 100;
const MANY_FELLOWS = 10;
/** The last in order waits so much longer than the first. */
const LONGEST_ORDER_MS = 1_000;
const MIN_PATIENCE_MS = 300;
/** Nothing comes before a piece is complete: time for so many of them. */
const PATIENT_PIECES = 3;
/** A claim that was worth waiting for may be late by so much. */
const MIN_SLACK_MS = 30;
/** Beyond a round trip: what the other end may need to answer when its processor is busy. */
const ANSWER_MS = 25;

/** How long this node waits for claims of one file in all without a byte arriving. */
export function patienceMs(view: Pick<ShareOutView, 'mirrorMs' | 'pieceLength' | 'sizeBytes'>): number {
  return Math.max(MIN_PATIENCE_MS, 0.1 * view.mirrorMs, PATIENT_PIECES * paceMs(view));
}

export function shareOut(view: ShareOutView): Share {
  const fellows = view.fellows.filter((fellow) => !fellow.broken);
  const first = firstNeeded(view, 0, view.pieceCount);
  if (first < 0) return { run: undefined, untilMs: undefined, why: 'nothing is missing' };
  if (view.pieceCount === 1) return shareSmall(view, fellows);
  const leftMs = patienceMs(view) - (view.nowMs - view.movedMs);
  if (fellows.length === 0 || leftMs <= 0)
    return { run: runFrom(view, first), untilMs: undefined, why: 'nobody to wait for' };
  return shareLarge(view, fellows, leftMs);
}

/**
 * One piece: one node fetches it, the others wait for it in a fixed order, as long as that makes nobody slower than the
 * mirror alone. In a wide swarm those before us may wait for others in their turn, and never claim: what they wait for
 * reaches us through them, one transfer later. While other files come from the mirror there is time to wait for that, too.
 */
function shareSmall(view: ShareOutView, fellows: readonly Fellow[]): Share {
  const { nowMs, ownRank, startedMs, mirrorMs, sizeBytes, isBusy = false, isWide = false } = view;
  const go = (why: string): Share => ({ run: { from: 0, to: 1 }, untilMs: undefined, why });
  const crowdMs = GRACE_A_FELLOW_MS * Math.min(fellows.length, MANY_FELLOWS);
  const graceMs = isWide
    ? WIDE_GRACE_MS + crowdMs
    : Math.max(FEW_MS, Math.min(crowdMs, GRACE_SHARE * mirrorMs));
  const latestMs =
    startedMs + graceMs + (isBusy ? BUSY_FACTOR * mirrorMs + BUSY_GRACE_MS : mirrorMs * SLOWER_FACTOR);
  const slackMs = Math.max(MIN_SLACK_MS, 0.1 * mirrorMs, graceMs);
  const claims = fellows.filter(({ claim }) => claim?.has(0));
  let untilMs: number | undefined;
  for (const fellow of claims) {
    const dueMs = (fellow.claim?.dueMs ?? 0) + handOnMs(fellow, sizeBytes);
    // Later than hoped, but sooner than the mirror would be from now on.
    const isSooner = dueMs <= nowMs + mirrorMs && nowMs < startedMs + graceMs + SUNK_FACTOR * mirrorMs;
    if (dueMs + slackMs > nowMs && (dueMs <= latestMs || isSooner))
      untilMs = Math.min(untilMs ?? Number.POSITIVE_INFINITY, dueMs + slackMs);
  }
  if (untilMs !== undefined) return { run: undefined, untilMs, why: 'another node fetches it' };
  const before = fellows.filter(({ rank }) => rank < ownRank);
  if (before.length === 0) return go('first in order');
  const stepMs = 2 * Math.max(...before.map(({ latencyMs }) => latencyMs)) + ANSWER_MS;
  const quickest = Math.min(...before.map((fellow) => handOnMs(fellow, sizeBytes)));
  // Worth it only if even an immediate claim of theirs would bring it in time.
  if (!isWide && startedMs + stepMs + mirrorMs + quickest > latestMs + MIN_SLACK_MS)
    return go('the mirror is quick enough');
  const orderMs = Math.min(before.length * stepMs, LONGEST_ORDER_MS);
  const waveMs = claims.length > 0 ? 0 : mirrorMs + quickest + slackMs;
  const turnMs =
    isWide || isBusy
      ? Math.min(startedMs + waveMs, latestMs) + orderMs
      : startedMs + Math.min(orderMs, (SLOWER_FACTOR - 1) * mirrorMs + graceMs);
  if (nowMs >= turnMs)
    return go(
      claims.length > 0 ? 'those who fetch it are late' : 'those before in order have not claimed it',
    );
  return { run: undefined, untilMs: turnMs, why: 'others are first in order' };
}

/**
 * Several pieces. A claim is read as a place where its maker is now: the first of its pieces that is still missing. From
 * there it works on until it meets the place of another, so the missing pieces fall into segments.
 */
function shareLarge(view: ShareOutView, fellows: readonly Fellow[], leftMs: number): Share {
  const { pieceCount, ownRank } = view;
  const segments = segmentsOf(view, fellows);
  const before = fellows.filter(({ rank }) => rank < ownRank).length;
  const own = Math.floor((before * pieceCount) / (fellows.length + 1));
  const inside = segments.find(({ from, to }) => from <= own && own < to);
  if (inside && (inside.paceMs === undefined || worth(view, inside, own))) {
    return { run: { from: own, to: inside.to }, untilMs: undefined, why: 'own part' };
  }
  const free = segments.find(({ paceMs }) => paceMs === undefined);
  if (free) return { run: { from: free.from, to: free.to }, untilMs: undefined, why: 'unclaimed' };
  let furthest: Segment | undefined;
  for (const segment of segments) if (!furthest || timeOf(segment) > timeOf(furthest)) furthest = segment;
  if (furthest) {
    const { from, to, arrivalMs } = furthest;
    const middle = arrivalMs > 0 ? from : from + Math.ceil((to - from) / 2);
    if (worth(view, furthest, middle))
      return {
        run: { from: middle, to },
        untilMs: undefined,
        why: 'takes over half of what is furthest behind',
      };
  }
  return { run: undefined, untilMs: view.nowMs + leftMs, why: 'others fetch what is missing' };
}

/** Missing pieces in a row that one claimer will come to by itself. */
interface Segment {
  readonly from: number;
  readonly to: number;
  /** What its claimer takes for a piece; undefined when nobody has claimed it. */
  readonly paceMs: number | undefined;
  /** When the claimer is expected at `from`, from now. */
  readonly arrivalMs: number;
}

function timeOf({ from, to, paceMs = 0, arrivalMs }: Segment): number {
  return arrivalMs + (to - from) * paceMs;
}

/** Whether this node would have fetched [at, to) before the claimer of the segment has come through. */
function worth(view: ShareOutView, segment: Segment, at: number): boolean {
  const { from, to, paceMs: theirPaceMs = 0, arrivalMs } = segment;
  if (at < from || at >= to || (at === from && arrivalMs === 0)) return false;
  const ownMs = (to - at) * paceMs(view);
  const theirsMs = arrivalMs + (to - from) * theirPaceMs;
  return theirsMs > ownMs * SLOWER_FACTOR && arrivalMs + (at - from) * theirPaceMs > ownMs / (to - at);
}

function segmentsOf(view: ShareOutView, fellows: readonly Fellow[]): Segment[] {
  const { pieceCount, needed } = view;
  const claims = fellows.flatMap((fellow) => claimAt(view, fellow) ?? []);
  const heads = new Map<number, OpenClaim>();
  for (const claim of claims) {
    const other = heads.get(claim.at);
    if (!other || claim.paceMs < other.paceMs) heads.set(claim.at, claim);
  }
  const segments: Segment[] = [];
  for (let at = 0; at < pieceCount; at += 1) {
    if (!needed(at)) continue;
    const claim = heads.get(at);
    const coming = claim ?? soonest(claims, at);
    const end = coming?.to ?? pieceCount;
    let to = at + 1;
    while (to < end && needed(to) && !heads.has(to)) to += 1;
    const arrivalMs = claim || !coming ? 0 : (at - coming.at) * coming.paceMs;
    segments.push({ from: at, to, paceMs: coming?.paceMs, arrivalMs });
    at = to - 1;
  }
  return segments;
}

interface OpenClaim {
  readonly at: number;
  readonly to: number;
  readonly paceMs: number;
}

function soonest(claims: readonly OpenClaim[], piece: number): OpenClaim | undefined {
  let best: OpenClaim | undefined;
  for (const claim of claims) {
    if (claim.at <= piece && piece < claim.to && (!best || claim.at > best.at)) best = claim;
  }
  return best;
}

/** Where a fellow is in what it has claimed; undefined when it is done, long overdue or stuck. */
function claimAt(view: ShareOutView, { claim }: Fellow): OpenClaim | undefined {
  const { pieceCount, needed, nowMs } = view;
  if (!claim || claim.dueMs + patienceMs(view) < nowMs || claim.stuckMs > patienceMs(view)) return undefined;
  let at = claim.first;
  while (at < pieceCount && !(claim.has(at) && needed(at))) at += 1;
  if (at >= pieceCount) return undefined;
  let to = at;
  let left = 0;
  for (; to < pieceCount && claim.has(to); to += 1) if (needed(to)) left += 1;
  return { at, to, paceMs: Math.max((claim.dueMs - nowMs) / left, paceMs(view) / 4) };
}

/** What the mirror takes for a piece, for this node alone. */
function paceMs({
  mirrorMs,
  pieceLength,
  sizeBytes,
}: Pick<ShareOutView, 'mirrorMs' | 'pieceLength' | 'sizeBytes'>): number {
  return (mirrorMs * Math.min(pieceLength, sizeBytes)) / sizeBytes;
}

/** A run of this node: pieces [at, to) are still to come. */
export interface OwnRun {
  readonly from: number;
  readonly at: number;
  readonly to: number;
  /** The rest of piece `at` is on its way: to end the run there saves nothing. */
  readonly isComing?: boolean;
}

/**
 * How far a run of this node goes: to where another that looks for the file works already. Two that work at the same
 * place: the first in order goes on, for the other the run is over (`at` is returned), or after the piece that is coming.
 */
export function runLimit(view: ShareOutView, run: OwnRun): number {
  let limit = run.to;
  // Waited for them long enough: this node goes its own way.
  if (view.nowMs - view.movedMs >= patienceMs(view)) return limit;
  const least = run.isComing ? Math.min(run.at + 1, run.to) : run.at;
  for (const fellow of view.fellows) {
    if (fellow.broken) continue;
    const claim = claimAt(view, fellow);
    if (!claim) continue;
    if (claim.at > run.at && claim.at < limit) limit = claim.at;
    const isSame = fellow.claim?.begin === run.from && claim.at === run.at;
    if (isSame && fellow.rank < view.ownRank && claim.paceMs < 2 * paceMs(view)) return least;
  }
  return limit;
}

/** From where a fellow has it until it is here: it says so, is asked, and sends it. */
function handOnMs(fellow: Fellow, bytes: number): number {
  return 1.5 * fellow.latencyMs + (bytes / Math.max(fellow.bytesPerSecond, 1)) * 1000;
}

function firstNeeded(view: ShareOutView, from: number, to: number): number {
  for (let piece = from; piece < to; piece += 1) if (view.needed(piece)) return piece;
  return -1;
}

/** From `from` on as long as pieces are missing. */
function runFrom(view: ShareOutView, from: number): { from: number; to: number } {
  let to = from + 1;
  while (to < view.pieceCount && view.needed(to)) to += 1;
  return { from, to };
}

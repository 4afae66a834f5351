/**
 * Whose piece is sent next: a pure function of who waits for what, what was sent lately, and the time. A piece that was
 * begun is finished before the same peer gets another, so that it can be passed on soon. Otherwise, in this order:
 *   1. who has waited for too long since its last block, the longest first: nobody starves;
 *   2. the local network before strangers;
 *   3. with a limit, the piece that was sent least often: the takers can give each other what one of them has;
 *   4. addresses in turn, and the connections of one address in turn.
 * Of one peer's pieces the first that it asked for is passed over eight times at most.
 */
import type { Sha256 } from '../lib/sha256.ts';
import type { PieceRequest, UploadQueue } from './upload-queue.ts';

/** What the connections of one address group have together. */
export interface AddressShare {
  /** When it last had a turn, counted in turns. */
  turn: number;
  /** Its upload slots. */
  slots: number;
}

/** One connection, as the order of turns sees it. */
export interface TurnTaker {
  readonly isNear: boolean;
  readonly share: AddressShare;
  readonly queue: UploadQueue;
  /** Its socket takes more. */
  readonly isWritable: boolean;
  /** It is about to lose its slot: no piece is begun for it. */
  isEnding: boolean;
  turn: number;
  /** When it was last sent something. */
  activeMs: number;
}

export interface Turn<T> {
  taker: T;
  request: PieceRequest;
}

/** How often a piece was sent lately. Left out: there is no limit, and it doesn't matter. */
export type Copies = (key: Sha256, piece: number) => number;

/** Who has waited for this long comes next, whatever else there is. */
export const MAX_WAIT_MS = 2_000;
/** So many pieces of its own peer may go before one that was asked for earlier. */
export const MAX_PASSED_OVER = 8;

/** Undefined when nobody who could be sent something waits. `takers`: those who wait. */
export function nextTurn<T extends TurnTaker>(
  takers: Iterable<T>,
  nowMs: number,
  copies?: Copies,
): Turn<T> | undefined {
  let best: Turn<T> | undefined;
  let bestCopies = 0;
  let starving: Turn<T> | undefined;
  let longestMs = MAX_WAIT_MS;
  for (const taker of takers) {
    if (!taker.isWritable) continue;
    const { current } = taker.queue;
    if (current && current.next < current.blocks.length) return { taker, request: current };
    if (taker.isEnding) continue;
    const oldest = first(taker.queue);
    if (!oldest) continue;
    const chosen =
      copies && oldest.passedOver < MAX_PASSED_OVER ? rarest(taker.queue, oldest, copies) : oldest;
    const waitedMs = nowMs - Math.max(oldest.sinceMs, taker.activeMs);
    if (waitedMs > longestMs) {
      starving = { taker, request: chosen };
      longestMs = waitedMs;
    }
    const chosenCopies = copies ? copies(chosen.given.servable.key, chosen.piece) : 0;
    if (best && !comesBefore(taker, chosenCopies, best.taker, bestCopies)) continue;
    best = { taker, request: chosen };
    bestCopies = chosenCopies;
  }
  return starving ?? best;
}

function comesBefore(a: TurnTaker, aCopies: number, b: TurnTaker, bCopies: number): boolean {
  if (a.isNear !== b.isNear) return a.isNear;
  if (aCopies !== bCopies) return aCopies < bCopies;
  if (a.share.turn !== b.share.turn) return a.share.turn < b.share.turn;
  return a.turn < b.turn;
}

function first(queue: UploadQueue): PieceRequest | undefined {
  for (const request of queue.pieces()) return request;
  return undefined;
}

/** The piece that was sent least often; of several the one that was asked for first. */
function rarest(queue: UploadQueue, first: PieceRequest, copies: Copies): PieceRequest {
  let best = first;
  let fewest = Number.POSITIVE_INFINITY;
  for (const request of queue.pieces()) {
    const sent = copies(request.given.servable.key, request.piece);
    if (sent >= fewest) continue;
    best = request;
    fewest = sent;
    if (sent === 0) break;
  }
  return best;
}

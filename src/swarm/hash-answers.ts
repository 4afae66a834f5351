/**
 * Answers to one peer's HASH REQUESTs (BEP 52): the piece layer of what we offer it, nothing below. It decides what is
 * answered and what is more than a peer may ask for; a proof costs us a hash for every piece of the file, however short
 * the range, so work is counted, not messages. docs/protocol.md "Hash messages".
 */

import { Budget } from '../lib/budget.ts';
import { answerHashRequest } from '../torrent/hash-proof.ts';
import { encodeHashes, type HashRange } from '../wire/message.ts';
import type { Given } from './piece-numbers.ts';

/** Longest range of hashes that is answered. */
const MAX_HASHES_ASKED = 512;
/** Hashes computed or sent for one peer: at once, and a second. The layers of twenty files of 2,048 pieces are 200,000. */
const MOST_AT_ONCE = 200_000;
const A_SECOND = 50_000;
/** For all peers together: a fifth of a core. */
const MOST_FOR_ALL = 1_000_000;
const A_SECOND_FOR_ALL = 200_000;
/** A peer that doesn't read its answers gets no more of them. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** What all peers of a node may cost together. */
export function hashBudgetForAll(nowMs: number): Budget {
  return new Budget(MOST_FOR_ALL, A_SECOND_FOR_ALL, nowMs);
}

export class HashAnswers {
  readonly #own: Budget;
  readonly #all: Budget;

  constructor(all: Budget, nowMs: number) {
    this.#own = new Budget(MOST_AT_ONCE, A_SECOND, nowMs);
    this.#all = all;
  }

  /** HASHES; undefined = HASH REJECT. `given`: the file under that root that is offered on this connection, if there is one. */
  answer(
    range: HashRange,
    given: Given | undefined,
    unreadBytes: number,
    nowMs: number,
  ): Uint8Array | undefined {
    const { pieces, tree } = given?.servable ?? {};
    const isLayer = range.baseLayer === pieces?.layerHeight && range.length <= MAX_HASHES_ASKED;
    if (!pieces || !tree || !isLayer || unreadBytes > MAX_UNREAD_BYTES) return undefined;
    const cost = pieces.count + range.length;
    if (!this.#own.spend(cost, nowMs) || !this.#all.spend(cost, nowMs)) return undefined;
    const hashes = answerHashRequest(tree.layer, range, pieces.treeHeight);
    return hashes && encodeHashes(range, hashes);
  }
}

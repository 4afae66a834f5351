/**
 * When to announce which swarms on the local network: a new one at once, again a second or two later as datagrams get
 * lost, then every five minutes; to a neighbour that is new, too, soon, so that two machines meet whichever started
 * first. Never more than a few datagrams at once and one a second after that, and answers rarer still: when a whole
 * house boots at once it must not shout. Swarms whose time is near go together. Pure but for the times and lots
 * handed in. Spec: BEP 14.
 */
import { Budget } from '../lib/budget.ts';

const INTERVAL_MS = 300_000;
/** Give or take a tenth, so that a house doesn't announce in one moment. */
const SPREAD = 0.1;
const REPEAT_MS = 1_000;
/** A new neighbour is answered within so much for each that there is, so that they don't all speak at once. */
const ANSWER_MS = 60;
/**
 * With more of them it isn't answered: all dial it, and some say themselves before long. An answer must never be what
 * others answer to.
 */
const ANSWERED_UP_TO = 16;
/** Between two announces of one swarm that are answers. */
const ANSWER_GAP_MS = 5_000;
/** Another interface, at most so often. */
const HURRY_GAP_MS = 30_000;
/** Those that are due within this go with one that is. */
const TOGETHER_MS = 60_000;
const ANNOUNCES_AT_ONCE = 4;
const ANNOUNCES_A_SECOND = 1;
const FIRST_MS = 20;

interface Turn {
  nextMs: number;
  /** Announces since it was new. */
  sent: number;
  lastMs: number;
}

export class LsdSchedule {
  readonly #draw: () => number;
  readonly #turns = new Map<string, Turn>();
  readonly #budget: Budget;
  #notBeforeMs = 0;
  #hurriedMs = Number.NEGATIVE_INFINITY;

  /** `draw`: 0 to 1. */
  constructor(nowMs: number, draw: () => number) {
    this.#draw = draw;
    this.#budget = new Budget(ANNOUNCES_AT_ONCE, ANNOUNCES_A_SECOND, nowMs);
  }

  /** The swarms to announce from now on. Returns those that are new. */
  setSwarms(infoHashes: Iterable<string>, nowMs: number): string[] {
    const wanted = new Set(infoHashes);
    for (const infoHash of this.#turns.keys()) if (!wanted.has(infoHash)) this.#turns.delete(infoHash);
    const fresh = [...wanted].filter((infoHash) => !this.#turns.has(infoHash));
    const nextMs = nowMs + FIRST_MS * this.#draw();
    for (const infoHash of fresh)
      this.#turns.set(infoHash, { nextMs, sent: 0, lastMs: Number.NEGATIVE_INFINITY });
    return fresh;
  }

  has(infoHash: string): boolean {
    return this.#turns.has(infoHash);
  }

  /** There is an interface more, on which nobody has heard of us. */
  hurry(nowMs: number): void {
    const atMs = Math.max(nowMs + FIRST_MS * this.#draw(), this.#hurriedMs + HURRY_GAP_MS);
    this.#hurriedMs = atMs;
    for (const turn of this.#turns.values()) {
      turn.nextMs = Math.min(turn.nextMs, atMs);
      turn.sent = 0;
    }
  }

  /** Somebody new is in this swarm, where there are so many now. */
  answer(infoHash: string, neighbours: number, nowMs: number): void {
    const turn = this.#turns.get(infoHash);
    if (!turn || neighbours > ANSWERED_UP_TO) return;
    const soonMs = Math.max(nowMs + ANSWER_MS * neighbours * this.#draw(), turn.lastMs + ANSWER_GAP_MS);
    turn.nextMs = Math.min(turn.nextMs, soonMs);
  }

  /** When `take` is to be called next; Infinity when there is nothing to say. */
  get nextMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const turn of this.#turns.values()) nextMs = Math.min(nextMs, turn.nextMs);
    return Math.max(nextMs, this.#notBeforeMs);
  }

  /** The swarms to announce now, in one go. */
  take(nowMs: number): string[] {
    if (this.nextMs > nowMs) return [];
    if (!this.#budget.spend(1, nowMs)) {
      this.#notBeforeMs = nowMs + 1_000 / ANNOUNCES_A_SECOND;
      return [];
    }
    const due = [...this.#turns].filter(([, { nextMs }]) => nextMs <= nowMs + TOGETHER_MS);
    for (const [, turn] of due) {
      turn.sent += 1;
      turn.lastMs = nowMs;
      turn.nextMs = nowMs + (turn.sent === 1 ? REPEAT_MS * (1 + this.#draw()) : this.#interval());
    }
    return due.map(([infoHash]) => infoHash);
  }

  #interval(): number {
    return INTERVAL_MS * (1 - SPREAD + 2 * SPREAD * this.#draw());
  }
}

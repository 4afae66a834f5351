/**
 * Simulated time for swarms of many. Events run in order of time, those of one moment in the order in which they were
 * asked for, and between two of them every promise that is ready is settled: the same world runs the same way each
 * time. Unlike test/fixtures/virtual-clock.ts it never returns to the event loop, and its timers lie in a heap:
 * millions of events a minute. Whatever needs real time (threads, sockets) has no place beside it.
 */
import { drainMicrotasks } from 'bun:jsc';
import type { Clock } from '../../src/lib/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it has run or was taken back. */
  run: (() => void) | undefined;
}

const START_MS = 1_000_000;
const WALL_AT_START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export class EventClock implements Clock {
  /** A binary heap, the next one first. */
  #heap: Timer[] = [];
  #takenBack = 0;
  #nowMs = START_MS;
  #order = 0;
  /** Events run so far. */
  events = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_AT_START_MS + this.#nowMs - START_MS;
  }

  after(delayMs: number, run: () => void): () => void {
    this.#order += 1;
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, run };
    this.#push(timer);
    return () => {
      if (!timer.run) return;
      timer.run = undefined;
      this.#takenBack += 1;
      if (this.#takenBack > 10_000 && this.#takenBack > this.#heap.length / 2) this.#sweep();
    };
  }

  /** Lets time pass until `isDone`, at most for `limitMs`; without a limit, as long as anything is due. True when done. */
  runUntil(isDone: () => boolean, limitMs = Number.POSITIVE_INFINITY): boolean {
    const endMs = this.#nowMs + limitMs;
    drainMicrotasks();
    while (!isDone()) {
      const next = this.#heap[0];
      if (!next || next.atMs > endMs) {
        if (Number.isFinite(endMs)) this.#nowMs = endMs;
        return false;
      }
      this.#pop();
      const { run } = next;
      if (!run) {
        this.#takenBack -= 1;
        continue;
      }
      next.run = undefined;
      this.#nowMs = next.atMs;
      this.events += 1;
      run();
      drainMicrotasks();
    }
    return true;
  }

  /** Lets `ms` pass. */
  runFor(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /** Resolves `delayMs` from now; rejects with the signal's reason when that is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        takeBack();
        reject(signal?.reason);
      };
      const takeBack = this.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #sweep(): void {
    const left = this.#heap.filter(({ run }) => run !== undefined);
    // Ordered as a whole, it is a heap.
    this.#heap = left.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    this.#takenBack = 0;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Timer;
      if (isBefore(above, timer)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    const { length } = heap;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (isBefore(last, heap[child] as Timer)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

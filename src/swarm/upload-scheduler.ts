/**
 * The uploads of the whole node: one pool for each limit, near and far (which may be one and the same), what the
 * connections of one address have together, and what all peers together may cost. Decides who belongs where; the rest
 * is the pools'.
 */

import type { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import { hashBudgetForAll } from './hash-answers.ts';
import { type PoolTaker, UploadPool } from './upload-pool.ts';
import type { AddressShare } from './upload-turns.ts';

export class UploadScheduler {
  readonly clock: Clock;
  readonly hashBudget: Budget;
  readonly #lan: UploadPool<PoolTaker>;
  readonly #wan: UploadPool<PoolTaker>;
  #isShut = false;
  readonly #shares = new Map<string, { readonly share: AddressShare; connections: number }>();

  constructor(clock: Clock, buckets: { readonly lan: TokenBucket; readonly wan: TokenBucket }) {
    this.clock = clock;
    this.hashBudget = hashBudgetForAll(clock.nowMs());
    this.#lan = new UploadPool(clock, buckets.lan);
    this.#wan = buckets.wan === buckets.lan ? this.#lan : new UploadPool(clock, buckets.wan);
  }

  pool(isNear: boolean): UploadPool<PoolTaker> {
    return isNear ? this.#lan : this.#wan;
  }

  /** What a connection has together with others of its address; to be given back by `leave`. */
  share(addressGroup: string): AddressShare {
    let entry = this.#shares.get(addressGroup);
    if (!entry) {
      entry = { share: { turn: 0, slots: 0 }, connections: 0 };
      this.#shares.set(addressGroup, entry);
    }
    entry.connections += 1;
    return entry.share;
  }

  leave(addressGroup: string): void {
    const entry = this.#shares.get(addressGroup);
    if (!entry) return;
    entry.connections -= 1;
    if (entry.connections === 0) this.#shares.delete(addressGroup);
  }

  /** Whether nobody beyond the local network is given anything (limits/giving.ts). */
  get isShut(): boolean {
    return this.#isShut;
  }

  set isShut(isShut: boolean) {
    this.#isShut = isShut;
    this.#wan.isShut = isShut;
  }

  /** The rate of a bucket is another. */
  ratesChanged(): void {
    this.#lan.rateChanged();
    if (this.#wan !== this.#lan) this.#wan.rateChanged();
  }

  stop(): void {
    this.#lan.stop();
    this.#wan.stop();
  }
}

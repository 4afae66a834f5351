/**
 * How many requests run at once: so many for each host, so many in all, the others wait in the order they came (a
 * host that is full doesn't hold up the others). The total stays below the 256 of Bun's fetch
 * (BUN_CONFIG_MAX_HTTP_REQUESTS): beyond that fetch would queue them silently, with our time-outs running.
 */
interface Waiter {
  readonly host: string;
  readonly start: () => void;
}

export class Slots {
  readonly #perHost: number;
  readonly #total: number;
  readonly #running = new Map<string, number>();
  #runningInAll = 0;
  readonly #queue: Waiter[] = [];

  constructor({ perHost, total }: { perHost: number; total: number }) {
    this.#perHost = perHost;
    this.#total = total;
  }

  /** Resolves with the function that gives the slot back (calling it again does nothing). Rejects when aborted. */
  async take(host: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.#free(host)) await this.#wait(host, signal);
    else this.#occupy(host);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#release(host);
    };
  }

  /** The waiter's slot is occupied for it by the one who releases, so that no newcomer gets in between. */
  #wait(host: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        host,
        start: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(waiter);
    });
  }

  #free(host: string): boolean {
    return this.#runningInAll < this.#total && (this.#running.get(host) ?? 0) < this.#perHost;
  }

  #occupy(host: string): void {
    this.#runningInAll += 1;
    this.#running.set(host, (this.#running.get(host) ?? 0) + 1);
  }

  #release(host: string): void {
    this.#runningInAll -= 1;
    const left = (this.#running.get(host) ?? 1) - 1;
    if (left > 0) this.#running.set(host, left);
    else this.#running.delete(host);
    const next = this.#queue.findIndex((waiter) => this.#free(waiter.host));
    if (next < 0) return;
    const [waiter] = this.#queue.splice(next, 1);
    if (!waiter) return;
    this.#occupy(waiter.host);
    waiter.start();
  }
}

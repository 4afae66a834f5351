/** A tracker that a test plays itself, and a clock that it moves by hand. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { type AnnounceRequest, encodeAnnounceAnswer, parseAnnounceQuery } from '../../src/announce/http.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { HostPort } from '../../src/lib/host-port.ts';

export interface Asked {
  readonly request: AnnounceRequest;
  readonly path: string;
  /** Answers with peers and an interval. */
  give(peers: readonly HostPort[], intervalSeconds?: number): void;
  /** Answers as it likes. */
  readonly response: ServerResponse;
}

export class PlayedTracker implements AsyncDisposable {
  readonly #server = createServer((request, response) => this.#take(request.url ?? '', response));
  readonly #asked: Asked[] = [];
  #waiting: (() => void)[] = [];
  url = '';
  /** Whether `stopped` is for the test to see and to answer, too. */
  playsStopped = false;

  static async start(): Promise<PlayedTracker> {
    const tracker = new PlayedTracker();
    const { promise, resolve } = Promise.withResolvers<void>();
    tracker.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    tracker.url = `http://127.0.0.1:${(tracker.#server.address() as AddressInfo).port}/announce`;
    return tracker;
  }

  /** The next request, when it has come. */
  async asked(): Promise<Asked> {
    while (this.#asked.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    return this.#asked.shift() as Asked;
  }

  get unread(): number {
    return this.#asked.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  #take(url: string, response: ServerResponse): void {
    const [path = '', query = ''] = url.split('?', 2);
    const give: Asked['give'] = (peers, intervalSeconds = 900) => {
      response.end(encodeAnnounceAnswer({ intervalSeconds, ...encodeCompactPeers(peers) }));
    };
    const request = parseAnnounceQuery(query);
    if (request.event === 'stopped' && !this.playsStopped) return give([]);
    this.#asked.push({ request, path, give, response });
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Timers run when `advance` passes them. */
export class HandClock implements Clock {
  #nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];
  #waiting: (() => void)[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    for (const resolve of this.#waiting.splice(0)) resolve();
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { run } of due) run();
  }

  /** In how many milliseconds the next timer is due, when one has been set. */
  async nextMs(): Promise<number> {
    while (this.#timers.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    return Math.min(...this.#timers.map(({ atMs }) => atMs)) - this.#nowMs;
  }
}

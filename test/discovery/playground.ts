/** Trackers that a test plays itself, over HTTP and UDP, and a clock that it moves by hand. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { type AnnounceRequest, encodeAnnounceAnswer, parseAnnounceQuery } from '../../src/announce/http.ts';
import { decodeUdpRequest, type UdpRequest } from '../../src/announce/udp.ts';
import { encodeUdpAnswer, type UdpAnswer } from '../../src/announce/udp-answer.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { HostPort } from '../../src/lib/host-port.ts';

export interface Asked {
  readonly request: AnnounceRequest;
  readonly path: string;
  /** The client's address. */
  readonly from: string;
  /** Answers with peers and an interval. */
  give(peers: readonly HostPort[], intervalSeconds?: number): void;
  /** Answers as it likes. */
  readonly response: ServerResponse;
}

export class PlayedTracker implements AsyncDisposable {
  readonly #server = createServer(({ url = '', socket }, response) =>
    this.#take(url, socket.remoteAddress ?? '', response),
  );
  readonly #asked: Asked[] = [];
  #waiting: (() => void)[] = [];
  url = '';
  readonly #scraped: ServerResponse[] = [];
  /** Whether scrapes are for the test to answer; else there is no such page. */
  playsScrape = false;
  /** Whether `stopped` is for the test to see and to answer, too. */
  playsStopped = false;

  static async start(host = '127.0.0.1'): Promise<PlayedTracker> {
    const tracker = new PlayedTracker();
    const { promise, resolve } = Promise.withResolvers<void>();
    tracker.#server.listen(0, host, resolve);
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

  /** The next scrape, when it has come. */
  async scraped(): Promise<ServerResponse> {
    while (this.#scraped.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    return this.#scraped.shift() as ServerResponse;
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

  #take(url: string, from: string, response: ServerResponse): void {
    const [path = '', query = ''] = url.split('?', 2);
    if (path.startsWith('/scrape')) {
      if (!this.playsScrape) return void response.writeHead(404).end();
      this.#scraped.push(response);
      for (const resolve of this.#waiting.splice(0)) resolve();
      return;
    }
    const give: Asked['give'] = (peers, intervalSeconds = 900) => {
      response.end(encodeAnnounceAnswer({ intervalSeconds, ...encodeCompactPeers(peers) }));
    };
    const request = parseAnnounceQuery(query);
    if (request.event === 'stopped' && !this.playsStopped) return give([]);
    this.#asked.push({ request, path, from, give, response });
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

  /** A timer is set. */
  get isWaiting(): boolean {
    return this.#timers.length > 0;
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

type AnswerTo<T> = T extends { readonly transactionId: number } ? Omit<T, 'transactionId'> : never;

export interface AskedByUdp {
  readonly request: UdpRequest;
  /** The client's port. */
  readonly port: number;
  answer(answer: AnswerTo<UdpAnswer>): void;
  /** Any bytes, to the client. */
  send(bytes: Uint8Array): void;
}

/** Answers `connect` by itself unless told; all else is the test's. */
export class PlayedUdpTracker implements Disposable {
  readonly #asked: AskedByUdp[] = [];
  #waiting: (() => void)[] = [];
  #socket: Bun.udp.Socket<'uint8array'> | undefined;
  playsConnect = false;
  connects = 0;
  /** What it gives as connection id. */
  connectionId = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

  static async start(host = '127.0.0.1'): Promise<PlayedUdpTracker> {
    const tracker = new PlayedUdpTracker();
    tracker.#socket = await Bun.udpSocket({
      hostname: host,
      port: 0,
      binaryType: 'uint8array',
      socket: {
        data: (_socket, bytes, port, address) => tracker.#take(bytes, port, address),
        error: () => {}, // a client that has gone
      },
    });
    return tracker;
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  get url(): string {
    return `udp://127.0.0.1:${this.port}/announce`;
  }

  get unread(): number {
    return this.#asked.length;
  }

  async asked(): Promise<AskedByUdp> {
    while (this.#asked.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    return this.#asked.shift() as AskedByUdp;
  }

  /** What nobody has asked for. */
  sendTo(port: number, what: AnswerTo<UdpAnswer>, transactionId: number): void {
    this.#socket?.send(encodeUdpAnswer({ ...what, transactionId } as UdpAnswer, 4), port, '127.0.0.1');
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
  }

  #take(bytes: Uint8Array, port: number, address: string): void {
    const request = decodeUdpRequest(bytes);
    const family = address.includes(':') ? 6 : 4;
    const send = (answer: Uint8Array) => void this.#socket?.send(answer, port, address);
    const answer: AskedByUdp['answer'] = (what) =>
      send(encodeUdpAnswer({ ...what, transactionId: request.transactionId } as UdpAnswer, family));
    if (request.action === 'connect') {
      this.connects += 1;
      if (!this.playsConnect) return answer({ action: 'connect', connectionId: this.connectionId });
    }
    this.#asked.push({ request, port, answer, send });
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

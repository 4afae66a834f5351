/**
 * Announces this node's swarms to HTTP trackers and hands on the peers that they name. Each swarm is announced at
 * each tracker by itself (announcing.ts says when), few requests at a time; a tracker that is down costs nothing but
 * its own retries. Peers are filtered (dialable.ts), at most 200 an answer. On disposal and for swarms left `stopped`
 * is said, and waited for two seconds at most. Specs: BEP 3, 7, 23.
 */
import {
  type AnnounceAnswer,
  type AnnounceEvent,
  announceUrl,
  decodeAnnounceAnswer,
  peersOf,
} from '../announce/http.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log, quoteRemote } from '../lib/log.ts';
import { Announcing } from './announcing.ts';
import { isDialable, isLoopbackHost } from './dialable.ts';
import { fetchAnswer } from './fetch-answer.ts';

const MAX_IN_FLIGHT = 8;
const MAX_PEERS = 200;
const NUM_WANT = 50;
const STOP_TIMEOUT_MS = 2_000;

const diary = log.withTag('tracker');

export interface TrackerClientOptions {
  /** http and https; others are ignored. */
  readonly urls: readonly string[];
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** TCP port on which we listen for peers. */
  readonly port: number;
  readonly clock: Clock;
  /** Peers that the tracker at `url` named for a swarm (40 hexadecimal digits): IP addresses that may be dialled. */
  readonly found: (infoHash: string, peers: HostPort[], url: string) => void;
  /** Payload bytes since start, over all swarms. */
  readonly totals?: () => { uploaded: number; downloaded: number };
  /** 0 to 1. */
  readonly draw?: () => number;
}

interface Task {
  readonly url: string;
  readonly infoHash: string;
  readonly announcing: Announcing;
  running: boolean;
}

export class TrackerClient implements AsyncDisposable {
  readonly #options: TrackerClientOptions;
  readonly #urls: readonly string[];
  readonly #draw: () => number;
  readonly #tasks = new Map<string, Task>();
  readonly #complete = new Set<string>();
  /** Trackers that failed last time: one line in the log when they begin to, one when they are back. */
  readonly #failing = new Set<string>();
  readonly #abort = new AbortController();
  readonly #goodbyes = new Set<Promise<void>>();
  #inFlight = 0;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  constructor(options: TrackerClientOptions) {
    this.#options = options;
    this.#urls = [...new Set(options.urls)].filter((url) => /^https?:\/\//i.test(url));
    this.#draw = options.draw ?? Math.random;
  }

  /** The swarms to be in from now on (40 hexadecimal digits): new ones are announced at once, others left. */
  setSwarms(infoHashes: Iterable<string>): void {
    if (this.#stopped) return;
    const wanted = new Set(infoHashes);
    for (const [key, task] of this.#tasks) {
      if (wanted.has(task.infoHash)) continue;
      this.#tasks.delete(key);
      this.#complete.delete(task.infoHash);
      this.#sayGoodbye(task);
    }
    for (const infoHash of wanted) {
      for (const url of this.#urls) {
        const key = `${infoHash} ${url}`;
        if (this.#tasks.has(key)) continue;
        const announcing = new Announcing(this.#options.clock.nowMs());
        this.#tasks.set(key, { url, infoHash, announcing, running: false });
      }
    }
    this.#run();
  }

  /** Announces all swarms again, as soon as each tracker allows: we are short of peers. */
  announceNow(): void {
    for (const { announcing } of this.#tasks.values()) announcing.hurry(this.#options.clock.nowMs());
    this.#run();
  }

  /** Nothing is left to download in this swarm: says `completed`, once. (Archive swarms are never complete.) */
  completed(infoHash: string): void {
    if (this.#complete.has(infoHash)) return;
    this.#complete.add(infoHash);
    for (const task of this.#tasks.values()) {
      if (task.infoHash === infoHash) task.announcing.complete(this.#options.clock.nowMs());
    }
    this.#run();
  }

  /** Says `stopped` everywhere, for two seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#abort.abort(new UnavailableError('stopping'));
    for (const task of this.#tasks.values()) this.#sayGoodbye(task);
    this.#tasks.clear();
    await Promise.allSettled(this.#goodbyes);
  }

  /** Starts what is due, and wakes up for what is due next. */
  #run(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#stopped) return;
    const { clock } = this.#options;
    const now = clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const task of this.#tasks.values()) {
      if (task.running) continue;
      if (task.announcing.nextMs > now) nextMs = Math.min(nextMs, task.announcing.nextMs);
      else if (this.#inFlight < MAX_IN_FLIGHT) void this.#announce(task);
      // Beyond that it is started when one of those in flight ends.
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#cancelTimer = clock.after(nextMs - now, () => this.#run());
  }

  async #announce(task: Task): Promise<void> {
    const { url, infoHash, announcing } = task;
    const { clock, found } = this.#options;
    task.running = true;
    this.#inFlight += 1;
    try {
      const answer = await this.#ask(task, announcing.event, this.#abort.signal);
      announcing.answered(answer, clock.nowMs());
      if (this.#failing.delete(url)) diary.info(`${quoteRemote(url)} answers again`);
      if (answer.warning) diary.debug(`${quoteRemote(url)} warns: ${quoteRemote(answer.warning, 200)}`);
      const onLoopback = isLoopbackHost(new URL(url).hostname);
      const peers = peersOf(answer, MAX_PEERS).filter((peer) => isDialable(peer, onLoopback));
      diary.debug(`${quoteRemote(url)} names ${peers.length} peers of ${infoHash}`);
      const isOurs = this.#tasks.get(`${infoHash} ${url}`) === task;
      if (peers.length > 0 && isOurs) found(infoHash, peers, url);
    } catch (error) {
      announcing.failed(clock.nowMs(), this.#draw());
      if (!this.#stopped) this.#noteFailure(url, error);
    } finally {
      this.#inFlight -= 1;
      task.running = false;
      this.#run();
    }
  }

  /** The swarm was left while its announce was on the way: then the tracker may know of us, too. */
  #sayGoodbye(task: Task): void {
    if (!task.announcing.isKnown && !task.running) return;
    const signal = AbortSignal.timeout(STOP_TIMEOUT_MS);
    const goodbye = this.#ask(task, 'stopped', signal)
      .catch(() => {})
      .then(() => {
        this.#goodbyes.delete(goodbye);
      });
    this.#goodbyes.add(goodbye);
  }

  async #ask(
    { url, infoHash, announcing }: Task,
    event: AnnounceEvent | undefined,
    signal: AbortSignal,
  ): Promise<AnnounceAnswer> {
    const { peerId, port, totals } = this.#options;
    const { uploaded, downloaded } = totals?.() ?? { uploaded: 0, downloaded: 0 };
    const { trackerId } = announcing;
    const body = await fetchAnswer(
      announceUrl(url, {
        infoHash: Uint8Array.fromHex(infoHash),
        peerId,
        port,
        uploadedBytes: uploaded,
        downloadedBytes: downloaded,
        // Never 0 before we are complete: many trackers name no seeds to a seed.
        leftBytes: this.#complete.has(infoHash) ? 0 : 1,
        numWant: event === 'stopped' ? 0 : NUM_WANT,
        ...(event && { event }),
        ...(trackerId && { trackerId }),
      }),
      signal,
    );
    const answer = decodeAnnounceAnswer(body);
    if ('failure' in answer) throw new UnavailableError(`it says: ${quoteRemote(answer.failure, 200)}`);
    return answer;
  }

  #noteFailure(url: string, error: unknown): void {
    const isExpected = error instanceof ProtocolError || error instanceof UnavailableError;
    const reason = isExpected ? error.message : error;
    const line = `could not announce to ${quoteRemote(url)}:`;
    if (this.#failing.has(url)) diary.debug(line, reason);
    else diary.warn(line, reason);
    this.#failing.add(url);
  }
}

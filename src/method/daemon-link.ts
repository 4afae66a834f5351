/**
 * The way to the daemon, and whether there is one. It decides when the daemon counts as dead: when it refuses twice, or
 * when a request has been silent and it doesn't even answer for its health, nor says anything else. A slow mirror isn't
 * its death, so silence alone says nothing; nor is it when we ourselves are too busy to hear it. A dead one is asked for
 * its health until it lives.
 */
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';

/** An answer as the daemon gave it, not followed, not unpacked. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Rejects when the answer is cut. Whoever doesn't read it to its end calls leave(). */
  readonly body: AsyncIterable<Uint8Array>;
  leave(): void;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Without a byte for this long, the daemon is asked whether it lives. */
const SILENCE_MS = 1_500;
/** And so long it may take to say so: in ticks, between which whatever has come is heard. */
const HEALTH_TICK_MS = 250;
const HEALTH_TICKS = 8;
/** A dead one is asked again so often. */
const DEAD_MS = 1_000;
/** A daemon that is being restarted refuses for a moment. */
const REFUSED_AGAIN_MS = 400;
/** A daemon that lives and is silent has a mirror that hangs: it should have said so by then. */
const GIVE_UP_MS = 60_000;
/** While we take nothing, as the limit has it, nobody is silent but we. */
const REST_STEP_MS = 1_000;

/** What apt's configuration says of every file. */
export interface Terms {
  /** How long a daemon that lives may send nothing. Default 60 s. */
  readonly giveUpMs?: number | undefined;
  /** For the files of all requests together. */
  readonly bucket?: TokenBucket | undefined;
}

/** The daemon isn't there, or hangs. */
export class DaemonGone extends Error {
  override readonly name = 'DaemonGone';
}

export class DaemonLink {
  readonly #base: string;
  readonly #clock: Clock;
  readonly #fetch: Fetch;
  #isDead = false;
  /** When anything last came from it, for whichever request. */
  #heardMs = Number.NEGATIVE_INFINITY;
  #reviving: (() => void) | undefined;
  #asking: Promise<boolean> | undefined;

  constructor(daemon: HostPort, clock: Clock, fetchIt: Fetch = fetch as Fetch) {
    this.#base = `http://${formatHostPort(daemon)}`;
    this.#clock = clock;
    this.#fetch = fetchIt;
  }

  get isThere(): boolean {
    return !this.#isDead;
  }

  /** Throws DaemonGone, here and while the body is read; other errors are a cut. */
  async get(
    target: string,
    headers: Record<string, string>,
    { giveUpMs = GIVE_UP_MS, bucket }: Terms = {},
  ): Promise<Answer> {
    const watch = new Watch({
      clock: this.#clock,
      giveUpMs,
      isHealthy: () => this.#isHealthy(),
      onHeard: () => this.#heard(),
    });
    try {
      const response = await this.#request(target, headers, watch.signal);
      watch.heard();
      const { status, statusText, headers: fields } = response;
      const body = watched(response, watch, (bytes) => this.#rest(bytes, watch, bucket));
      return { status, statusText, headers: fields, body, leave: () => watch.leave() };
    } catch (error) {
      watch.stop();
      throw watch.signal.aborted ? watch.signal.reason : error;
    }
  }

  async #request(target: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const init = { headers, signal, redirect: 'manual', decompress: false, proxy: false } as RequestInit;
    for (let isSecond = false; ; isSecond = true) {
      try {
        return await this.#fetch(this.#base + target, init);
      } catch (error) {
        if (signal.aborted || !isRefused(error)) throw error;
        if (isSecond || this.#isDead) {
          this.#died();
          throw new DaemonGone('nobody listens there', { cause: error });
        }
        await new Promise<void>((resolve) => this.#clock.after(REFUSED_AGAIN_MS, resolve));
      }
    }
  }

  /** As long as the limit has it after so many bytes. */
  async #rest(bytes: number, watch: Watch, bucket: TokenBucket | undefined): Promise<void> {
    for (let leftMs = bucket?.spend(bytes, this.#clock.nowMs()) ?? 0; leftMs > 0; leftMs -= REST_STEP_MS) {
      const stepMs = Math.min(leftMs, REST_STEP_MS);
      await new Promise<void>((resolve) => this.#clock.after(stepMs, resolve));
      watch.rested();
    }
  }

  /** However many ask, one request. */
  #isHealthy(): Promise<boolean> {
    this.#asking ??= this.#askHealth().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askHealth(): Promise<boolean> {
    const askedMs = this.#clock.nowMs();
    const abort = new AbortController();
    let cancel = () => {};
    const tick = (left: number) => {
      if (left === 0) abort.abort();
      else cancel = this.#clock.after(HEALTH_TICK_MS, () => tick(left - 1));
    };
    tick(HEALTH_TICKS);
    try {
      const init = {
        signal: abort.signal,
        redirect: 'manual',
        proxy: false,
        keepalive: false,
      } as RequestInit;
      const { ok } = await this.#fetch(`${this.#base}/healthz`, init);
      if (ok) this.#heard();
    } catch {
      // Then by what else has come.
    } finally {
      cancel();
    }
    if (this.#heardMs >= askedMs) return true;
    this.#died();
    return false;
  }

  #heard(): void {
    this.#heardMs = this.#clock.nowMs();
    this.#isDead = false;
  }

  #died(): void {
    this.#isDead = true;
    this.#reviving ??= this.#clock.after(DEAD_MS, () => void this.#revive());
  }

  async #revive(): Promise<void> {
    await this.#isHealthy();
    this.#reviving = undefined;
    if (this.#isDead) this.#died();
  }
}

async function* watched(
  response: Response,
  watch: Watch,
  rest: (bytes: number) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) {
      watch.heard();
      yield chunk;
      await rest(chunk.length);
    }
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : error;
  } finally {
    watch.stop();
  }
}

interface WatchOptions {
  readonly clock: Clock;
  readonly giveUpMs: number;
  readonly isHealthy: () => Promise<boolean>;
  readonly onHeard: () => void;
}

/** Of one request: aborts it when the daemon is silent and not well. */
class Watch {
  readonly #abort = new AbortController();
  readonly #options: WatchOptions;
  readonly #clock: Clock;
  #heardMs: number;
  #stopped = false;
  #cancel: (() => void) | undefined;

  constructor(options: WatchOptions) {
    const { clock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#heardMs = clock.nowMs();
    this.#look(SILENCE_MS);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  heard(): void {
    this.#heardMs = this.#clock.nowMs();
    this.#options.onHeard();
  }

  /** It was us that took nothing. */
  rested(): void {
    this.#heardMs = this.#clock.nowMs();
  }

  /** Nothing more will come. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Nobody wants the rest: its connection is closed. */
  leave(): void {
    this.stop();
    this.#abort.abort(new Error('not wanted any more'));
  }

  #look(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => void this.#lookNow());
  }

  async #lookNow(): Promise<void> {
    const silentMs = this.#clock.nowMs() - this.#heardMs;
    if (silentMs < SILENCE_MS) return this.#look(SILENCE_MS - silentMs);
    const wasHeardMs = this.#heardMs;
    const isHealthy = await this.#options.isHealthy();
    if (this.#stopped) return;
    if (wasHeardMs !== this.#heardMs) this.#look(SILENCE_MS);
    else if (!isHealthy) this.#abort.abort(new DaemonGone('it does not answer'));
    else if (silentMs > this.#options.giveUpMs)
      this.#abort.abort(new Error('the daemon sends nothing any more'));
    else this.#look(SILENCE_MS);
  }
}

function isRefused(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ConnectionRefused' || code === 'ECONNREFUSED' || code === 'FailedToOpenSocket';
}

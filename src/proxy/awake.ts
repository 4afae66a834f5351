/**
 * Keeps apt patient: it gives a connection up after 30 s of silence, whatever is on its way there. Who waits for the
 * head of an answer is sent "100 Continue" meanwhile, which apt passes over (RFC 9110 §15.2 has every client do so;
 * only apt is sent any). It decides when; how long an answer may take at all is whileMoving's. Only the first answer of
 * a pipeline may be written, so requests are watched in the order in which they come.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../lib/clock.ts';

/** One connection. */
interface Line {
  /** Answers that aren't out yet, in order. */
  readonly queue: ServerResponse[];
  /** Since when nothing was sent that we know of. */
  quietSinceMs: number;
}

export interface AwakeOptions {
  readonly clock?: Clock;
  /** Silence after which a word is sent. Default 10 s. */
  readonly everyMs?: number;
}

export class Awake {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #lines = new Map<Socket, Line>();
  #isTicking = false;

  constructor({ clock = systemClock, everyMs = 10_000 }: AwakeOptions = {}) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** To be called as requests come. */
  watch({ socket }: IncomingMessage, response: ServerResponse): void {
    const line = this.#lines.get(socket) ?? { queue: [], quietSinceMs: this.#clock.nowMs() };
    this.#lines.set(socket, line);
    line.queue.push(response);
    const out = () => {
      const at = line.queue.indexOf(response);
      if (at < 0) return;
      line.queue.splice(at, 1);
      if (at === 0) line.quietSinceMs = this.#clock.nowMs();
      if (line.queue.length === 0) this.#lines.delete(socket);
    };
    response.once('finish', out);
    response.once('close', out);
    this.#tick();
  }

  #tick(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#clock.after(this.#everyMs / 4, () => {
      this.#isTicking = false;
      const nowMs = this.#clock.nowMs();
      for (const line of this.#lines.values()) {
        const [first] = line.queue;
        if (!first || first.headersSent || nowMs - line.quietSinceMs < this.#everyMs) continue;
        line.quietSinceMs = nowMs;
        if (isApt(first.req)) first.writeContinue();
      }
      if (this.#lines.size > 0) this.#tick();
    });
  }
}

/** "Debian APT-HTTP/1.3 (2.6.2)", by HTTP/1.1. */
function isApt({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.1' && /^Debian APT-/.test(headers['user-agent'] ?? '');
}

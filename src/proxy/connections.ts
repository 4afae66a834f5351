/**
 * How many connections are held, in all and for each client: one that is over the limit is closed before a byte of it
 * is read. This machine's own clients count only to the whole. It decides nothing about requests.
 */
import type { Socket } from 'node:net';
import { isLoopbackHost, plainAddress } from '../lib/address-range.ts';
import { log } from '../lib/log.ts';

export interface ConnectionLimits {
  /** Default 2048. */
  readonly total?: number;
  /** From one address that isn't ours. Default 128: apt has one for each host of its sources. */
  readonly perClient?: number;
}

/** At most one line of log in so long. */
const SAY_AGAIN_MS = 60_000;

export class Connections {
  readonly #total: number;
  readonly #perClient: number;
  readonly #counts = new Map<string, number>();
  #all = 0;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor({ total = 2048, perClient = 128 }: ConnectionLimits = {}) {
    this.#total = total;
    this.#perClient = perClient;
  }

  /** False when it was closed at once. */
  take(socket: Socket): boolean {
    if (socket.destroyed) return false;
    const client = plainAddress(socket.remoteAddress ?? '');
    const held = this.#counts.get(client) ?? 0;
    if (this.#all >= this.#total || (held >= this.#perClient && !isLoopbackHost(client))) {
      socket.destroy();
      this.#say(held >= this.#perClient ? client : 'all clients together');
      return false;
    }
    this.#all += 1;
    this.#counts.set(client, held + 1);
    socket.once('close', () => {
      this.#all -= 1;
      const left = (this.#counts.get(client) ?? 1) - 1;
      if (left > 0) this.#counts.set(client, left);
      else this.#counts.delete(client);
    });
    return true;
  }

  #say(who: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < SAY_AGAIN_MS) return;
    this.#saidMs = nowMs;
    log.withTag('proxy').warn(`too many connections from ${who}: new ones are closed`);
  }
}

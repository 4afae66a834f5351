/**
 * Who was heard on the local network, and in which swarms: also in those that we are not in, as we may join them
 * later. Bounded, the one heard longest ago goes first; forgotten after three announces that didn't come. Decides what
 * is new: an address, a swarm of it, or a program that was started again there (another cookie). Pure but for the
 * times handed in.
 */
import type { HostPort } from '../lib/host-port.ts';
import type { LsdMessage } from './lsd-message.ts';

const MAX_NEIGHBOURS = 256;
/** As many as a node may be in. */
const MAX_SWARMS = 64;
/** Of one address: several nodes may share a machine. */
const MAX_PORTS_A_HOST = 8;
const FORGET_MS = 900_000;
/** A program can't have been started again sooner than this; or one machine could be new all the time. */
const RESTART_MS = 10_000;
/** An address that is known is said again this often, for those who have given it up meanwhile. */
const AGAIN_MS = 30_000;

export interface Speaker {
  readonly at: HostPort;
  /** One program has the same at all its addresses. */
  readonly cookie: string | undefined;
}

interface Neighbour extends Speaker {
  readonly infoHashes: Set<string>;
  readonly bornMs: number;
  heardMs: number;
  saidMs: number;
}

export interface Heard {
  /** Those of the message of which it wasn't known that it is in them. */
  readonly fresh: readonly string[];
  /** Whether its address is to be handed on, for all of the message. */
  readonly isNews: boolean;
}

export class Neighbours {
  /** The one heard longest ago first. */
  readonly #neighbours = new Map<string, Neighbour>();

  /** `mayBeNew`: is asked before somebody new is taken in. Undefined: it isn't. */
  heard(host: string, message: LsdMessage, nowMs: number, mayBeNew: () => boolean): Heard | undefined {
    const { port, cookie, infoHashes } = message;
    const key = `${port} ${host}`;
    let neighbour = this.#neighbours.get(key);
    if (neighbour && isAnother(neighbour, cookie, nowMs)) neighbour = undefined;
    if (!neighbour) {
      if (this.#portsOf(host, port) >= MAX_PORTS_A_HOST || !mayBeNew()) return undefined;
      const saidMs = Number.NEGATIVE_INFINITY;
      neighbour = {
        at: { host, port },
        cookie,
        infoHashes: new Set(),
        bornMs: nowMs,
        heardMs: nowMs,
        saidMs,
      };
    }
    neighbour.heardMs = nowMs;
    this.#neighbours.delete(key);
    this.#neighbours.set(key, neighbour);
    if (this.#neighbours.size > MAX_NEIGHBOURS) this.#dropQuietest();
    const fresh: string[] = [];
    for (const infoHash of infoHashes) {
      if (neighbour.infoHashes.size >= MAX_SWARMS || neighbour.infoHashes.has(infoHash)) continue;
      neighbour.infoHashes.add(infoHash);
      fresh.push(infoHash);
    }
    const isNews = fresh.length > 0 || nowMs - neighbour.saidMs >= AGAIN_MS;
    if (isNews) neighbour.saidMs = nowMs;
    return { fresh, isNews };
  }

  /** Those in this swarm. */
  in(infoHash: string, nowMs: number): Speaker[] {
    return this.#alive(nowMs).filter(({ infoHashes }) => infoHashes.has(infoHash));
  }

  count(nowMs: number): number {
    return this.#alive(nowMs).length;
  }

  #alive(nowMs: number): Neighbour[] {
    return [...this.#neighbours.values()].filter(({ heardMs }) => nowMs - heardMs <= FORGET_MS);
  }

  #portsOf(host: string, except: number): number {
    let ports = 0;
    for (const { at } of this.#neighbours.values()) if (at.host === host && at.port !== except) ports += 1;
    return ports;
  }

  #dropQuietest(): void {
    const [key] = this.#neighbours.keys();
    if (key !== undefined) this.#neighbours.delete(key);
  }
}

/** Whether it can't be the program that was heard there before. */
function isAnother(neighbour: Neighbour, cookie: string | undefined, nowMs: number): boolean {
  const isRestarted = neighbour.cookie !== cookie && nowMs - neighbour.bornMs >= RESTART_MS;
  return isRestarted || nowMs - neighbour.heardMs > FORGET_MS;
}

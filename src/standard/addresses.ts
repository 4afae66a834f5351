/**
 * Where peers of a torrent may be: who is dialled next, and how long after a failure again. Bounded; given addresses are
 * tried for ever, others are forgotten after some failures in a row and named again if they live. Pure but for the times
 * handed in.
 */
import { formatHostPort, type HostPort } from '../lib/host-port.ts';

export interface Address {
  readonly at: HostPort;
  /** 20 bytes in hexadecimal: the swarm for which it was named; undefined: any of the torrent's. */
  readonly infoHash: string | undefined;
  readonly isGiven: boolean;
  /** The peer that told us of it, where it was one. */
  readonly toldBy: string | undefined;
  failures: number;
  nextMs: number;
  /** Being dialled, or connected. */
  isInUse: boolean;
}

const MAX_ADDRESSES = 2_000;
/** Of what one peer has told: so many at a time, so that nobody crowds the others' out. */
const MAX_TOLD_BY_ONE = 100;
const MAX_FAILURES = 3;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 600_000;
/** Given ones are worth more haste. */
const LONGEST_GIVEN_PAUSE_MS = 30_000;

export class Addresses {
  readonly #addresses = new Map<string, Address>();
  readonly #told = new Map<string, number>();
  readonly #draw: () => number;

  constructor(draw: () => number) {
    this.#draw = draw;
  }

  get count(): number {
    return this.#addresses.size;
  }

  add(
    at: HostPort,
    { infoHash, isGiven = false, toldBy }: { infoHash?: string; isGiven?: boolean; toldBy?: string },
    nowMs: number,
  ): void {
    const key = formatHostPort(at);
    if (this.#addresses.has(key) || (this.#addresses.size >= MAX_ADDRESSES && !isGiven)) return;
    if (toldBy !== undefined) {
      const told = this.#told.get(toldBy) ?? 0;
      if (told >= MAX_TOLD_BY_ONE) return;
      this.#told.set(toldBy, told + 1);
    }
    this.#addresses.set(key, { at, infoHash, isGiven, toldBy, failures: 0, nextMs: nowMs, isInUse: false });
  }

  /** One to be dialled now, by lot among those that are due; undefined when none is. */
  next(nowMs: number): Address | undefined {
    const due = [...this.#addresses.values()].filter(({ isInUse, nextMs }) => !isInUse && nextMs <= nowMs);
    const given = due.filter(({ isGiven }) => isGiven);
    const from = given.length > 0 ? given : due;
    return from[Math.floor(this.#draw() * from.length)];
  }

  /** It was dialled, or a peer was lost. `wasGood`: it had shaken hands. */
  ended(address: Address, wasGood: boolean, nowMs: number): void {
    address.isInUse = false;
    address.failures = wasGood ? 1 : address.failures + 1;
    if (!address.isGiven && address.failures > MAX_FAILURES) {
      this.forget(address);
      return;
    }
    const longest = address.isGiven ? LONGEST_GIVEN_PAUSE_MS : LONGEST_PAUSE_MS;
    const first = address.isGiven ? FIRST_PAUSE_MS / 5 : FIRST_PAUSE_MS;
    address.nextMs = nowMs + Math.min(longest, first * 2 ** (address.failures - 1));
  }

  forget(address: Address): void {
    const { at, toldBy } = address;
    if (!this.#addresses.delete(formatHostPort(at)) || toldBy === undefined) return;
    const left = (this.#told.get(toldBy) ?? 1) - 1;
    if (left > 0) this.#told.set(toldBy, left);
    else this.#told.delete(toldBy);
  }
}

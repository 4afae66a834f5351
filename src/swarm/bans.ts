/**
 * Who is banned, why and until when. It decides how long and whom a ban hits; what is worth one is decided where it is
 * proven. A stranger is banned with its address group, for an hour, doubling each time; one on the LAN or given by
 * hand for ten minutes and by its exact address, as a mistake there costs a user their best source.
 * Times are the clock's while we run and the date's on disk (ban-file.ts), so that neither a restart nor a clock that
 * is put right ends or prolongs a ban. Bounded: the ban that ends first makes room.
 */
import type { Clock } from '../lib/clock.ts';
import { addressGroup } from './address.ts';
import { LocalNetwork } from './local-network.ts';

export interface Ban {
  /** The address that was caught. */
  readonly address: string;
  readonly reason: string;
  /** By the clock's `nowMs`. */
  readonly untilMs: number;
  /** How often it was banned, this time included. */
  readonly times: number;
  /** On the LAN or given by hand: only this very address is meant. */
  readonly near: boolean;
}

/** A ban as it is kept over restarts: by the date. */
export interface KeptBan extends Omit<Ban, 'untilMs'> {
  /** Milliseconds since 1970. */
  readonly untilWallMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A user's own machine: long enough to try another source, short enough not to be noticed. */
export const NEAR_BAN_MS = 600_000;
export const FIRST_BAN_MS = HOUR_MS;
/** Addresses change hands. */
export const LONGEST_BAN_MS = 30 * DAY_MS;
/** After so long without another ban the first ones are forgotten, and the next is an hour again. */
export const FORGET_MS = 7 * DAY_MS;
/** About 2 MiB. */
export const MAX_BANS = 10_000;
/** Longest reason that is kept, in characters. */
const MAX_REASON = 200;

export class Bans {
  readonly #clock: Clock;
  readonly #local: LocalNetwork;
  /** By address group; near ones by "=" and their address. Also those that have ended and aren't forgotten. */
  readonly #bans = new Map<string, Ban>();
  #changes = 0;

  constructor(clock: Clock, kept: Iterable<KeptBan> = [], local: LocalNetwork = new LocalNetwork()) {
    this.#clock = clock;
    this.#local = local;
    for (const ban of kept) this.#restore(ban);
  }

  /** Grows with every ban: whoever keeps them sees that there is something to write. */
  get changes(): number {
    return this.#changes;
  }

  add(host: string, reason: string, near: boolean): Ban {
    const now = this.#clock.nowMs();
    const isNear = near || this.#local.has(host);
    const id = idOf(host, isNear);
    const before = this.#bans.get(id);
    const times = (before && now < before.untilMs + FORGET_MS ? before.times : 0) + 1;
    const lengthMs = isNear ? NEAR_BAN_MS : Math.min(LONGEST_BAN_MS, FIRST_BAN_MS * 2 ** (times - 1));
    const ban: Ban = {
      times,
      address: host,
      reason: reason.slice(0, MAX_REASON),
      untilMs: now + lengthMs,
      near: isNear,
    };
    this.#put(id, ban);
    this.#changes += 1;
    return ban;
  }

  /**
   * Whether a connection with this address is refused. `given`: to or from an address that was given by hand; what
   * strangers behind the same address did is not its fault.
   */
  has(host: string, given = false): boolean {
    return (
      this.#inForce(idOf(host, true)) ||
      (!given && !this.#local.has(host) && this.#inForce(idOf(host, false)))
    );
  }

  /** Those in force now. */
  list(): Ban[] {
    const now = this.#clock.nowMs();
    return [...this.#bans.values()].filter((ban) => ban.untilMs > now);
  }

  /** All that is worth keeping over a restart, also those that have ended: the next one is longer. */
  kept(): KeptBan[] {
    const now = this.#clock.nowMs();
    const wall = this.#clock.wallMs();
    return [...this.#bans.values()]
      .filter(({ untilMs }) => untilMs + FORGET_MS > now)
      .map(({ untilMs, ...ban }) => ({ ...ban, untilWallMs: Math.round(wall + untilMs - now) }));
  }

  #restore({ untilWallMs, ...ban }: KeptBan): void {
    const leftMs = Math.min(untilWallMs - this.#clock.wallMs(), ban.near ? NEAR_BAN_MS : LONGEST_BAN_MS);
    if (leftMs + FORGET_MS <= 0) return;
    this.#put(idOf(ban.address, ban.near), { ...ban, untilMs: this.#clock.nowMs() + leftMs });
  }

  #inForce(id: string): boolean {
    const ban = this.#bans.get(id);
    return ban !== undefined && ban.untilMs > this.#clock.nowMs();
  }

  #put(id: string, ban: Ban): void {
    if (this.#bans.size >= MAX_BANS && !this.#bans.has(id)) this.#dropFirstToEnd();
    this.#bans.set(id, ban);
  }

  #dropFirstToEnd(): void {
    let first: [string, Ban] | undefined;
    for (const entry of this.#bans) {
      if (!first || entry[1].untilMs < first[1].untilMs) first = entry;
    }
    if (first) this.#bans.delete(first[0]);
  }
}

function idOf(host: string, near: boolean): string {
  return near ? `=${plain(host)}` : addressGroup(host);
}

/** As sockets show it, and as a mapped address may be written. */
function plain(host: string): string {
  return host.replace(/^::ffff:(?=\d+\.)/i, '').toLowerCase();
}

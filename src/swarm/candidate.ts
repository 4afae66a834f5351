/**
 * One address that may be dialled: who named it, for which swarms, and how it went so far. Decides the pauses between
 * tries and when to give up on it; whose turn it is, is the Dialer's. A stranger's address is a hint and soon
 * forgotten, one given by hand is tried for ever.
 */
import type { HostPort } from '../lib/host-port.ts';
import { isLanAddress } from './address.ts';
import type { Link } from './link.ts';
import type { LocalNetwork } from './local-network.ts';
import { betterOf, isNear, mayNameNeighbours, type Provenance } from './provenance.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_STRANGER_MS = 600_000;
/** Until a swarm of ours that the other end doesn't know is followed by the next. */
const NEXT_SWARM_MS = 20;
/** A stranger's address that failed more often than this in a row is forgotten; they are named again if they live. */
const MAX_FAILURES = 4;
/** A peer's word is worth less than a tracker's: one more try. */
const MAX_FAILURES_HINT = 1;

export class Candidate {
  readonly at: HostPort;
  readonly #local: LocalNetwork;
  /** Swarms it was named for; empty = any of ours. */
  readonly swarms = new Set<string>();
  provenance: Provenance;
  /** The peer that named it, for its share of what is remembered. */
  readonly source: string | undefined;
  /** In a row: connections that failed or came to nothing. */
  failures = 0;
  nextMs: number;
  dialling = false;
  /** Connected now, whoever dialled: not to be dialled. */
  link: Link | undefined;
  /** Since when the first try is under way. */
  hopefulSinceMs: number | undefined;
  /** Who answered when it was dialled last: the address of the connection, and the peer id in hexadecimal. */
  answerer: { readonly host: string; readonly peerId: string } | undefined;
  /** Which of the swarms is to be tried, and how many were in a row without the other end's knowing them. */
  #turn = 0;
  #unknown = 0;

  constructor(at: HostPort, provenance: Provenance, nowMs: number, local: LocalNetwork, source?: string) {
    this.#local = local;
    this.at = at;
    this.provenance = provenance;
    this.source = source;
    this.nextMs = nowMs;
    if (this.isNear) this.hopefulSinceMs = nowMs;
  }

  get isGiven(): boolean {
    return this.provenance === 'given';
  }

  /** On the LAN, by the word of somebody who can tell, or given by hand. */
  get isNear(): boolean {
    const { host } = this.at;
    if (isNear(this.provenance) || isLanAddress(host)) return true;
    return mayNameNeighbours(this.provenance) && this.#local.has(host);
  }

  /** Neither connected nor about to be. */
  get isIdle(): boolean {
    return !this.dialling && this.link === undefined;
  }

  named(provenance: Provenance, infoHash: string | undefined): void {
    this.provenance = betterOf(this.provenance, provenance);
    if (infoHash) this.swarms.add(infoHash);
  }

  /** The swarm to ask for; undefined when none of `ours` is meant. */
  pick(ours: readonly string[]): string | undefined {
    const usable = this.swarms.size > 0 ? ours.filter((s) => this.swarms.has(s)) : ours;
    return usable[this.#turn % Math.max(1, usable.length)];
  }

  /** As if it had just been named. */
  refresh(nowMs: number): void {
    this.nextMs = nowMs;
    this.hopefulSinceMs = nowMs;
    this.failures = 0;
    this.#turn = 0;
    this.#unknown = 0;
  }

  /** It was a peer, and is gone: perhaps only for a moment. */
  lost(nowMs: number): void {
    this.link = undefined;
    this.failures = 1;
    this.#unknown = 0;
    this.pause(nowMs);
  }

  /** It closed without a word: it may be in another of our swarms, so the next one is tried soon. False: give it up. */
  closedUnknown(nowMs: number, ours: number): boolean {
    this.link = undefined;
    this.#turn += 1;
    this.#unknown += 1;
    if (!this.isNear || this.#unknown >= ours) return this.failed(nowMs);
    this.nextMs = nowMs + NEXT_SWARM_MS;
    return true;
  }

  /** False: give it up. */
  failed(nowMs: number): boolean {
    this.failures += 1;
    this.#unknown = 0;
    this.hopefulSinceMs = undefined;
    const most = this.provenance === 'pex' ? MAX_FAILURES_HINT : MAX_FAILURES;
    if (!this.isGiven && this.failures > most) return false;
    this.pause(nowMs);
    return true;
  }

  pause(nowMs: number): void {
    const longest = this.isNear ? LONGEST_PAUSE_MS : LONGEST_PAUSE_STRANGER_MS;
    this.nextMs = nowMs + Math.min(longest, FIRST_PAUSE_MS * 2 ** Math.max(0, this.failures - 1));
  }

  /** It may not be dialled for now. */
  postpone(nowMs: number): void {
    this.nextMs = nowMs + LONGEST_PAUSE_MS;
  }
}

/**
 * Whom to dial, when, and in which swarm: addresses given by hand, and those that trackers name. It decides the
 * order and the pauses between tries; what is spoken is Peer's. Bounded: a stranger can't make it remember or dial
 * more than the limits below. Time-outs are seconds: most addresses of a swarm are dead.
 */
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { Dial, Link } from './link.ts';

const TIMEOUT_MS = 4_000;
const MAX_CANDIDATES = 1_000;
const MAX_DIALLING = 20;
const FIRST_PAUSE_MS = 500;
const NEXT_SWARM_MS = 20;
const LONGEST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_STRANGER_MS = 600_000;
/** A stranger's address that failed this often is forgotten. */
const MAX_FAILURES_STRANGER = 4;
/** A freshly given address is waited for this long by whoever looks for a file (a connection is on its way). */
const HOPEFUL_MS = 250;

interface Candidate {
  readonly at: HostPort;
  readonly given: boolean;
  /** Swarms it was named for; empty = any of ours. */
  readonly swarms: Set<string>;
  /** In a row: connections that failed or came to nothing. */
  failures: number;
  nextMs: number;
  dialling: boolean;
  /** Connected now: not to be dialled. */
  link: Link | undefined;
  /** Since when the first try is under way. */
  hopefulSinceMs: number | undefined;
  /** Which of the swarms is to be tried, and how many were in a row without the other end's knowing them. */
  turn: number;
  unknown: number;
}

export interface DialerHost {
  readonly clock: Clock;
  readonly dial: Dial;
  /** Our swarms, in the order in which to try them on an address given by hand. */
  swarms(): readonly string[];
  /** No more connections are wanted for now. */
  full(): boolean;
  mayDial(at: HostPort): boolean;
  connected(link: Link, infoHash: string, given: boolean): void;
}

export class Dialer {
  readonly #host: DialerHost;
  readonly #candidates = new Map<string, Candidate>();
  #dialling = 0;
  #timer: (() => void) | undefined;
  #stopped = false;

  constructor(host: DialerHost) {
    this.#host = host;
  }

  give(at: HostPort): void {
    this.#add(at, true, undefined);
  }

  found(at: HostPort, infoHash: string): void {
    this.#add(at, false, infoHash);
  }

  isGiven(host: string): boolean {
    for (const candidate of this.#candidates.values()) {
      if (candidate.given && candidate.at.host === host) return true;
    }
    return false;
  }

  /** Our swarms have changed: addresses that had none in common may have one now. */
  swarmsChanged(): void {
    for (const candidate of this.#candidates.values()) {
      if (!candidate.given || candidate.link) continue;
      candidate.nextMs = this.#host.clock.nowMs();
      candidate.hopefulSinceMs = candidate.nextMs;
      candidate.failures = 0;
      candidate.turn = 0;
      candidate.unknown = 0;
    }
    this.#run();
  }

  /** Until when an address given by hand may still turn into a connection that answers. */
  hopefulUntilMs(): number | undefined {
    let until: number | undefined;
    const now = this.#host.clock.nowMs();
    for (const { given, link, hopefulSinceMs } of this.#candidates.values()) {
      if (!given || link || hopefulSinceMs === undefined || hopefulSinceMs + HOPEFUL_MS < now) continue;
      until = Math.max(until ?? 0, hopefulSinceMs + HOPEFUL_MS);
    }
    return until;
  }

  /** A connection that we dialled has ended. `useful`: it got as far as being a peer. */
  ended(link: Link, useful: boolean): void {
    for (const candidate of this.#candidates.values()) {
      if (candidate.link !== link) continue;
      candidate.link = undefined;
      if (useful) this.#lost(candidate);
      else this.#unknown(candidate);
    }
    this.#run();
  }

  /** We, or somebody we are connected to already: never again. */
  forget(link: Link): void {
    for (const [key, candidate] of this.#candidates) {
      if (candidate.link === link) this.#candidates.delete(key);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#candidates.clear();
  }

  #add(at: HostPort, given: boolean, infoHash: string | undefined): void {
    const key = formatHostPort(at);
    let candidate = this.#candidates.get(key);
    if (!candidate) {
      if (!given && this.#candidates.size >= MAX_CANDIDATES) return;
      const nextMs = this.#host.clock.nowMs();
      const hopefulSinceMs = given ? nextMs : undefined;
      const fresh = {
        failures: 0,
        nextMs,
        dialling: false,
        link: undefined,
        hopefulSinceMs,
        turn: 0,
        unknown: 0,
      };
      candidate = { at, given, swarms: new Set<string>(), ...fresh };
      this.#candidates.set(key, candidate);
    }
    if (infoHash) candidate.swarms.add(infoHash);
    this.#run();
  }

  #run(): void {
    if (this.#stopped) return;
    this.#timer?.();
    this.#timer = undefined;
    const now = this.#host.clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    const due: Candidate[] = [];
    for (const candidate of this.#candidates.values()) {
      if (candidate.dialling || candidate.link) continue;
      if (candidate.nextMs <= now) due.push(candidate);
      else nextMs = Math.min(nextMs, candidate.nextMs);
    }
    // Given ones first, then who has waited longest: dead addresses don't keep new ones from their turn.
    due.sort((a, b) => Number(b.given) - Number(a.given) || a.nextMs - b.nextMs);
    for (const candidate of due) {
      if (this.#dialling >= MAX_DIALLING || (this.#host.full() && !candidate.given)) {
        nextMs = Math.min(nextMs, now + 1_000);
        break;
      }
      this.#dial(candidate);
      if (!candidate.dialling) nextMs = Math.min(nextMs, candidate.nextMs);
    }
    if (Number.isFinite(nextMs)) {
      this.#timer = this.#host.clock.after(Math.max(1, nextMs - now), () => this.#run());
    }
  }

  #dial(candidate: Candidate): void {
    const infoHash = this.#pick(candidate);
    if (infoHash === undefined && !candidate.given) {
      this.#candidates.delete(formatHostPort(candidate.at)); // of swarms that we have left
      return;
    }
    if (infoHash === undefined || !this.#host.mayDial(candidate.at)) {
      this.#pause(candidate);
      return;
    }
    candidate.dialling = true;
    this.#dialling += 1;
    this.#host.dial(candidate.at, TIMEOUT_MS).then(
      (link) => {
        this.#dialling -= 1;
        candidate.dialling = false;
        if (this.#stopped) return link.close('stopping');
        candidate.link = link;
        this.#host.connected(link, infoHash, candidate.given);
      },
      () => {
        this.#dialling -= 1;
        candidate.dialling = false;
        candidate.hopefulSinceMs = undefined;
        this.#failed(candidate);
        this.#run();
      },
    );
  }

  #pick(candidate: Candidate): string | undefined {
    const ours = this.#host.swarms();
    const usable = candidate.swarms.size > 0 ? ours.filter((s) => candidate.swarms.has(s)) : ours;
    return usable[candidate.turn % Math.max(1, usable.length)];
  }

  /** It was a peer, and is gone: perhaps only for a moment. */
  #lost(candidate: Candidate): void {
    candidate.failures = 1;
    candidate.unknown = 0;
    this.#pause(candidate);
  }

  /** It closed without a word: it may be in another of our swarms, so the next one is tried soon. */
  #unknown(candidate: Candidate): void {
    candidate.turn += 1;
    candidate.unknown += 1;
    if (!candidate.given || candidate.unknown >= this.#host.swarms().length) return this.#failed(candidate);
    candidate.nextMs = this.#host.clock.nowMs() + NEXT_SWARM_MS;
  }

  #failed(candidate: Candidate): void {
    candidate.failures += 1;
    candidate.unknown = 0;
    if (candidate.given || candidate.failures <= MAX_FAILURES_STRANGER) this.#pause(candidate);
    else this.#candidates.delete(formatHostPort(candidate.at));
  }

  #pause(candidate: Candidate): void {
    const longest = candidate.given ? LONGEST_PAUSE_MS : LONGEST_PAUSE_STRANGER_MS;
    const pauseMs = Math.min(longest, FIRST_PAUSE_MS * 2 ** Math.max(0, candidate.failures - 1));
    candidate.nextMs = this.#host.clock.nowMs() + pauseMs;
  }
}

/**
 * Whom to dial, when, and in which swarm: addresses given by hand, and those that trackers, the LAN and other peers
 * name. It decides the order; the pauses are Candidate's, what is spoken is Peer's, how many we want is Admission's.
 * Near ones first, then those that failed least, then by lot: whoever names many addresses, or the same ones early,
 * can't choose our peers for us. Bounded: a stranger can't make it remember or dial more than the limits below.
 * Time-outs are seconds: most addresses of a swarm are dead.
 */
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { Candidate } from './candidate.ts';
import type { Dial, Link } from './link.ts';
import type { LocalNetwork } from './local-network.ts';
import { betterOf, type Provenance } from './provenance.ts';

const TIMEOUT_MS = 4_000;
const MAX_DIALLING = 20;
/** Strangers are dialled so many in a row, and so many a second after that: a router keeps state for each. */
const STRANGERS_IN_A_ROW = 20;
const STRANGERS_A_SECOND = 10;
/** Addresses not given by hand that are remembered. */
const MAX_CANDIDATES = 1_000;
/** Of these, named by other peers, in all and by one address group: nobody can fill the memory alone. */
const MAX_HINTS = 400;
const MAX_HINTS_A_SOURCE = 100;
/** Far addresses of one host: a port scan by way of us is no use. */
const MAX_PORTS_A_HOST = 3;
/** How much later a peer's hint has its turn than what others name, where a whole failure is 1. */
const HINT_HANDICAP = 0.5;
/** While enough are connected, whether that has changed is looked at when a connection ends, and else this often. */
const RETRY_FULL_MS = 10_000;
/** A freshly named near address is waited for this long by whoever looks for a file (a connection is on its way). */
const HOPEFUL_MS = 250;

export interface DialerHost {
  readonly clock: Clock;
  readonly dial: Dial;
  readonly local: LocalNetwork;
  /** 0 to 1. */
  readonly draw: () => number;
  /** Our swarms, in the order in which to try them on an address given by hand. */
  swarms(): readonly string[];
  /** Whether another stranger, dialled by ourselves, is wanted in this swarm. */
  wants(infoHash: string): boolean;
  /** Whether this very address may be dialled now. */
  mayDial(at: HostPort, provenance: Provenance): boolean;
  connected(link: Link, infoHash: string, provenance: Provenance): void;
}

export class Dialer {
  readonly #host: DialerHost;
  readonly #strangers: Budget;
  readonly #candidates = new Map<string, Candidate>();
  #dialling = 0;
  #timer: (() => void) | undefined;
  #stopped = false;

  constructor(host: DialerHost) {
    this.#host = host;
    this.#strangers = new Budget(STRANGERS_IN_A_ROW, STRANGERS_A_SECOND, host.clock.nowMs());
  }

  give(at: HostPort): void {
    this.#add(at, 'given', undefined, undefined);
  }

  /** `source`: the address group of the peer that named it. */
  found(at: HostPort, infoHash: string, provenance: Provenance, source?: string): void {
    this.#add(at, provenance, infoHash, source);
  }

  /**
   * How the one at this host was met, going by its address alone: enough for limits, not for trust, as others may sit
   * behind the same address.
   */
  expects(host: string): Provenance {
    let best: Provenance = 'inbound';
    for (const { at, answerer, provenance } of this.#candidates.values())
      if (at.host === host || answerer?.host === host) best = betterOf(best, provenance);
    return best;
  }

  /** A connection that we dialled has shown a peer id. */
  answered(link: Link, peerId: string): void {
    const candidate = this.#of(link);
    if (candidate) candidate.answerer = { host: link.remote.host, peerId };
  }

  /**
   * One that dialled us, by its own word about where it listens: it needn't be dialled. It counts as given only when
   * the same peer id answered when we dialled that address: anybody at the same host can name a port.
   */
  recognise(link: Link, listenPort: number, peerId: string): Provenance {
    const { host } = link.remote;
    let best: Provenance = 'inbound';
    for (const candidate of this.#candidates.values()) {
      const { at, answerer } = candidate;
      if (at.port !== listenPort || (at.host !== host && answerer?.host !== host)) continue;
      if (candidate.isGiven && answerer?.peerId !== peerId) continue;
      candidate.link ??= link;
      best = betterOf(best, candidate.provenance);
    }
    return best;
  }

  /** Of two connections with the same peer `kept` stays: it stands for the address that `dropped` did. */
  replace(dropped: Link, kept: Link): Provenance {
    const candidate = this.#of(dropped);
    if (!candidate) return 'inbound';
    candidate.link = kept;
    return candidate.provenance;
  }

  /** Our swarms have changed: addresses that had none in common may have one now. */
  swarmsChanged(): void {
    const now = this.#host.clock.nowMs();
    for (const candidate of this.#candidates.values())
      if (candidate.isNear && !candidate.link) candidate.refresh(now);
    this.#wake();
  }

  /** Until when a near address may still turn into a connection that answers. */
  hopefulUntilMs(): number | undefined {
    let until: number | undefined;
    const now = this.#host.clock.nowMs();
    for (const { link, hopefulSinceMs } of this.#candidates.values()) {
      if (link || hopefulSinceMs === undefined || hopefulSinceMs + HOPEFUL_MS < now) continue;
      until = Math.max(until ?? 0, hopefulSinceMs + HOPEFUL_MS);
    }
    return until;
  }

  /** A connection has ended, whoever dialled. `useful`: it got as far as being a peer. */
  ended(link: Link, useful: boolean): void {
    const now = this.#host.clock.nowMs();
    for (const candidate of this.#candidates.values()) {
      if (candidate.link !== link) continue;
      if (useful) candidate.lost(now);
      else if (!candidate.closedUnknown(now, this.#host.swarms().length)) this.#forget(candidate);
    }
    this.#wake();
  }

  /** We, or somebody who isn't wanted: never again. */
  forget(link: Link): void {
    const candidate = this.#of(link);
    if (candidate) this.#forget(candidate);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#candidates.clear();
  }

  #add(at: HostPort, provenance: Provenance, infoHash: string | undefined, source: string | undefined): void {
    const key = formatHostPort(at);
    let candidate = this.#candidates.get(key);
    if (!candidate) {
      candidate = new Candidate(at, provenance, this.#host.clock.nowMs(), this.#host.local, source);
      if (!candidate.isGiven && !this.#makeRoom(candidate)) return;
      this.#candidates.set(key, candidate);
    }
    candidate.named(provenance, infoHash);
    // It has just spoken itself, so it is worth a try whatever became of the last one.
    if (provenance === 'lan' && candidate.isIdle) candidate.refresh(this.#host.clock.nowMs());
    this.#wake();
  }

  #forget(candidate: Candidate): void {
    this.#candidates.delete(formatHostPort(candidate.at));
  }

  #of(link: Link): Candidate | undefined {
    for (const candidate of this.#candidates.values()) if (candidate.link === link) return candidate;
    return undefined;
  }

  /** False: what was there first stays. Peers' hints make room for what others name. */
  #makeRoom({ at, provenance, source, isNear }: Candidate): boolean {
    let all = 0;
    let hints = 0;
    let ofSource = 0;
    let ofHost = 0;
    let idleHint: Candidate | undefined;
    for (const candidate of this.#candidates.values()) {
      if (candidate.isGiven) continue;
      all += 1;
      if (candidate.at.host === at.host) ofHost += 1;
      if (candidate.provenance !== 'pex') continue;
      hints += 1;
      if (candidate.source === source) ofSource += 1;
      if (candidate.isIdle) idleHint ??= candidate;
    }
    if (!isNear && ofHost >= MAX_PORTS_A_HOST) return false;
    if (provenance === 'pex')
      return hints < MAX_HINTS && ofSource < MAX_HINTS_A_SOURCE && all < MAX_CANDIDATES;
    if (all < MAX_CANDIDATES) return true;
    if (idleHint) this.#forget(idleHint);
    return idleHint !== undefined;
  }

  /** Looks who is due, once for all that happens at one moment. */
  #wake(): void {
    if (!this.#stopped) this.#wakeAt(0);
  }

  #wakeAt(delayMs: number): void {
    this.#timer?.();
    this.#timer = this.#host.clock.after(delayMs, () => this.#run());
  }

  #run(): void {
    this.#timer = undefined;
    const now = this.#host.clock.nowMs();
    let nextMs = this.#dialDue(now);
    for (const candidate of this.#candidates.values())
      if (candidate.isIdle && candidate.nextMs > now) nextMs = Math.min(nextMs, candidate.nextMs);
    if (Number.isFinite(nextMs)) this.#wakeAt(Math.max(1, nextMs - now));
  }

  /** Dials whose turn it is. When to look again at those that are due and that nobody wants now. */
  #dialDue(now: number): number {
    if (this.#dialling >= MAX_DIALLING) return Number.POSITIVE_INFINITY; // the end of one of them comes back here
    const ours = this.#host.swarms();
    let wanted: readonly string[] | undefined;
    const due = new Map<Candidate, number>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const candidate of this.#candidates.values()) {
      if (!candidate.isIdle || candidate.nextMs > now) continue;
      // All peers are counted for it, and mostly nobody is due.
      wanted ??= ours.filter((swarm) => this.#host.wants(swarm));
      if (!candidate.isGiven && candidate.pick(ours) === undefined)
        this.#forget(candidate); // of swarms we have left
      else if (candidate.isNear || candidate.pick(wanted) !== undefined)
        due.set(candidate, this.#turnOf(candidate));
      else nextMs = now + RETRY_FULL_MS;
    }
    while (due.size > 0 && this.#dialling < MAX_DIALLING) {
      const candidate = first(due);
      due.delete(candidate);
      // Near ones come first, so whoever is left is a stranger, too.
      const isDialled = this.#dial(candidate, candidate.pick(candidate.isNear ? ours : (wanted ?? [])), now);
      if (!isDialled) return Math.min(nextMs, now + 1_000 / STRANGERS_A_SECOND);
    }
    return nextMs;
  }

  /** The lowest goes first. */
  #turnOf({ isGiven, isNear, provenance, failures }: Candidate): number {
    if (isGiven) return -2;
    if (isNear) return -1;
    return failures + this.#host.draw() + (provenance === 'pex' ? HINT_HANDICAP : 0);
  }

  /** False: no stranger's turn has come yet. Else it is dialled, or put off. */
  #dial(candidate: Candidate, infoHash: string | undefined, now: number): boolean {
    if (infoHash === undefined) candidate.pause(now);
    else if (!this.#host.mayDial(candidate.at, candidate.provenance)) candidate.postpone(now);
    else if (!candidate.isNear && !this.#strangers.spend(1, now)) return false;
    else this.#dialNow(candidate, infoHash);
    return true;
  }

  #dialNow(candidate: Candidate, infoHash: string): void {
    candidate.dialling = true;
    this.#dialling += 1;
    this.#host.dial(candidate.at, TIMEOUT_MS).then(
      (link) => {
        this.#dialling -= 1;
        candidate.dialling = false;
        if (this.#stopped) return link.close('stopping');
        candidate.link = link;
        this.#host.connected(link, infoHash, candidate.provenance);
        this.#wake();
      },
      () => {
        this.#dialling -= 1;
        candidate.dialling = false;
        if (!candidate.failed(this.#host.clock.nowMs())) this.#forget(candidate);
        this.#wake();
      },
    );
  }
}

function first(turns: ReadonlyMap<Candidate, number>): Candidate {
  let lowest: [Candidate, number] | undefined;
  for (const entry of turns) if (!lowest || entry[1] < lowest[1]) lowest = entry;
  if (!lowest) throw new RangeError('nobody is due');
  return lowest[0];
}

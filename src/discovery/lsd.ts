/**
 * Local service discovery: says on every segment that we are plugged into which swarms we are in, and hears who else
 * is. It decides whom to believe and how much of it: only datagrams to the group, from an address of the very segment,
 * so that the address to dial is one that is there; a bounded number of them, of each source and of all, as anybody
 * plugged in can send any number. When to speak is the schedule's, who is new Neighbours', what goes over which
 * interface LsdPort's. Spec: BEP 14.
 */
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { decodeLsdMessage, encodeLsdMessages, type LsdMessage, MAX_LSD_BYTES } from './lsd-message.ts';
import { LsdSchedule } from './lsd-schedule.ts';
import { Neighbours, type Speaker } from './neighbours.ts';

/** Interfaces are looked at again this often: a cable, another Wi-Fi, a container's bridge; it costs 0.2 ms. */
const REFRESH_MS = 5_000;
/** And while there is none: the machine has just been started, or woken up. */
const REFRESH_NONE_MS = 1_000;
/** Of one address: a client of a hundred ordinary torrents says all of them at once. */
const DATAGRAMS_OF_ONE = 128;
const DATAGRAMS_OF_ONE_A_SECOND = 4;
const DATAGRAMS_OF_ALL = 512;
const DATAGRAMS_OF_ALL_A_SECOND = 64;
const MAX_SOURCES = 256;
/** New neighbours, at once and a second after that: what we can be made to dial. */
const NEWCOMERS = 64;
const NEWCOMERS_A_SECOND = 2;
/** More datagrams than this in a second are no announces: we don't listen for a while. */
const FLOOD_A_SECOND = 2_000;
const DEAF_MS = 10_000;
/** One program speaks by several interfaces and families: so long is waited for the other addresses. */
const GATHER_MS = 10;

const diary = log.withTag('lan');

/** The machine's segments, as LsdSockets has them. */
export interface LsdPort extends Disposable {
  /** Names of the interfaces in use. */
  readonly interfaces: readonly string[];
  /** Looks which there are now. True when there is one more than before. */
  refresh(): boolean;
  /** Whether this source is a machine on one of the segments. */
  isOnSegment(host: string): boolean;
  /** Sends to the group on all segments. `datagrams`: for the group by this name (HOST:PORT). */
  send(datagrams: (group: string) => Uint8Array[]): void;
  /** Hears nothing until the next refresh. */
  deafen(): void;
}

/** `heard`: what came, and from which host; with the zone if it is link-local (fe80::1%eth0). */
export type OpenLsdPort = (heard: (datagram: Uint8Array, host: string) => void) => LsdPort;

export interface LsdOptions {
  /** TCP port on which we listen for peers. */
  readonly port: number;
  readonly open: OpenLsdPort;
  readonly clock: Clock;
  /**
   * One program said that it is in this swarm of ours (40 hexadecimal digits): all addresses at which it was just heard,
   * the one that both ends will prefer first. `isNew`: for the first time.
   */
  readonly found: (infoHash: string, addresses: HostPort[], isNew: boolean) => void;
  /** 0 to 1. */
  readonly draw?: () => number;
}

export interface LsdStatus {
  readonly interfaces: readonly string[];
  /** Nodes, and other BitTorrent clients, heard in the last 15 minutes. */
  readonly neighbours: number;
}

export class Lsd implements Disposable {
  readonly #options: LsdOptions;
  readonly #port: LsdPort;
  readonly #schedule: LsdSchedule;
  readonly #neighbours = new Neighbours();
  readonly #cookie: string;
  readonly #all: Budget;
  readonly #newcomers: Budget;
  /** By address, the one heard longest ago first. */
  readonly #sources = new Map<string, Budget>();
  /** Those to hand on in a moment, by program. */
  readonly #news = new Map<string, News>();
  #second = { sinceMs: 0, datagrams: 0 };
  #isDeaf = false;
  /** Of a flood: whoever sends one goes on with it. */
  #hasWarned = false;
  #cancelTell: (() => void) | undefined;
  #cancelSay: (() => void) | undefined;
  #cancelRefresh: (() => void) | undefined;

  constructor(options: LsdOptions) {
    const { clock, open, draw = Math.random } = options;
    const nowMs = clock.nowMs();
    this.#options = options;
    this.#schedule = new LsdSchedule(nowMs, draw);
    this.#cookie = Math.floor(draw() * 0xffff_ffff).toString(16);
    this.#all = new Budget(DATAGRAMS_OF_ALL, DATAGRAMS_OF_ALL_A_SECOND, nowMs);
    this.#newcomers = new Budget(NEWCOMERS, NEWCOMERS_A_SECOND, nowMs);
    this.#port = open((datagram, host) => this.#heard(datagram, host));
    this.#refresh();
  }

  /** The swarms to be in from now on (40 hexadecimal digits): new ones are announced at once. */
  setSwarms(infoHashes: Iterable<string>): void {
    const nowMs = this.#options.clock.nowMs();
    for (const infoHash of this.#schedule.setSwarms(infoHashes, nowMs))
      for (const speaker of this.#neighbours.in(infoHash, nowMs)) this.#gather(speaker, [infoHash], true);
    this.#plan();
  }

  /** We may not be remembered: announces all as soon as is decent. */
  announceNow(): void {
    this.#schedule.hurry(this.#options.clock.nowMs());
    this.#plan();
  }

  status(): LsdStatus {
    const neighbours = this.#neighbours.count(this.#options.clock.nowMs());
    return { interfaces: this.#port.interfaces, neighbours };
  }

  [Symbol.dispose](): void {
    this.#cancelTell?.();
    this.#cancelSay?.();
    this.#cancelRefresh?.();
    this.#port[Symbol.dispose]();
  }

  #refresh(): void {
    const { clock } = this.#options;
    const before = this.#names();
    if (this.#port.refresh()) this.#schedule.hurry(clock.nowMs());
    const now = this.#names();
    // A host of containers has another set each time that one starts or ends.
    const isNews = (now === '') !== (before === '');
    const line = now === '' ? 'no network' : `looking for nodes on ${now}`;
    if (now !== before) diary[isNews ? 'info' : 'debug'](line);
    this.#isDeaf = false;
    this.#refreshAfter(now === '' ? REFRESH_NONE_MS : REFRESH_MS);
    this.#plan();
  }

  #names(): string {
    return this.#port.interfaces.toSorted().join(', ');
  }

  #refreshAfter(delayMs: number): void {
    this.#cancelRefresh?.();
    this.#cancelRefresh = this.#options.clock.after(delayMs, () => this.#refresh());
  }

  #plan(): void {
    const { clock } = this.#options;
    this.#cancelSay?.();
    this.#cancelSay = undefined;
    const { nextMs } = this.#schedule;
    if (Number.isFinite(nextMs))
      this.#cancelSay = clock.after(Math.max(0, nextMs - clock.nowMs()), () => this.#say());
  }

  #say(): void {
    const { clock, port } = this.#options;
    const infoHashes = this.#schedule.take(clock.nowMs());
    if (infoHashes.length > 0) {
      this.#port.send((group) => encodeLsdMessages(group, { port, infoHashes, cookie: this.#cookie }));
      diary.debug(`announced ${infoHashes.length} swarms`);
    }
    this.#plan();
  }

  /** Nothing is logged of what isn't believed: whoever is plugged in could fill the log. */
  #heard(datagram: Uint8Array, host: string): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#isDeaf || this.#isFlood(nowMs)) return;
    if (datagram.length > MAX_LSD_BYTES || !this.#port.isOnSegment(host)) return;
    if (!this.#budgetOf(host, nowMs).spend(1, nowMs) || !this.#all.spend(1, nowMs)) return;
    const message = tryDecode(datagram);
    if (!message || message.cookie === this.#cookie) return;
    this.#meet(host, message, nowMs);
  }

  #meet(host: string, message: LsdMessage, nowMs: number): void {
    const mayBeNew = () => this.#newcomers.spend(1, nowMs);
    const heard = this.#neighbours.heard(host, message, nowMs, mayBeNew);
    if (!heard) return;
    const at = { host, port: message.port };
    const ours = message.infoHashes.filter((infoHash) => this.#schedule.has(infoHash));
    const fresh = ours.filter((infoHash) => heard.fresh.includes(infoHash));
    if (heard.isNews && ours.length > 0) this.#gather({ at, cookie: message.cookie }, ours, fresh.length > 0);
    if (fresh.length === 0) return;
    diary.debug(`${formatHostPort(at)} is in ${ours.length} swarms of ours`);
    for (const infoHash of fresh)
      this.#schedule.answer(infoHash, this.#neighbours.in(infoHash, nowMs).length, nowMs);
    this.#plan();
  }

  /** Its addresses are handed on together, in a moment. */
  #gather({ at, cookie }: Speaker, infoHashes: readonly string[], isFresh: boolean): void {
    const key = cookie === undefined ? formatHostPort(at) : `${cookie} ${at.port}`;
    const news = this.#news.get(key) ?? { addresses: [], infoHashes: new Set(), isFresh: false };
    news.addresses.push(at);
    for (const infoHash of infoHashes) news.infoHashes.add(infoHash);
    news.isFresh ||= isFresh;
    this.#news.set(key, news);
    this.#cancelTell ??= this.#options.clock.after(GATHER_MS, () => this.#tell());
  }

  #tell(): void {
    this.#cancelTell = undefined;
    const all = [...this.#news.values()];
    this.#news.clear();
    for (const { addresses, infoHashes, isFresh } of all) {
      addresses.sort((a, b) => rankOf(a) - rankOf(b) || (a.host < b.host ? -1 : 1));
      for (const infoHash of infoHashes) this.#options.found(infoHash, addresses, isFresh);
    }
  }

  /** Counts one. Decoding is cheap, but taking a hundred thousand a second from the kernel isn't. */
  #isFlood(nowMs: number): boolean {
    if (nowMs - this.#second.sinceMs >= 1_000) this.#second = { sinceMs: nowMs, datagrams: 0 };
    this.#second.datagrams += 1;
    if (this.#second.datagrams <= FLOOD_A_SECOND) return false;
    const line = `more than ${FLOOD_A_SECOND} announces a second: not listening for ${DEAF_MS / 1000} s`;
    if (this.#hasWarned) diary.debug(line);
    else diary.warn(line);
    this.#hasWarned = true;
    this.#isDeaf = true;
    this.#second = { sinceMs: nowMs, datagrams: 0 };
    this.#port.deafen();
    this.#refreshAfter(DEAF_MS);
    return true;
  }

  #budgetOf(host: string, nowMs: number): Budget {
    const budget = this.#sources.get(host) ?? new Budget(DATAGRAMS_OF_ONE, DATAGRAMS_OF_ONE_A_SECOND, nowMs);
    this.#sources.delete(host);
    this.#sources.set(host, budget);
    if (this.#sources.size > MAX_SOURCES) {
      const [quietest] = this.#sources.keys();
      if (quietest !== undefined) this.#sources.delete(quietest);
    }
    return budget;
  }
}

interface News {
  readonly addresses: HostPort[];
  readonly infoHashes: Set<string>;
  isFresh: boolean;
}

/** IPv4 first, and link-local last: it costs a zone. */
function rankOf({ host }: HostPort): number {
  if (!host.includes(':')) return 0;
  return host.includes('%') ? 2 : 1;
}

function tryDecode(datagram: Uint8Array): LsdMessage | undefined {
  try {
    return decodeLsdMessage(datagram);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

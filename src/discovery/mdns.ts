/**
 * Answers on every segment who asks for an APT proxy by multicast DNS, and says at the start and at the end that there is
 * one. It decides when: an answer a moment later, so that not all speak at once, the same thing once a second at most; and
 * how much is listened to, as anybody plugged in can send any number of datagrams. Questions are answered to the group,
 * also those that would have an answer for themselves. What is said is MdnsService's, over which interface MdnsPort's. A
 * daemon of the system that answers on the same port (avahi, systemd-resolved) goes on doing so. Spec: RFC 6762.
 */
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { Asked, MdnsService } from './mdns-service.ts';

/** Interfaces are looked at again this often. */
const REFRESH_MS = 5_000;
/** RFC 6762 §6: of what others may answer, too. */
const DELAY_MIN_MS = 20;
const DELAY_MAX_MS = 120;
/** RFC 6762 §6: the same record on one segment. */
const REPEAT_MS = 1_000;
/** Questions that are read, at once and a second after that. */
const READ_AT_ONCE = 64;
const READ_A_SECOND = 16;
/** More than this in a second is a flood: we don't listen for a while. */
const FLOOD_A_SECOND = 2_000;
const DEAF_MS = 10_000;

const diary = log.withTag('lan');

export interface MdnsSegment {
  /** "eth0" */
  readonly name: string;
  /** This machine's IPv4 addresses there, at which the service is. */
  readonly addresses: readonly string[];
}

export interface MdnsPort extends Disposable {
  readonly segments: readonly MdnsSegment[];
  /** Looks which there are now; those that are new, or have another address than before. */
  refresh(): MdnsSegment[];
  /** The one that this source is plugged into. */
  segmentOf(host: string): MdnsSegment | undefined;
  /** Resolves when it has left, or can't; never rejects. */
  send(segment: MdnsSegment, datagram: Uint8Array): Promise<void>;
  /** Hears nothing until the next refresh. */
  deafen(): void;
}

export type OpenMdnsPort = (heard: (datagram: Uint8Array, host: string) => void) => MdnsPort;

export interface MdnsOptions {
  readonly service: MdnsService;
  readonly open: OpenMdnsPort;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly draw?: () => number;
}

interface Turn {
  /** Asked for, and not yet said. */
  readonly due: Set<Asked>;
  /** When it was last said. */
  readonly saidMs: Map<Asked, number>;
  cancel: (() => void) | undefined;
}

export class Mdns implements AsyncDisposable {
  readonly #options: MdnsOptions;
  readonly #port: MdnsPort;
  readonly #reading: Budget;
  /** By name of the segment. */
  readonly #turns = new Map<string, Turn>();
  readonly #cancels = new Set<() => void>();
  #second = { sinceMs: 0, datagrams: 0 };
  #isDeaf = false;

  constructor(options: MdnsOptions) {
    const { clock, open } = options;
    this.#options = options;
    this.#reading = new Budget(READ_AT_ONCE, READ_A_SECOND, clock.nowMs());
    this.#port = open((datagram, host) => this.#heard(datagram, host));
    this.#refresh();
  }

  /** Says goodbye. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    for (const { cancel } of this.#turns.values()) cancel?.();
    const { service } = this.#options;
    const { segments } = this.#port;
    await Promise.all(
      segments.map((segment) => this.#port.send(segment, service.goodbye(segment.addresses))),
    );
    this.#port[Symbol.dispose]();
  }

  #refresh(): void {
    const fresh = this.#port.refresh();
    const names = new Set(this.#port.segments.map(({ name }) => name));
    for (const [name, { cancel }] of this.#turns) {
      if (names.has(name)) continue;
      cancel?.();
      this.#turns.delete(name);
    }
    for (const segment of fresh) {
      this.#announce(segment);
      this.#in(REPEAT_MS, () => this.#announce(segment));
    }
    this.#in(REFRESH_MS, () => this.#refresh());
  }

  #announce(segment: MdnsSegment): void {
    if (this.#port.segments.includes(segment))
      void this.#port.send(segment, this.#options.service.announcement(segment.addresses));
  }

  #heard(datagram: Uint8Array, host: string): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#isDeaf || this.#isFlood(nowMs)) return;
    const { service } = this.#options;
    if (!service.concerns(datagram)) return;
    const segment = this.#port.segmentOf(host);
    if (segment === undefined || !this.#reading.spend(1, nowMs)) return;
    const asked = service.asked(datagram);
    if (asked.size > 0) this.#answerLater(segment.name, asked, nowMs);
  }

  #answerLater(name: string, asked: ReadonlySet<Asked>, nowMs: number): void {
    const turn = this.#turns.get(name) ?? { due: new Set(), saidMs: new Map(), cancel: undefined };
    this.#turns.set(name, turn);
    for (const one of asked) {
      if (nowMs - (turn.saidMs.get(one) ?? Number.NEGATIVE_INFINITY) >= REPEAT_MS) turn.due.add(one);
    }
    if (turn.due.size === 0 || turn.cancel) return;
    const { clock, draw = Math.random } = this.#options;
    const delayMs = DELAY_MIN_MS + draw() * (DELAY_MAX_MS - DELAY_MIN_MS);
    turn.cancel = clock.after(delayMs, () => {
      turn.cancel = undefined;
      const segment = this.#port.segments.find((one) => one.name === name);
      if (segment) void this.#port.send(segment, this.#options.service.answer(turn.due, segment.addresses));
      for (const one of turn.due) turn.saidMs.set(one, clock.nowMs());
      turn.due.clear();
    });
  }

  #isFlood(nowMs: number): boolean {
    if (nowMs - this.#second.sinceMs >= 1000) this.#second = { sinceMs: nowMs, datagrams: 0 };
    this.#second.datagrams += 1;
    if (this.#second.datagrams <= FLOOD_A_SECOND) return false;
    diary.debug('a flood of multicast DNS: not heard for a while');
    this.#isDeaf = true;
    this.#port.deafen();
    this.#in(DEAF_MS, () => {
      this.#isDeaf = false;
    });
    return true;
  }

  #in(delayMs: number, run: () => void): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }
}

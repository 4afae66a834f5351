/**
 * Links between simulated nodes: who can dial whom (NAT), and streams over their lines (line.ts). The payload of a PIECE
 * is zeros and goes as a length, everything else byte by byte.
 */
import type { HostPort } from '../../src/lib/host-port.ts';
import type { Dial, Link, LinkEvents, Listen } from '../../src/swarm/link.ts';
import { MessageId } from '../../src/wire/message.ts';
import { readU32 } from '../../src/wire/u32.ts';
import type { EventClock } from './event-clock.ts';
import { type Line, type Parcel, Stream, type StreamEvents } from './line.ts';
import { ZEROS } from './zeros.ts';

const PIECE_HEAD_BYTES = 13;
/** What a sender's system takes beyond what is on the line. */
const SEND_BUFFER_BYTES = 128 * 1024;
const MIN_PAYLOAD_BYTES = 512;

interface Place {
  readonly line: Line;
  readonly isBehindNat: boolean;
  accept: ((link: Link) => void) | undefined;
  readonly links: Set<SimLink>;
}

export class SimNetwork {
  readonly clock: EventClock;
  readonly #places = new Map<string, Place>();
  #nextPort = 1_024;
  /** Bytes of PIECE payload, and of all else, that links have sent. */
  payloadBytes = 0;
  otherBytes = 0;

  constructor(clock: EventClock) {
    this.clock = clock;
  }

  /** A node moves in at `host`. */
  add(host: string, line: Line, isBehindNat: boolean): { readonly dial: Dial; readonly listen: Listen } {
    const place: Place = { line, isBehindNat, accept: undefined, links: new Set() };
    this.#places.set(host, place);
    return {
      dial: (to, timeoutMs) => this.#dial(host, place, to, timeoutMs),
      listen: (at, accept) => {
        place.accept = accept;
        return { address: { host, port: at.port }, close: () => this.#places.delete(host) };
      },
    };
  }

  /**
   * The node's machine is gone. `silent`: as when its power fails, nobody is told; else its system says so, as when the
   * process was killed.
   */
  remove(host: string, silent: boolean): void {
    const place = this.#places.get(host);
    if (!place) return;
    this.#places.delete(host);
    if (!silent) for (const link of [...place.links]) link.close('killed');
    // What a killed process has said last still goes out.
    this.clock.after(silent ? 0 : place.line.shape.latencyMs * 4 + 1_000, () => {
      place.line.isDown = true;
    });
  }

  async #dial(host: string, from: Place, to: HostPort, timeoutMs: number): Promise<Link> {
    const target = this.#places.get(to.host);
    const latencyMs = from.line.shape.latencyMs + (target?.line.shape.latencyMs ?? 0);
    if (!target || target.isBehindNat || 2 * latencyMs > timeoutMs) {
      await this.clock.sleep(timeoutMs);
      throw new Error(`no answer within ${timeoutMs} ms`);
    }
    await this.clock.sleep(2 * latencyMs);
    const { accept } = target;
    if (!accept || this.#places.get(to.host) !== target) throw new Error('refused');
    this.#nextPort += 1;
    const ours = new SimLink(this, from, to);
    const theirs = new SimLink(this, target, { host, port: this.#nextPort });
    ours.join(theirs, from.line, target.line);
    theirs.join(ours, target.line, from.line);
    accept(theirs);
    return ours;
  }
}

class SimLink implements Link, StreamEvents {
  readonly remote: HostPort;
  readonly #network: SimNetwork;
  readonly #place: Place;
  #other: SimLink | undefined;
  #stream: Stream | undefined;
  #events: LinkEvents | undefined;
  #isClosed = false;
  #isPaused = false;
  /** What has come while nobody reads. */
  #held: Parcel[] | undefined;
  #wasFull = false;

  constructor(network: SimNetwork, place: Place, remote: HostPort) {
    this.#network = network;
    this.#place = place;
    this.remote = remote;
    place.links.add(this);
  }

  join(other: SimLink, from: Line, to: Line): void {
    this.#other = other;
    this.#stream = new Stream(from, to, this);
  }

  get queuedBytes(): number {
    return Math.max(0, (this.#stream?.queuedBytes ?? 0) - SEND_BUFFER_BYTES);
  }

  attach(events: LinkEvents): void {
    this.#events = events;
    this.#handOn();
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const payloadBytes = bytes.length - PIECE_HEAD_BYTES;
    const isPiece =
      payloadBytes >= MIN_PAYLOAD_BYTES &&
      bytes[4] === MessageId.piece &&
      readU32(bytes, 0) === bytes.length - 4;
    if (isPiece) {
      this.#network.payloadBytes += payloadBytes;
      this.#network.otherBytes += PIECE_HEAD_BYTES;
      this.#stream?.push(bytes.slice(0, PIECE_HEAD_BYTES), payloadBytes);
    } else {
      this.#network.otherBytes += bytes.length;
      this.#stream?.push(bytes.slice(), 0);
    }
    if (this.queuedBytes > 0) this.#wasFull = true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#handOn();
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    const other = this.#other;
    this.#network.clock.after(this.#stream?.latencyMs ?? 0, () => {
      if (!this.#place.line.isDown) other?.finish('closed by the peer');
    });
    this.finish(reason);
  }

  finish(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#place.links.delete(this);
    this.#stream?.cut();
    this.#held = undefined;
    this.#events?.closed(reason);
  }

  /** What this end has sent has come to the other. */
  arrived(head: Uint8Array | undefined, zeroBytes: number): void {
    const other = this.#other;
    if (other) other.#take({ head, zeroBytes });
  }

  #take(parcel: Parcel): void {
    if (this.#isClosed) return;
    if (!this.#isPaused && this.#events && !this.#held) return this.#give(this.#events, parcel);
    this.#held ??= [];
    this.#held.push(parcel);
  }

  #give(events: LinkEvents, { head, zeroBytes }: Parcel): void {
    if (head) events.data(head);
    for (let left = zeroBytes; left > 0 && !this.#isClosed; left -= ZEROS.length)
      events.data(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }

  #handOn(): void {
    while (this.#held && this.#events && !this.#isPaused && !this.#isClosed) {
      const next = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (next) this.#give(this.#events, next);
    }
  }

  /** The system has taken all that was handed to it, and had not before: a socket's drain event. */
  left(): void {
    if (!this.#wasFull || this.#isClosed || this.queuedBytes > 0) return;
    this.#wasFull = false;
    this.#events?.drained();
  }
}

/**
 * The tracker's UDP door, on the port of the HTTP one: takes datagrams, and sends the answers of one round of the
 * event loop in one call (udp-respond.ts makes them). The peer's address is the socket's; an IPv4 address in IPv6
 * clothes, as a dual-stack socket shows it, is an IPv4 peer. An answer that the kernel doesn't take is dropped:
 * clients ask again (BEP 15).
 */
import type { udp } from 'bun';
import { parseIp, unmapIpv4 } from '../announce/ip-address.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { ConnectionIds } from './connection-ids.ts';
import { couldNotListen } from './http.ts';
import type { Tracker } from './tracker.ts';
import { respondToDatagram } from './udp-respond.ts';

/** Answers that wait for the end of the round at most. */
const MAX_BATCH = 256;

export interface UdpDoorOptions {
  readonly tracker: Tracker;
  readonly ids: ConnectionIds;
  readonly listen: HostPort;
}

export class UdpDoor implements Disposable {
  readonly #tracker: Tracker;
  readonly #ids: ConnectionIds;
  readonly #listen: HostPort;
  readonly #local: () => Uint8Array | undefined;
  #socket: udp.Socket<'buffer'> | undefined;
  /** Data, port and address by turns, as sendMany takes them. */
  #batch: (Uint8Array | number | string)[] = [];

  /** Throws UnavailableError when the address can't be had. */
  static async open(options: UdpDoorOptions): Promise<UdpDoor> {
    const door = new UdpDoor(options);
    await door.#open();
    return door;
  }

  private constructor({ tracker, ids, listen }: UdpDoorOptions) {
    this.#tracker = tracker;
    this.#ids = ids;
    this.#listen = listen;
    const bound = parseIp(listen.host);
    // On a socket that listens on all addresses nothing tells which of them was used.
    const local = bound?.some((byte) => byte !== 0) ? unmapIpv4(bound) : undefined;
    this.#local = () => local;
  }

  async #open(): Promise<void> {
    const { host: hostname, port } = this.#listen;
    try {
      this.#socket = await Bun.udpSocket({
        hostname,
        port,
        socket: {
          data: (_, bytes, fromPort, fromAddress) => this.#take(bytes, fromPort, fromAddress),
          // What ICMP tells about an earlier answer.
          error: () => {},
        },
      });
    } catch (cause) {
      throw couldNotListen(this.#listen, cause);
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #take(bytes: Uint8Array, port: number, text: string): void {
    const address = parseIp(text);
    if (!address || port === 0) return;
    const from = { address: unmapIpv4(address), local: this.#local };
    const answer = respondToDatagram(this.#tracker, this.#ids, bytes, from);
    if (!answer) return;
    if (this.#batch.length === 0) setImmediate(() => this.#flush());
    this.#batch.push(answer, port, text);
    if (this.#batch.length >= 3 * MAX_BATCH) this.#flush();
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    try {
      this.#socket?.sendMany(batch);
    } catch {
      // An address that can't be sent to (0.0.0.0, a route that is gone): the others by themselves.
      for (let i = 0; i < batch.length; i += 3) this.#sendOne(batch.slice(i, i + 3));
    }
  }

  #sendOne([bytes, port, address]: (Uint8Array | number | string)[]): void {
    try {
      this.#socket?.send(bytes as Uint8Array, port as number, address as string);
    } catch {
      // As if the network had lost it.
    }
  }
}

/**
 * What the DHT's library takes for a dgram.Socket: what it sends goes to the gate (dht-gate.ts), and only what the gate
 * lets through is a message to it. One for each node id; the UDP port itself stays.
 */
import { EventEmitter } from 'node:events';
import { encode } from '../bencode/encode.ts';
import type { BInputDict } from '../bencode/value.ts';
import type { HostPort } from '../lib/host-port.ts';

type Put = (line: DhtLine, message: Uint8Array, to: HostPort) => void;

/** What the library takes for a dgram.Socket. */
export class DhtLine extends EventEmitter {
  readonly #put: Put;

  constructor(put: Put) {
    super();
    this.#put = put;
  }

  /** As dgram.Socket.send() with an offset. */
  send(bytes: Uint8Array, _offset: number, _length: number, port: number, host: string): void {
    this.#put(this, bytes, { host, port });
  }

  close(): void {
    queueMicrotask(() => this.emit('close'));
  }

  /** Never in the same turn as a send(): the library counts a query after it has sent it. */
  deliver(message: BInputDict, { host, port }: HostPort): void {
    const bytes = Buffer.from(encode(message));
    queueMicrotask(() =>
      this.emit('message', bytes, { address: host, port, family: 'IPv4', size: bytes.length }),
    );
  }
}

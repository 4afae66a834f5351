/** Somebody with a UDP port who speaks KRPC as a test likes: honest or not. Each on a loopback address of its own. */
import { createSocket, type Socket } from 'node:dgram';
import { decodeDict } from '../../src/bencode/decode.ts';
import { encode } from '../../src/bencode/encode.ts';
import { getBytes, getDict, getText } from '../../src/bencode/fields.ts';
import type { BDict, BInputDict } from '../../src/bencode/value.ts';
import type { HostPort } from '../../src/lib/host-port.ts';

export interface HeardPacket {
  readonly message: BDict;
  readonly from: HostPort;
}

/** The answer's `r` (and what stands beside it) to a query; undefined for silence. */
export type Answering = (
  method: string,
  a: BDict,
  from: HostPort,
) => { r: BInputDict; more?: BInputDict } | undefined;

export class Stranger implements AsyncDisposable {
  readonly #socket: Socket;
  readonly heard: HeardPacket[] = [];
  readonly id: Uint8Array;

  static async on(host: string, answering?: Answering): Promise<Stranger> {
    const socket = createSocket('udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject);
    socket.bind(0, host, resolve);
    await promise;
    return new Stranger(socket, answering);
  }

  private constructor(socket: Socket, answering?: Answering) {
    this.#socket = socket;
    this.id = crypto.getRandomValues(new Uint8Array(20));
    socket.on('error', () => {});
    socket.on('message', (datagram, { address: host, port }) => {
      const message = decodeDict(datagram);
      this.heard.push({ message, from: { host, port } });
      if (getText(message, 'y') !== 'q') return;
      const said = answering?.(getText(message, 'q'), getDict(message, 'a'), { host, port });
      if (!said) return;
      const r = { id: this.id, ...said.r };
      this.say({ t: getBytes(message, 't'), y: 'r', ...said.more, r }, { host, port });
    });
  }

  get at(): HostPort {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  say(message: BInputDict | Uint8Array, to: HostPort): void {
    const bytes = message instanceof Uint8Array ? message : encode(message);
    this.#socket.send(bytes, to.port, to.host, () => {});
  }

  ask(q: string, a: BInputDict, to: HostPort, more: BInputDict = {}): void {
    this.say({ t: 'tt', y: 'q', q, a: { id: this.id, ...a }, ...more }, to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(() => resolve());
    await promise;
  }
}

/** A node in compact form. */
export function compactNode(id: Uint8Array, { host, port }: HostPort): Uint8Array {
  return Uint8Array.from([...id, ...host.split('.').map(Number), port >>> 8, port & 0xff]);
}

/** Honest but for what it isn't asked: knows nobody, keeps nothing. */
export const knowsNobody: Answering = () => ({ r: { nodes: new Uint8Array(), token: 'token' } });

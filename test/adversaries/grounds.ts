/** The two grounds that adversaries stand on: the network in memory, and loopback addresses of this machine. */
import { connect, createServer, type Socket } from 'node:net';
import { systemClock } from '../../src/lib/clock.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import type { Link, LinkEvents } from '../../src/swarm/link.ts';
import type { MemoryNetwork } from '../fixtures/memory-network.ts';
import { PEER_PORT } from '../fixtures/memory-node.ts';
import type { Ground } from './hostile.ts';

const DIAL_TIMEOUT_MS = 4_000;

export function memoryGround(network: MemoryNetwork, host: string): Ground {
  const { dial, listen } = network.node(host);
  const listening: { close(): void }[] = [];
  return {
    clock: network.clock,
    host,
    dial: (to) => dial(to, DIAL_TIMEOUT_MS),
    async listen(accept) {
      const listener = listen({ host, port: PEER_PORT }, accept);
      listening.push(listener);
      return listener.address;
    },
    async leave() {
      for (const listener of listening) listener.close();
    },
  };
}

/** On loopback, or any address of this machine; port 0 finds a free one. */
export function tcpGround(host: string, port = 0): Ground {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    return new SocketLink(socket);
  };
  let accept: (link: Link) => void = () => {};
  const server = createServer((socket) => accept(keep(socket)));
  return {
    clock: systemClock,
    host,
    dial: (to) =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: to.host, port: to.port, localAddress: host });
        socket.setTimeout(DIAL_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.setTimeout(0);
          socket.off('error', reject);
          resolve(keep(socket));
        });
      }),
    async listen(its) {
      accept = its;
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      return { host, port: (server.address() as { port: number }).port };
    },
    async leave() {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

class SocketLink implements Link {
  readonly remote: HostPort;
  readonly #socket: Socket;
  #events: LinkEvents | undefined;
  #closed: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#events?.data(chunk as Buffer));
    socket.on('drain', () => this.#events?.drained());
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('closed by the peer'));
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  attach(events: LinkEvents): void {
    this.#events = events;
  }

  send(bytes: Uint8Array): void {
    if (this.#closed === undefined) this.#socket.write(Uint8Array.from(bytes));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(reason: string): void {
    this.#end(reason);
    this.#socket.destroy();
  }

  #end(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#events?.closed(reason);
  }
}

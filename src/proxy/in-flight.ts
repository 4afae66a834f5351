/**
 * How many requests are worked on at once: so many of one connection, so many of one client over all its connections.
 * apt has at most ten on their way; whoever sends more gets them answered later, in order, and isn't read from
 * meanwhile. This machine's own clients have no limit but that of the connection.
 */
import type { Socket } from 'node:net';
import { isLoopbackHost, plainAddress } from '../lib/address-range.ts';

export interface InFlightLimits {
  readonly perConnection: number;
  readonly perClient: number;
}

interface Connection {
  readonly socket: Socket;
  running: number;
  readonly waiting: (() => void)[];
}

interface Client {
  running: number;
  /** Connections that wait, the longest first. */
  readonly held: Set<Connection>;
}

export class InFlight {
  readonly #limits: InFlightLimits;
  readonly #connections = new WeakMap<Socket, Connection>();
  readonly #clients = new Map<string, Client>();

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  /** Calls `work` now or when its turn comes; its promise says when the answer is out or lost. */
  run(socket: Socket, work: () => Promise<void>): void {
    const connection = this.#connections.get(socket) ?? { socket, running: 0, waiting: [] };
    this.#connections.set(socket, connection);
    const address = plainAddress(socket.remoteAddress ?? '');
    const client = this.#clients.get(address) ?? { running: 0, held: new Set() };
    this.#clients.set(address, client);
    const perClient = isLoopbackHost(address) ? Number.POSITIVE_INFINITY : this.#limits.perClient;

    const start = () => {
      connection.running += 1;
      client.running += 1;
      void work().finally(() => {
        connection.running -= 1;
        client.running -= 1;
        // One of this connection first, so that its own order of things isn't held up by others.
        for (const next of [connection, ...client.held]) {
          if (client.running < perClient) this.#startNext(next, client);
        }
        if (connection.waiting.length === 0) socket.resume();
        if (client.running === 0 && client.held.size === 0) this.#clients.delete(address);
      });
    };
    if (this.#hasRoom(connection) && client.running < perClient) start();
    else {
      connection.waiting.push(start);
      client.held.add(connection);
      socket.pause();
    }
  }

  #hasRoom({ running, waiting }: Connection): boolean {
    return running < this.#limits.perConnection && waiting.length === 0;
  }

  #startNext(connection: Connection, client: Client): void {
    if (connection.running >= this.#limits.perConnection) return;
    const next = connection.waiting.shift();
    if (connection.waiting.length === 0 && client.held.delete(connection)) connection.socket.resume();
    next?.();
  }
}

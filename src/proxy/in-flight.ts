/**
 * How many requests of one connection are worked on at once. apt has at most ten on their way; whoever sends more gets
 * them answered later, in order, and isn't read from meanwhile.
 */
import type { Socket } from 'node:net';

interface Connection {
  running: number;
  readonly waiting: (() => void)[];
}

export class InFlight {
  readonly #max: number;
  readonly #connections = new WeakMap<Socket, Connection>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Calls `work` now or when its turn comes; its promise says when the answer is out or lost. */
  run(socket: Socket, work: () => Promise<void>): void {
    const connection = this.#connections.get(socket) ?? { running: 0, waiting: [] };
    this.#connections.set(socket, connection);
    const start = () => {
      connection.running += 1;
      void work().finally(() => {
        connection.running -= 1;
        const next = connection.waiting.shift();
        if (next) next();
        else socket.resume();
      });
    };
    if (connection.running < this.#max) start();
    else {
      connection.waiting.push(start);
      socket.pause();
    }
  }
}

import { expect, test } from 'bun:test';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Connections } from '../../src/proxy/connections.ts';

class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly remoteAddress: string;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function take(connections: Connections, address: string): FakeSocket {
  const socket = new FakeSocket(address);
  expect(connections.take(socket as unknown as Socket)).toBe(!socket.destroyed);
  return socket;
}

test('Connections.take() closes what is over a limit, and gives places back', () => {
  const connections = new Connections({ total: 6, perClient: 2 });
  const held = ['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.2'].map((address) => take(connections, address));
  expect(held.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  expect(take(connections, '10.0.0.1').destroyed).toBe(true);

  held[0]?.destroy();
  expect(take(connections, '10.0.0.1').destroyed).toBe(false);

  // This machine's own count only to the whole: three of them, and six are held.
  for (let i = 0; i < 3; i += 1) expect(take(connections, '127.0.0.1').destroyed).toBe(false);
  expect(take(connections, '127.0.0.1').destroyed).toBe(true);
  expect(take(connections, '10.0.0.9').destroyed).toBe(true);
});

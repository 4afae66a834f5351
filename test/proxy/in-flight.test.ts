import { describe, expect, test } from 'bun:test';
import type { Socket } from 'node:net';
import { InFlight } from '../../src/proxy/in-flight.ts';

/** What of a socket is used here. */
function fakeSocket(remoteAddress: string) {
  const socket = {
    remoteAddress,
    paused: false,
    pause: () => {
      socket.paused = true;
    },
    resume: () => {
      socket.paused = false;
    },
  };
  return socket;
}

function bench(perConnection: number, perClient: number) {
  const inFlight = new InFlight({ perConnection, perClient });
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    running,
    run(socket: ReturnType<typeof fakeSocket>, ...names: string[]) {
      for (const name of names) {
        inFlight.run(socket as unknown as Socket, () => {
          running.push(name);
          return new Promise((resolve) => ends.set(name, resolve));
        });
      }
    },
    async end(name: string) {
      ends.get(name)?.();
      running.splice(running.indexOf(name), 1);
      for (let i = 0; i < 5; i += 1) await Promise.resolve();
    },
  };
}

describe('InFlight.run()', () => {
  test('works on so many of one connection, in order, and reads no more meanwhile', async () => {
    const { run, running, end } = bench(2, 100);
    const socket = fakeSocket('127.0.0.1');
    run(socket, '1', '2', '3', '4');
    expect([running.join(), socket.paused]).toEqual(['1,2', true]);
    await end('2');
    expect([running.join(), socket.paused]).toEqual(['1,3', true]);
    await end('1');
    await end('3');
    expect([running.join(), socket.paused]).toEqual(['4', false]);
  });

  test('works on so many of one client, over all its connections; others are not held up', async () => {
    const { run, running, end } = bench(2, 3);
    const [a, b, c, other] = ['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.1', '10.0.0.2'].map(fakeSocket) as [
      ReturnType<typeof fakeSocket>,
      ReturnType<typeof fakeSocket>,
      ReturnType<typeof fakeSocket>,
      ReturnType<typeof fakeSocket>,
    ];
    run(a, 'a1', 'a2', 'a3');
    run(b, 'b1', 'b2');
    run(c, 'c1');
    run(other, 'o1');
    expect(running.join()).toBe('a1,a2,b1,o1');
    expect([a, b, c, other].map(({ paused }) => paused)).toEqual([true, true, true, false]);
    await end('b1');
    expect(running.join()).toBe('a1,a2,o1,b2');
    expect(b.paused).toBe(false);
    await end('b2');
    expect(running.join()).toBe('a1,a2,o1,c1');
    await end('a1');
    expect(running.join()).toBe('a2,o1,c1,a3');
    expect([a, b, c].map(({ paused }) => paused)).toEqual([false, false, false]);
    for (const name of ['a2', 'c1', 'a3', 'o1']) await end(name);
    run(a, 'again');
    expect(running.join()).toBe('again');
  });

  test('this machine has no limit but that of a connection', () => {
    const { run, running } = bench(2, 3);
    for (const name of ['a', 'b', 'c']) run(fakeSocket('127.0.0.1'), `${name}1`, `${name}2`);
    expect(running).toHaveLength(6);
  });
});

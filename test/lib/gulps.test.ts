import { describe, expect, test } from 'bun:test';
import { Gulps } from '../../src/lib/gulps.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const MUCH = 1_000_000;
const LITTLE = 10_000;

function scene({ works = true } = {}) {
  const clock = new VirtualClock();
  const set: [fd: number, isGulp: boolean][] = [];
  const gulps = new Gulps(clock, (fd, bytes) => {
    set.push([fd, bytes > 1]);
    return works;
  });
  return { clock, gulps, taken: () => set.splice(0) };
}

describe('Gulps', () => {
  test('a socket of which much is awaited waits for gulps, and is told once', () => {
    const { gulps, taken } = scene();
    const socket = { fd: 7 };
    for (let i = 0; i < 5; i += 1) gulps.read(socket, MUCH);
    expect(taken()).toEqual([[7, true]]);
    gulps.read(socket, LITTLE);
    gulps.read(socket, LITTLE);
    expect(taken()).toEqual([[7, false]]);
  });

  test('one of which little is awaited is left as it is', () => {
    const { gulps, taken, clock } = scene();
    gulps.read({ fd: 7 }, LITTLE);
    expect([taken(), clock.pending]).toEqual([[], 0]);
  });

  test('what isn’t read for a moment is read at once, and in gulps again when it was', async () => {
    const { gulps, taken, clock } = scene();
    const [quick, slow] = [{ fd: 1 }, { fd: 2 }];
    gulps.read(slow, MUCH);
    for (let ms = 0; ms < 50; ms += 5) {
      gulps.read(quick, MUCH);
      await clock.run(5);
    }
    expect(taken()).toEqual([
      [2, true],
      [1, true],
      [2, false],
    ]);
    gulps.read(slow, MUCH);
    expect(taken()).toEqual([[2, true]]);
  });

  test('no timer runs when nothing is awaited any more', async () => {
    const { gulps, clock } = scene();
    const sockets = Array.from({ length: 10 }, (_, fd) => ({ fd }));
    for (const socket of sockets) gulps.read(socket, MUCH);
    expect(clock.pending).toBe(1);
    await clock.run(100);
    expect(clock.pending).toBe(0);
  });

  test('a closed socket is not touched: its number may be another’s', async () => {
    const { gulps, taken, clock } = scene();
    const socket = { fd: 7 };
    gulps.read(socket, MUCH);
    gulps.forget(socket);
    gulps.end(socket);
    await clock.run(100);
    expect(taken()).toEqual([[7, true]]);
  });

  test('where the system cannot be told, all is as it would be without', () => {
    const { gulps, taken, clock } = scene({ works: false });
    const socket = { fd: 7 };
    gulps.read(socket, MUCH);
    gulps.end(socket);
    expect([taken(), clock.pending]).toEqual([[[7, true]], 0]);
  });
});

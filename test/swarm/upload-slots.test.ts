import { describe, expect, test } from 'bun:test';
import { UploadSlots } from '../../src/swarm/upload-slots.ts';
import { FakeTaker, servableOf } from './upload-takers.ts';

const FILE = servableOf('file', 10);

function scene(count: number) {
  const slots = new UploadSlots<FakeTaker>(count);
  let nowMs = 1_000_000;
  const join = (name: string, more: ConstructorParameters<typeof FakeTaker>[1] = {}) => {
    const taker = new FakeTaker(name, more);
    taker.give(FILE);
    slots.join(taker);
    return taker;
  };
  /** It has a request waiting from now on. */
  const ask = (taker: FakeTaker) => {
    const may = slots.ask(taker, nowMs);
    const given = taker.numbers.of(0);
    if (may && given && taker.queue.length === 0)
      taker.queue.add({ index: 0, begin: 0, length: 100 }, given, nowMs);
    return may;
  };
  const run = (ms: number, eachMs = 250) => {
    for (const end = nowMs + ms; nowMs < end; ) {
      nowMs += eachMs;
      slots.rotate(nowMs);
    }
  };
  return { slots, join, ask, run };
}

describe('UploadSlots', () => {
  test('idle peers are unchoked, however many there are', () => {
    const { slots, join } = scene(4);
    const takers = Array.from({ length: 200 }, (_, i) => join(`${i}`));
    expect(takers.filter(({ isChoked }) => isChoked)).toEqual([]);
    expect(slots.taken).toBe(0);
    expect(slots.isAwaited).toBe(false);
  });

  test('who asks when all slots are taken is choked, and hears it at once', () => {
    const { join, ask } = scene(2);
    const [a, b, c] = [join('a'), join('b'), join('c')];
    expect([ask(a), ask(b), ask(c)]).toEqual([true, true, false]);
    expect(c.told).toEqual(['choke']);
    expect(ask(c)).toBe(false);
    expect(c.told).toEqual(['choke']);
    expect(ask(a)).toBe(true);
  });

  test('who connects when all slots are taken starts choked, and is unchoked when there is one', () => {
    const { join, ask, run } = scene(1);
    const a = join('a');
    ask(a);
    const b = join('b');
    expect(b.isChoked).toBe(true);
    expect(b.told).toEqual([]);
    a.queue.dropAll();
    run(500);
    expect(b.told).toEqual(['unchoke']);
  });

  test('a slot that is not used goes to who asks, without anybody being choked', () => {
    const { join, ask, run } = scene(1);
    const [a, b] = [join('a'), join('b')];
    ask(a);
    a.queue.dropAll();
    run(500);
    expect(ask(b)).toBe(true);
    expect(a.told).toEqual([]);
  });

  test('slots go round while somebody waits: everyone of 200 has a turn', () => {
    const { join, ask, run, slots } = scene(4);
    const takers = Array.from({ length: 200 }, (_, i) => join(`${i}`));
    for (const taker of takers) {
      ask(taker);
    }
    const had = new Set(takers.filter(({ slotSinceMs }) => slotSinceMs !== undefined));
    for (let step = 0; step < 500; step += 1) {
      run(250);
      expect(slots.taken).toBeLessThanOrEqual(4);
      for (const taker of takers) {
        if (taker.isChoked) continue;
        ask(taker);
        had.add(taker);
      }
    }
    expect(had.size).toBe(200);
  });

  test('without anybody waiting nobody is choked, however long it lasts', () => {
    const { join, ask, run } = scene(2);
    const [a, b] = [join('a'), join('b')];
    ask(a);
    ask(b);
    run(60_000);
    expect([...a.told, ...b.told]).toEqual([]);
  });

  test('a slot ends with the piece that is under way', () => {
    const { join, ask, run, slots } = scene(1);
    const [a, b] = [join('a'), join('b')];
    ask(a);
    const request = a.queue.get(0);
    if (!request) throw new Error('nothing waits');
    a.queue.begin(request);
    expect(ask(b)).toBe(false);
    run(2_500);
    expect(a.isEnding).toBe(true);
    expect(a.told).toEqual([]);
    a.queue.dropAll();
    slots.pieceDone(a, 1_010_000);
    expect(a.told).toEqual(['choke']);
    expect(b.told).toEqual(['choke', 'unchoke']);
  });

  test('but a piece that never ends does not keep it', () => {
    const { join, ask, run } = scene(1);
    const [a, b] = [join('a'), join('b')];
    ask(a);
    const request = a.queue.get(0);
    if (request) a.queue.begin(request);
    ask(b);
    run(8_000);
    expect(a.told.slice(0, 2)).toEqual(['choke', 'reject 0']);
    expect(b.told).toContain('unchoke');
  });

  test('a near peer takes the slot of a stranger, not the other way round', () => {
    const { join, ask } = scene(1);
    const [far, near, far2] = [join('far'), join('near', { isNear: true }), join('far too')];
    ask(far);
    expect(ask(near)).toBe(true);
    expect(far.told).toEqual(['choke', 'reject 0']);
    expect(ask(far2)).toBe(false);
    expect(near.told).toEqual([]);
  });

  test('one that came when all slots were taken has a stranger’s soon', () => {
    const { join, ask, run } = scene(1);
    const far = join('far');
    ask(far);
    const near = join('near', { isNear: true });
    run(1_000);
    expect(far.told).toEqual(['choke', 'reject 0']);
    expect(near.told).toEqual(['unchoke']);
  });

  test('strangers have a turn in four all the same', () => {
    const { join, ask, run } = scene(1);
    const near = ['n1', 'n2', 'n3'].map((name) => join(name, { isNear: true }));
    const far = join('far');
    for (const taker of [...near, far]) ask(taker);
    let turns = 0;
    for (let step = 0; step < 400; step += 1) {
      run(250);
      for (const taker of [...near, far]) if (!taker.isChoked) ask(taker);
      if (!far.isChoked) turns += 1;
    }
    expect(turns).toBeGreaterThan(30);
    expect(turns).toBeLessThan(200);
  });

  test('the second connection of an address gives way to an address without one', () => {
    const { join, ask } = scene(2);
    const share = { turn: 0, slots: 0 };
    const [a1, a2] = [join('a1', { share }), join('a2', { share })];
    ask(a1);
    ask(a2);
    const b = join('b');
    b.isChoked = false;
    expect(ask(b)).toBe(true);
    expect([a1, a2].filter(({ isChoked }) => isChoked)).toHaveLength(1);
  });

  test('who wants nothing that we have is not waited for', () => {
    const { join, ask, run } = scene(1);
    const a = join('a');
    ask(a);
    const [idle, b] = [join('idle'), join('b')];
    idle.wants = false;
    run(2_500);
    expect(idle.isChoked).toBe(true);
    expect(b.isChoked).toBe(false);
    expect(a.isChoked).toBe(true);
  });

  test('isShut: strangers are choked, and stay so until it is over; the local network has its slots', () => {
    const { slots, join, ask, run } = scene(4);
    const [near, far, idle] = [join('near', { isNear: true }), join('far'), join('idle')];
    expect([ask(near), ask(far)]).toEqual([true, true]);
    slots.isShut = true;
    expect(far.words).toEqual(['choke', 'reject 0']);
    expect(ask(idle)).toBe(false);
    expect(join('late').isChoked).toBe(true);
    run(5_000);
    expect([near.isChoked, far.isChoked, idle.isChoked]).toEqual([false, true, true]);
    expect(slots.isAwaited).toBe(false);
    slots.isShut = false;
    expect(slots.isAwaited).toBe(true);
    run(1_000);
    expect([far.isChoked, idle.isChoked]).toEqual([false, false]);
  });

  test('one that is gone leaves its slot, and waits no longer', () => {
    const { join, ask, slots } = scene(1);
    const [a, b] = [join('a'), join('b')];
    ask(a);
    ask(b);
    slots.leave(a);
    slots.leave(b);
    expect(slots.taken).toBe(0);
    expect(slots.isAwaited).toBe(false);
    expect(a.share.slots).toBe(0);
  });
});

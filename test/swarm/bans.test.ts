import { describe, expect, test } from 'bun:test';
import { Bans, FORGET_MS, MAX_BANS } from '../../src/swarm/bans.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('Bans', () => {
  test('a stranger is banned for an hour, then for two, then for four', async () => {
    const clock = new VirtualClock();
    const bans = new Bans(clock);
    for (const hours of [1, 2, 4, 8]) {
      bans.add('198.51.100.7', 'lies', false);
      await clock.run(hours * HOUR - 1);
      expect(bans.has('198.51.100.7')).toBe(true);
      await clock.run(1);
      expect(bans.has('198.51.100.7')).toBe(false);
      expect(bans.list()).toEqual([]);
    }
  });

  test('but never for longer than thirty days', () => {
    const clock = new VirtualClock();
    const bans = new Bans(clock);
    for (let i = 0; i < 60; i += 1) bans.add('198.51.100.7', 'lies', false);
    expect((bans.list()[0]?.untilMs ?? 0) - clock.nowMs()).toBe(30 * 24 * HOUR);
  });

  test.each([
    ['on the LAN', '192.168.1.5', false],
    ['given by hand', '198.51.100.7', true],
  ])('one %s for ten minutes each time', async (_which, host, near) => {
    const clock = new VirtualClock();
    const bans = new Bans(clock);
    for (let i = 0; i < 3; i += 1) {
      bans.add(host, 'lies', near);
      await clock.run(10 * MINUTE - 1);
      expect(bans.has(host)).toBe(true);
      await clock.run(1);
      expect(bans.has(host)).toBe(false);
    }
  });

  test('hit the whole group of an address, and nobody else', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('2001:db8:1:2::1', 'lies', false);
    bans.add('198.51.100.7', 'lies', false);
    expect(bans.has('2001:db8:1:2:ffff::9')).toBe(true);
    expect(bans.has('2001:db8:1:3::1')).toBe(false);
    expect(bans.has('::ffff:198.51.100.7')).toBe(true);
    expect(bans.has('198.51.100.8')).toBe(false);
  });

  test('on the LAN hit the very address and no neighbour of its network', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('fd00::7', 'lies', false);
    bans.add('192.168.1.7', 'lies', false);
    expect(bans.has('fd00::7')).toBe(true);
    expect(bans.has('192.168.1.7')).toBe(true);
    expect(bans.has('fd00::8')).toBe(false);
    expect(bans.has('192.168.1.8')).toBe(false);
  });

  test('a given address is not refused for what strangers behind it did, but for what itself did', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('198.51.100.7', 'a stranger lied', false);
    expect(bans.has('198.51.100.7', true)).toBe(false);
    bans.add('198.51.100.7', 'itself lied', true);
    expect(bans.has('198.51.100.7', true)).toBe(true);
  });

  test('a week without one, and the next is an hour again', async () => {
    const clock = new VirtualClock();
    const bans = new Bans(clock);
    bans.add('198.51.100.7', 'lies', false);
    await clock.run(HOUR + FORGET_MS - 1);
    expect(bans.add('198.51.100.7', 'lies', false).times).toBe(2);
    await clock.run(2 * HOUR + FORGET_MS);
    expect(bans.add('198.51.100.7', 'lies', false).times).toBe(1);
  });

  test('go on after a restart for what was left of them by the date, and are doubled then', async () => {
    const first = new VirtualClock(Date.UTC(2026, 0, 1));
    const before = new Bans(first);
    before.add('198.51.100.7', 'lies', false);
    before.add('192.168.1.7', 'lies', false);
    await first.run(5 * MINUTE);
    const second = new VirtualClock(first.wallMs() + 4 * MINUTE);
    const after = new Bans(second, before.kept());
    expect(after.list()).toHaveLength(2);
    await second.run(MINUTE);
    expect(after.has('192.168.1.7')).toBe(false);
    await second.run(50 * MINUTE - 1);
    expect(after.has('198.51.100.7')).toBe(true);
    await second.run(1);
    expect(after.has('198.51.100.7')).toBe(false);
    expect(after.add('198.51.100.7', 'lies', false).times).toBe(2);
  });

  test('kept ones from a wrong date last no longer than the longest, and those long gone are dropped', () => {
    const clock = new VirtualClock();
    const kept = { reason: 'lies', times: 1, near: false };
    const bans = new Bans(clock, [
      { ...kept, address: '198.51.100.7', untilWallMs: clock.wallMs() + 1e12 },
      { ...kept, address: '198.51.100.8', untilWallMs: clock.wallMs() - 1e12 },
    ]);
    expect((bans.list()[0]?.untilMs ?? 0) - clock.nowMs()).toBe(30 * 24 * HOUR);
    expect(bans.kept()).toHaveLength(1);
  });

  test('are listed with address and reason', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('198.51.100.7', 'lies', false);
    expect(bans.list()).toMatchObject([{ address: '198.51.100.7', reason: 'lies', times: 1 }]);
  });

  test('are bounded: the one that ends first makes room', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('198.51.100.1', 'lies', true);
    for (let i = 0; i < MAX_BANS; i += 1)
      bans.add(`203.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 'lies', false);
    expect(bans.list()).toHaveLength(MAX_BANS);
    expect(bans.has('198.51.100.1')).toBe(false);
  });
});

import { describe, expect, test } from 'bun:test';
import { Bans } from '../../src/swarm/bans.ts';
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

  test('are listed with address and reason', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('198.51.100.7', 'lies', false);
    expect(bans.list()).toMatchObject([{ address: '198.51.100.7', reason: 'lies', times: 1 }]);
  });

  test('are bounded: the one that ends first makes room', () => {
    const bans = new Bans(new VirtualClock());
    bans.add('198.51.100.1', 'lies', true);
    for (let i = 0; i < 10_000; i += 1)
      bans.add(`203.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 'lies', false);
    expect(bans.list()).toHaveLength(10_000);
    expect(bans.has('198.51.100.1')).toBe(false);
  });
});

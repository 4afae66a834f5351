import { describe, expect, test } from 'bun:test';
import { KNOCKS_A_MINUTE, Knocks, LAN_KNOCKS_A_MINUTE } from '../../src/swarm/knocks.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const MINUTE = 60_000;

/** How many of `count` connections at one moment are let in. */
function letIn(knocks: Knocks, host: string, count: number): number {
  let allowed = 0;
  for (let i = 0; i < count; i += 1) if (knocks.allows(host)) allowed += 1;
  return allowed;
}

describe('Knocks', () => {
  test('lets a group dial so often a minute, and others all the same', async () => {
    const clock = new VirtualClock();
    const knocks = new Knocks(clock);
    expect(letIn(knocks, '198.51.100.7', KNOCKS_A_MINUTE)).toBe(KNOCKS_A_MINUTE);
    await clock.run(MINUTE);
    expect(letIn(knocks, '198.51.100.7', 100)).toBe(KNOCKS_A_MINUTE);
    expect(letIn(knocks, '198.51.100.8', 1)).toBe(1);
    expect(letIn(knocks, '2001:db8:1:2::1', 100)).toBe(KNOCKS_A_MINUTE);
    expect(letIn(knocks, '2001:db8:1:2::2', 1)).toBe(0);
  });

  test('refuses who goes beyond for a minute, then for two, then for four, an hour at most', async () => {
    const clock = new VirtualClock();
    const knocks = new Knocks(clock);
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      expect(letIn(knocks, '198.51.100.7', 100)).toBe(KNOCKS_A_MINUTE);
      await clock.run(minutes * MINUTE - 1);
      expect(letIn(knocks, '198.51.100.7', 100)).toBe(0);
      await clock.run(1);
    }
  });

  test('begins anew after an hour of quiet', async () => {
    const clock = new VirtualClock();
    const knocks = new Knocks(clock);
    letIn(knocks, '198.51.100.7', 100);
    await clock.run(MINUTE);
    letIn(knocks, '198.51.100.7', 100);
    await clock.run(62 * MINUTE);
    expect(letIn(knocks, '198.51.100.7', 100)).toBe(KNOCKS_A_MINUTE);
    await clock.run(MINUTE);
    expect(letIn(knocks, '198.51.100.7', 1)).toBe(1);
  });

  test('the LAN may more, by the address, and this machine what it likes', () => {
    const knocks = new Knocks(new VirtualClock());
    expect(letIn(knocks, 'fd00::1', 1_000)).toBe(LAN_KNOCKS_A_MINUTE);
    expect(letIn(knocks, 'fd00::2', 1)).toBe(1);
    expect(letIn(knocks, '127.0.0.1', 10_000)).toBe(10_000);
  });

  test('remembers a bounded number of groups', () => {
    const knocks = new Knocks(new VirtualClock());
    letIn(knocks, '198.51.100.7', 100);
    for (let i = 0; i < 4_095; i += 1) knocks.allows(`20.0.${i >> 8}.${i & 255}`);
    expect(letIn(knocks, '198.51.100.7', 1)).toBe(0);
    for (let i = 0; i < 4_096; i += 1) knocks.allows(`21.0.${i >> 8}.${i & 255}`);
    expect(letIn(knocks, '198.51.100.7', 1)).toBe(1);
  });
});

import { describe, expect, test } from 'bun:test';
import { ClaimBreakers } from '../../src/swarm/claim-breakers.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

describe('ClaimBreakers', () => {
  const peer = (address: string, id: number, trusted = false) => ({
    address,
    trusted,
    id: new Uint8Array(20).fill(id),
  });

  test('hold a stranger by its address group, whatever peer id it takes, for ten minutes', async () => {
    const clock = new VirtualClock();
    const breakers = new ClaimBreakers(clock);
    breakers.add(peer('2001:db8::1', 1));
    expect(breakers.has(peer('2001:db8::2', 2))).toBe(true);
    expect(breakers.has(peer('2001:db8:0:1::1', 1))).toBe(false);
    await clock.run(600_000);
    expect(breakers.has(peer('2001:db8::1', 1))).toBe(false);
  });

  test('hold a near one by itself: several may share an address', () => {
    const breakers = new ClaimBreakers(new VirtualClock());
    breakers.add(peer('10.0.0.1', 1, true));
    expect(breakers.has(peer('10.0.0.1', 1, true))).toBe(true);
    expect(breakers.has(peer('10.0.0.1', 2, true))).toBe(false);
  });

  test('are bounded: the oldest is forgotten', () => {
    const breakers = new ClaimBreakers(new VirtualClock());
    for (let i = 0; i <= 1_000; i += 1) breakers.add(peer(`20.0.${i >> 8}.${i & 255}`, 1));
    expect(breakers.has(peer('20.0.0.0', 1))).toBe(false);
    expect(breakers.has(peer('20.0.0.1', 1))).toBe(true);
  });
});

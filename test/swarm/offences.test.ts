import { describe, expect, test } from 'bun:test';
import { OFFENCE_MEMORY_MS, Offences } from '../../src/swarm/offences.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

describe('Offences', () => {
  test('the second within an hour is one too many, whatever address of the group it comes from', async () => {
    const clock = new VirtualClock();
    const offences = new Offences(clock);
    expect(offences.isRepeated('2001:db8::1')).toBe(false);
    await clock.run(OFFENCE_MEMORY_MS - 1);
    expect(offences.isRepeated('2001:db8::2')).toBe(true);
  });

  test('an hour later it counts as the first, and so does one of another group', async () => {
    const clock = new VirtualClock();
    const offences = new Offences(clock);
    expect(offences.isRepeated('198.51.100.7')).toBe(false);
    expect(offences.isRepeated('198.51.100.8')).toBe(false);
    await clock.run(OFFENCE_MEMORY_MS);
    expect(offences.isRepeated('198.51.100.7')).toBe(false);
  });

  test('after a repeated one the count begins anew', () => {
    const offences = new Offences(new VirtualClock());
    const verdicts = Array.from({ length: 4 }, () => offences.isRepeated('198.51.100.7'));
    expect(verdicts).toEqual([false, true, false, true]);
  });

  test('are bounded: the oldest is forgotten', () => {
    const offences = new Offences(new VirtualClock());
    offences.isRepeated('198.51.100.7');
    for (let i = 0; i < 4_096; i += 1) offences.isRepeated(`20.0.${i >> 8}.${i & 255}`);
    expect(offences.isRepeated('198.51.100.7')).toBe(false);
    expect(offences.isRepeated('20.0.15.255')).toBe(true);
  });
});

import { describe, expect, test } from 'bun:test';
import { Surroundings } from '../../src/discovery/surroundings.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

/** The date goes on without the clock, as in a machine that sleeps. */
class SleepyClock extends VirtualClock {
  sleptMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.sleptMs;
  }
}

function scene() {
  const clock = new SleepyClock();
  const world = { addresses: ['192.0.2.7', 'fe80::1'], changes: [] as string[] };
  const surroundings = new Surroundings({
    clock,
    addresses: () => world.addresses,
    changed: (how) => world.changes.push(how),
  });
  return { clock, world, surroundings };
}

describe('Surroundings', () => {
  test('a machine that slept is noticed within ten seconds, once', async () => {
    const { clock, world, surroundings } = scene();
    await clock.run(3_600_000);
    expect(world.changes).toEqual([]);
    clock.sleptMs += 8 * 3_600_000;
    await clock.run(10_000);
    expect(world.changes).toEqual(['woke']);
    await clock.run(3_600_000);
    expect(world.changes).toEqual(['woke']);
    surroundings[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });

  test('a date that is put right by seconds, or back, is no sleep', async () => {
    const { clock, world, surroundings } = scene();
    for (const byMs of [30_000, 30_000, 30_000, -86_400_000]) {
      clock.sleptMs += byMs;
      await clock.run(10_000);
    }
    expect(world.changes).toEqual([]);
    surroundings[Symbol.dispose]();
  });

  test('an address more is another place; one less, or a link-local one, is not', async () => {
    const { clock, world, surroundings } = scene();
    const become = async (...addresses: string[]) => {
      world.addresses = addresses;
      await clock.run(10_000);
      return world.changes.splice(0);
    };
    expect(await become('192.0.2.7', 'fe80::1', 'fe80::2')).toEqual([]);
    expect(await become()).toEqual([]);
    expect(await become('192.0.2.7')).toEqual(['moved']);
    expect(await become('192.0.2.7', '2001:db8::7')).toEqual(['moved']);
    expect(await become('2001:db8::7')).toEqual([]);
    surroundings[Symbol.dispose]();
  });
});

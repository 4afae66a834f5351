import { describe, expect, test } from 'bun:test';
import type { Bans } from '../../src/swarm/bans.ts';
import { type BanKeeper, Door } from '../../src/swarm/door.ts';
import { KNOCKS_A_MINUTE } from '../../src/swarm/knocks.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const LIAR = { address: '198.51.100.7', given: false, trusted: false };
const inbound = () => 'inbound' as const;

class MemoryKeeper implements BanKeeper {
  kept: ReturnType<Bans['kept']> = [];

  read() {
    return this.kept;
  }

  touch(bans: Bans): void {
    this.kept = bans.kept();
  }
}

describe('Door', () => {
  test('refuses the banned, and remembers them with its keeper', () => {
    const clock = new VirtualClock();
    const keeper = new MemoryKeeper();
    const door = new Door(clock, keeper);
    expect(door.refusal(LIAR.address, inbound)).toBeUndefined();
    door.ban(LIAR, 'lies');
    for (const each of [door, new Door(clock, keeper)]) {
      expect(each.refusal(LIAR.address, inbound)).toBe('banned');
      expect(each.mayDial({ host: LIAR.address, port: 1 }, 'tracker')).toBe(false);
      expect(each.mayDial({ host: LIAR.address, port: 1 }, 'given')).toBe(true);
      expect(each.isBanned(LIAR)).toBe(true);
      expect(each.isBanned({ ...LIAR, given: true })).toBe(false);
      expect(each.banned()).toMatchObject([{ address: LIAR.address, reason: 'lies' }]);
    }
  });

  test('a banned address costs no look at anything else', () => {
    const door = new Door(new VirtualClock(), undefined);
    door.ban(LIAR, 'lies');
    door.refusal(LIAR.address, () => {
      throw new Error('it was looked at');
    });
  });

  test('refuses storms before it counts places', () => {
    const door = new Door(new VirtualClock(), undefined);
    const answers = Array.from({ length: KNOCKS_A_MINUTE + 1 }, () => door.refusal('203.0.113.9', inbound));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(KNOCKS_A_MINUTE);
    expect(answers.at(-1)).toBe('too many connections');
  });

  test('the second offence within an hour is one too many', () => {
    const door = new Door(new VirtualClock(), undefined);
    expect([LIAR, LIAR].map((liar) => door.isSecondOffence(liar))).toEqual([false, true]);
  });
});

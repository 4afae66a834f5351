import { describe, expect, test } from 'bun:test';
import { Choker, type ChokeTaker, LONGEST_SLOT_MS, OPTIMISTIC_MS } from '../../src/standard/choker.ts';

function taker(name: string, about: Partial<ChokeTaker> = {}): ChokeTaker & { readonly name: string } {
  return {
    name,
    isInterested: true,
    isChoked: true,
    isSnubbing: false,
    bytesPerSecond: 0,
    connectedMs: 0,
    turnedMs: 0,
    givenBytes: 0,
    ...about,
  };
}

const names = (chosen: Iterable<{ readonly name: string }>) => [...chosen].map(({ name }) => name).sort();
const LEECH = { slots: 3, isSeed: false, shareBytes: 1_000 };
const SEED = { slots: 2, isSeed: true, shareBytes: 1_000 };

describe('Choker.choose() while we fetch', () => {
  test('takes those that give most, and one by lot for half a minute', () => {
    const peers = [1, 2, 3, 4, 5].map((n) => taker(`p${n}`, { bytesPerSecond: n * 100 }));
    let lot = 0;
    const choker = new Choker<(typeof peers)[number]>(() => lot);
    const now = 1_000_000;
    expect(names(choker.choose(peers, LEECH, now))).toEqual(['p3', 'p4', 'p5']);
    lot = 0.99;
    expect(names(choker.choose(peers, LEECH, now + OPTIMISTIC_MS - 1))).toEqual(['p3', 'p4', 'p5']);
    expect(names(choker.choose(peers, LEECH, now + OPTIMISTIC_MS))).toEqual(['p1', 'p4', 'p5']);
  });

  test('passes over who wants nothing, and ranks who has gone silent last', () => {
    const peers = [
      taker('bored', { isInterested: false, bytesPerSecond: 1e6 }),
      taker('silent', { isSnubbing: true, bytesPerSecond: 1e6 }),
      taker('slow', { bytesPerSecond: 1 }),
      taker('slower'),
      taker('slowest'),
    ];
    const chosen = new Choker<(typeof peers)[number]>(() => 0).choose(peers, { ...LEECH, slots: 2 }, 1e6);
    expect(names(chosen)).not.toContain('bored');
    expect(names(chosen)).toContain('slow');
  });

  test('a newcomer is three times as likely to be the one by lot', () => {
    const now = 1_000_000;
    const peers = [
      taker('best', { bytesPerSecond: 9 }),
      taker('old'),
      taker('new', { connectedMs: now - 1 }),
    ];
    const drawn = (lot: number) =>
      names(new Choker<(typeof peers)[number]>(() => lot).choose(peers, { ...LEECH, slots: 2 }, now));
    expect(drawn(0.24)).toEqual(['best', 'old']);
    expect(drawn(0.26)).toEqual(['best', 'new']);
  });
});

describe('Choker.choose() when we have all', () => {
  test('who has a slot keeps it until it was given its share, then who has waited longest comes', () => {
    const now = 1_000_000;
    const peers = [
      taker('served', { isChoked: false, turnedMs: now - 20_000, givenBytes: 1_000 }),
      taker('busy', { isChoked: false, turnedMs: now - 20_000, givenBytes: 999 }),
      taker('waits', { turnedMs: now - 5_000 }),
      taker('waits longer', { turnedMs: now - 50_000 }),
    ];
    expect(names(new Choker<(typeof peers)[number]>(() => 0).choose(peers, SEED, now))).toEqual([
      'busy',
      'waits longer',
    ]);
  });

  test('nobody holds a slot for ever while others wait, and nobody loses it when none do', () => {
    const now = 1_000_000;
    const slow = taker('slow', { isChoked: false, turnedMs: now - LONGEST_SLOT_MS });
    const choose = (...others: ReturnType<typeof taker>[]) =>
      names(
        new Choker<ReturnType<typeof taker>>(() => 0).choose([slow, ...others], { ...SEED, slots: 1 }, now),
      );
    expect(choose(taker('waits'))).toEqual(['waits']);
    expect(choose()).toEqual(['slow']);
  });
});

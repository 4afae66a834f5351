import { describe, expect, test } from 'bun:test';
import { OurWants, type OurWantsNode } from '../../src/swarm/our-wants.ts';
import type { Peer } from '../../src/swarm/peer.ts';
import type { Seeker, Want, Wants } from '../../src/swarm/wants.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { Grade } from '../../src/wire/archive-ext.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

/** Our wants 0 to `count` - 1 at one peer, of files of one piece, all of them offered. */
function scene(count: number) {
  const clock = new VirtualClock();
  const peer = {} as Peer;
  const offered: number[] = [];
  const wants = Array.from({ length: count }, (_, number) => {
    const seeker = { offered: () => offered.push(number) } as unknown as Seeker;
    return {
      number,
      seeker,
      pieces: new Pieces(1000),
      asked: new Set([peer]),
      offers: new Map(),
      unanswered: new Map(),
    } as unknown as Want;
  });
  const node = { clock, wants: { get: (n: number) => wants[n] } as unknown as Wants } satisfies OurWantsNode;
  const ours = new OurWants(peer, node, () => {});
  for (const { number } of wants)
    ours.have({ want: number, sizeBytes: 1000, firstPiece: number, grade: Grade.whole });
  expect(offered.splice(0)).toHaveLength(count);
  return { clock, ours, wants, offered };
}

describe('OurWants.offersChanged()', () => {
  test('tells of all offers at once, and then twenty times a second at most, the last time included', async () => {
    const { clock, ours, offered } = scene(3);
    ours.offersChanged();
    expect(offered.splice(0)).toEqual([0, 1, 2]);
    for (let i = 0; i < 1_000; i += 1) ours.offersChanged();
    expect(offered).toEqual([]);
    await clock.run(60);
    expect(offered.splice(0)).toEqual([0, 1, 2]);
    await clock.run(1_000);
    expect(offered).toEqual([]);
    ours.offersChanged();
    expect(offered).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  test('leaves no timer behind when the peer goes', () => {
    const { clock, ours } = scene(1);
    ours.offersChanged();
    ours.offersChanged();
    expect(clock.pending).toBe(1);
    ours.close();
    expect(clock.pending).toBe(0);
  });
});

describe('OurWants.piece()', () => {
  test('tells whoever looks for that file, and nobody when the want is over', () => {
    const { ours, wants, offered } = scene(3);
    ours.piece(1, false);
    expect(offered.splice(0)).toEqual([1]);
    ours.remove(wants[1] as Want);
    ours.piece(1, true);
    ours.piece(7, true);
    expect(offered).toEqual([]);
  });
});

describe('OurWants.none()', () => {
  test('answers what was asked, once, also when it comes late, and nothing that was offered', async () => {
    const clock = new VirtualClock();
    const peer = {} as Peer;
    const answered: number[] = [];
    const wants = Array.from(
      { length: 4 },
      (_, number) => ({ number, asked: new Set([peer]), offers: new Map() }) as unknown as Want,
    );
    const node = {
      clock,
      wants: {
        get: (n: number) => wants[n],
        answered: ({ number }: Want) => answered.push(number),
      } as unknown as Wants,
    } satisfies OurWantsNode;
    const ours = new OurWants(peer, node, () => {});
    for (const want of wants) ours.add(want);
    await clock.run(1);
    ours.none([{ first: 1, count: 1 }]);
    ours.none([{ first: 0, count: 2 }]);
    expect(answered.splice(0)).toEqual([1, 0]);
    await clock.run(2_000);
    ours.tick();
    ours.tick();
    expect(ours.isSilent).toBe(false);
    ours.remove(wants[3] as Want);
    ours.none([{ first: 0, count: 2_048 }]);
    ours.none([{ first: 0, count: 2_048 }]);
    expect(answered).toEqual([2]);
  });
});

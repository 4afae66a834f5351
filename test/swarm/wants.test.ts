import { describe, expect, test } from 'bun:test';
import type { Offer } from '../../src/swarm/offer.ts';
import type { Peer } from '../../src/swarm/peer.ts';
import { type Seeker, type Want, Wants } from '../../src/swarm/wants.ts';
import { poolFile, SWARM } from '../fixtures/memory-node.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

/** As much of a peer as Wants looks at. */
class FakePeer {
  readonly wanted: Want[] = [];
  readonly unwanted: Want[] = [];
  answerWaitMs = 100;
  takes = true;
  trusted = false;
  haveShare = 0.5;
  isSilent = false;
  swarms = new Set([SWARM]);

  shares(infoHash: string): boolean {
    return this.swarms.has(infoHash);
  }

  want(want: Want): boolean {
    if (this.takes) this.wanted.push(want);
    return this.takes;
  }

  unwant(want: Want): void {
    this.unwanted.push(want);
  }

  get peer(): Peer {
    return this as unknown as Peer;
  }
}

class Log implements Seeker {
  readonly events: string[] = [];
  offered(): void {
    this.events.push('offered');
  }
  gone(): void {
    this.events.push('gone');
  }
  answered(): void {
    this.events.push('answered');
  }
  fellowsChanged(): void {
    this.events.push('fellows');
  }
  arrived(): void {}
  failed(): void {}
}

/** Of several pieces unless said. */
function scene(count: number, draw = () => 0.5, sizeBytes = 2 * 1024 * 1024) {
  const clock = new VirtualClock();
  const wants = new Wants(clock, draw);
  const fakes = Array.from({ length: count }, () => new FakePeer());
  const peers = fakes.map((fake) => fake.peer);
  const seeker = new Log();
  const open = (seed = 1, swarms: readonly string[] = [SWARM]) =>
    wants.open({ ...poolFile(10, seed, swarms).entry, sizeBytes }, seeker, peers);
  const asked = () => fakes.filter(({ wanted }) => wanted.length > 0).length;
  return { clock, wants, fakes, peers, seeker, open, asked };
}

describe('Wants', () => {
  test('each want has a number of its own, the same towards every peer', () => {
    const { wants, fakes, open } = scene(2);
    const [first, second] = [open(1), open(2)];
    expect(second.number).toBe(first.number + 1);
    expect(fakes.map(({ wanted }) => wanted)).toEqual([
      [first, second],
      [first, second],
    ]);
    expect(wants.get(first.number)).toBe(first);
    wants.close(first);
    expect(wants.get(first.number)).toBeUndefined();
  });

  test('sixteen peers are asked first, others as those say none', () => {
    const { wants, open, asked, seeker } = scene(40);
    const want = open();
    expect(asked()).toBe(16);
    const [one] = want.unanswered.keys();
    wants.answered(want, one as Peer);
    expect(asked()).toBe(17);
    expect(seeker.events).toEqual(['answered']);
  });

  test('of a file of one piece sixty-four peers hear at once', () => {
    const { open, asked } = scene(80, undefined, 60_000);
    open();
    expect(asked()).toBe(64);
  });

  test('others are asked in the place of those whose time has passed, until all are', async () => {
    const { clock, open, asked } = scene(40);
    open();
    await clock.run(99);
    expect(asked()).toBe(16);
    await clock.run(2);
    expect(asked()).toBe(32);
    await clock.run(1_000);
    expect(asked()).toBe(40);
    expect(clock.pending).toBe(0);
  });

  test('but not once somebody has it', async () => {
    const { clock, open, asked, peers } = scene(40);
    const want = open();
    want.offers.set(peers[39] as Peer, {} as Offer);
    await clock.run(1_999);
    expect(asked()).toBe(16);
  });

  test('unless it takes long: then sixteen more every two seconds, whoever says to have it', async () => {
    const { clock, wants, open, asked, fakes, peers } = scene(40);
    const want = open();
    fakes.forEach((fake, i) => {
      if (fake.wanted.length > 0) want.offers.set(peers[i] as Peer, {} as Offer);
    });
    const counts: number[] = [];
    for (let seconds = 1; seconds <= 5; seconds += 1) {
      await clock.run(1_000);
      counts.push(asked());
    }
    expect(counts).toEqual([16, 32, 32, 40, 40]);
    expect(clock.pending).toBe(0);
    wants.close(want);
  });

  test('others are asked when the only one that had it goes', () => {
    const { wants, open, asked } = scene(40);
    const want = open();
    const [one] = want.unanswered.keys();
    want.offers.set(one as Peer, {} as Offer);
    want.unanswered.delete(one as Peer);
    wants.peerGone(one as Peer);
    expect(asked()).toBe(17);
  });

  test('near peers are asked first, then those that often have what is looked for, silent ones last and besides', () => {
    const { fakes, open } = scene(40);
    fakes.forEach((fake, i) => {
      fake.isSilent = i < 20;
      fake.trusted = i % 10 === 0;
      fake.haveShare = i < 30 ? 0.1 : 0.9;
    });
    open();
    const asked = fakes.map(({ wanted }, i) => (wanted.length > 0 ? i : -1)).filter((i) => i >= 0);
    expect(asked).toHaveLength(16);
    expect(asked).toContain(20); // near
    for (let i = 30; i < 40; i += 1) expect(asked).toContain(i);
    expect(asked.filter((i) => i < 20)).toEqual([]);
  });

  test('silent ones do not count among the sixteen, and are asked when nobody else is left', () => {
    const { fakes, open, asked } = scene(30);
    fakes.forEach((fake, i) => {
      fake.isSilent = i < 20;
    });
    open();
    expect(asked()).toBe(30);
  });

  test('chance gives those that had little their turn', () => {
    let state = 1;
    const { fakes, open } = scene(40, () => {
      state = (state * 16_807) % 2_147_483_647;
      return state / 2_147_483_647;
    });
    fakes.forEach((fake, i) => {
      fake.haveShare = i < 20 ? 0.3 : 0.6;
    });
    for (let seed = 1; seed <= 200; seed += 1) open(seed);
    expect(fakes.every(({ wanted }) => wanted.length > 0)).toBe(true);
  });

  test('nobody more is asked while somebody has it', () => {
    const { wants, peers, open, asked } = scene(40);
    const want = open();
    want.offers.set(peers[0] as Peer, {} as Offer);
    want.unanswered.delete(peers[0] as Peer);
    wants.answered(want, peers[1] as Peer);
    expect(asked()).toBe(16);
  });

  test('only peers of one of its swarms are asked, and those that can be', () => {
    const { fakes, open, asked } = scene(5);
    const [elsewhere, deaf] = fakes;
    if (!elsewhere || !deaf) throw new Error('unreachable');
    elsewhere.swarms = new Set(['elsewhere']);
    deaf.takes = false;
    const want = open();
    expect(asked()).toBe(3);
    expect(want.asked.has(deaf.peer)).toBe(false);
    expect(want.unanswered.has(deaf.peer)).toBe(false);
  });

  test('a peer that comes later is asked for all that is open, once', () => {
    const { wants, open } = scene(1);
    const [first, second] = [open(1), open(2)];
    const late = new FakePeer();
    wants.peerReady(late.peer);
    wants.peerReady(late.peer);
    expect(late.wanted).toEqual([first, second]);
  });

  test('answers are waited for as long as each peer deserves, the longest counts', () => {
    const { clock, fakes, peers, wants, open } = scene(3);
    fakes.forEach((fake, i) => {
      fake.answerWaitMs = 100 * i;
    });
    const want = open();
    expect((want.answersUntilMs() ?? 0) - clock.nowMs()).toBe(200);
    wants.answered(want, peers[2] as Peer);
    expect((want.answersUntilMs() ?? 0) - clock.nowMs()).toBe(100);
    wants.answered(want, peers[1] as Peer);
    wants.answered(want, peers[0] as Peer);
    expect(want.answersUntilMs()).toBeUndefined();
  });

  test('one that goes takes its offer with it, and is not waited for', () => {
    const { wants, peers, open, seeker } = scene(2);
    const want = open();
    const offer = { closed: false } as Offer;
    want.offers.set(peers[0] as Peer, offer);
    want.unanswered.delete(peers[0] as Peer);
    wants.peerGone(peers[0] as Peer);
    wants.peerGone(peers[1] as Peer);
    expect(seeker.events).toEqual(['gone', 'answered']);
    expect(offer.closed).toBe(true);
    expect(want.answersUntilMs()).toBeUndefined();
    expect([...wants.askedOf(peers[0] as Peer)]).toEqual([]);
  });

  test('when it is closed everybody who was asked is told, and offers are void', () => {
    const { wants, fakes, peers, open } = scene(3);
    const want = open();
    const offer = { closed: false } as Offer;
    want.offers.set(peers[0] as Peer, offer);
    wants.close(want);
    expect(fakes.map(({ unwanted }) => unwanted)).toEqual([[want], [want], [want]]);
    expect(offer.closed).toBe(true);
    expect([...wants.askedOf(peers[0] as Peer)]).toEqual([]);
  });
});

import { describe, expect, test } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import {
  TALK_BYTES_PER_SECOND,
  TALK_OF_ALL_BYTES_PER_SECOND,
  TalkLimit,
} from '../../src/swarm/talk-limit.ts';

describe('TalkLimit', () => {
  test('payload costs nothing, however much', () => {
    const talk = new TalkLimit(0);
    for (let i = 0; i < 10_000; i += 1) {
      talk.payload(65_523);
      expect(talk.spend(65_536, i)).toBe(0);
    }
  });

  test('what else is said is read at the rate in the long run', () => {
    const talk = new TalkLimit(0);
    let now = 0;
    let read = 0;
    while (now < 60_000) {
      read += 65_536;
      now += Math.max(0.01, talk.spend(65_536, now));
    }
    expect(read / 60).toBeWithin(0.9 * TALK_BYTES_PER_SECOND, 1.1 * TALK_BYTES_PER_SECOND);
  });

  test('many together are read no faster than all may be, and who says little does not wait for them', () => {
    const all = new TokenBucket(TALK_OF_ALL_BYTES_PER_SECOND, 0);
    const loud = Array.from({ length: 40 }, () => ({ talk: new TalkLimit(0, all), untilMs: 0 }));
    const quiet = new TalkLimit(0, all);
    let read = 0;
    let quietMs = 0;
    for (let now = 0; now < 30_000; now += 10) {
      for (const one of loud) {
        if (one.untilMs > now) continue;
        read += 16_384;
        one.untilMs = now + one.talk.spend(16_384, now);
      }
      if (now % 1_000 === 0) quietMs += quiet.spend(2_000, now);
    }
    expect(quietMs).toBe(0);
    const free = 40 * (64 * 1024 + 30 * 16 * 1024);
    expect(read).toBeLessThan(1.1 * (30 * TALK_OF_ALL_BYTES_PER_SECOND + free));
  });

  test('small messages cost more than their length: nine bytes at most seven thousand times a second', () => {
    const talk = new TalkLimit(0);
    let now = 0;
    let messages = 0;
    while (now < 60_000) {
      for (let i = 0; i < 1_000; i += 1) talk.message();
      messages += 1_000;
      now += Math.max(0.01, talk.spend(9_000, now));
    }
    expect(messages / 60).toBeWithin(6_000, 8_000);
  });
});

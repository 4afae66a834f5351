import { describe, expect, test } from 'bun:test';
import { TALK_BYTES_PER_SECOND, TalkLimit } from '../../src/swarm/talk-limit.ts';

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

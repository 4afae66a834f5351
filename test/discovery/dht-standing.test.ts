import { describe, expect, test } from 'bun:test';
import { DhtStanding, READ_ONLY_MS, TRIAL_MS } from '../../src/discovery/dht-standing.ts';

const MINUTE = 60_000;
const at = (last: number) => Uint8Array.of(198, 51, 100, last);

describe('DhtStanding.externalAddress', () => {
  test('is what five hosts say, one vote each', () => {
    const standing = new DhtStanding();
    for (let i = 0; i < 20; i += 1) standing.named('8.8.8.8', at(1));
    expect(standing.externalAddress).toBeUndefined();
    for (const host of ['b', 'c', 'd', 'e']) standing.named(host, at(1));
    expect(standing.externalAddress).toBe('198.51.100.1');
  });

  test('is what more than half of them say, of the last fifteen', () => {
    const standing = new DhtStanding();
    for (let i = 0; i < 15; i += 1) standing.named(`host ${i}`, at(i < 7 ? 1 : 2));
    expect(standing.externalAddress).toBe('198.51.100.2');
    for (let i = 15; i < 23; i += 1) standing.named(`host ${i}`, at(3));
    expect(standing.externalAddress).toBe('198.51.100.3');
  });
});

describe('DhtStanding.isReadOnly', () => {
  const run = (standing: DhtStanding, fromMs: number, minutes: number, nodes = 50) => {
    for (let i = 0; i <= minutes; i += 1) standing.tick(nodes, fromMs + i * MINUTE);
  };

  test('after half an hour among others that nobody asked anything', () => {
    const standing = new DhtStanding();
    run(standing, 0, 29);
    expect([standing.isReadOnly, standing.isReachable(29 * MINUTE)]).toEqual([false, undefined]);
    run(standing, 29 * MINUTE, 1);
    expect([standing.isReadOnly, standing.isReachable(TRIAL_MS)]).toEqual([true, false]);
  });

  test('not for who is almost alone', () => {
    const standing = new DhtStanding();
    run(standing, 0, 300, 3);
    expect(standing.isReadOnly).toBe(false);
  });

  test('not when strangers ask; those that we sent to lately are no strangers', () => {
    const [reached, answered] = [new DhtStanding(), new DhtStanding()];
    for (let i = 0; i <= 60; i += 1) {
      reached.queriedBy('20.0.0.1', i * MINUTE);
      reached.tick(50, i * MINUTE);
      answered.sentTo('20.0.0.1', i * MINUTE);
      answered.queriedBy('20.0.0.1', i * MINUTE + 1);
      answered.tick(50, i * MINUTE);
    }
    expect([reached.isReadOnly, reached.isReachable(60 * MINUTE)]).toEqual([false, true]);
    expect([answered.isReadOnly, answered.isReachable(60 * MINUTE)]).toEqual([true, false]);
  });

  test('ends by a query from outside, and by itself after six hours, to try again', () => {
    const standing = new DhtStanding();
    run(standing, 0, 30);
    standing.queriedBy('20.0.0.1', 31 * MINUTE);
    expect(standing.isReadOnly).toBe(false);

    const again = new DhtStanding();
    run(again, 0, 30);
    expect(again.isReadOnly).toBe(true);
    again.tick(50, TRIAL_MS + READ_ONLY_MS);
    expect([again.isReadOnly, again.isReachable(TRIAL_MS + READ_ONLY_MS)]).toEqual([false, undefined]);
    run(again, TRIAL_MS + READ_ONLY_MS + 1, 31);
    expect(again.isReadOnly).toBe(true);
  });

  test('remembers 4,096 hosts of those we sent to', () => {
    const standing = new DhtStanding();
    for (let i = 0; i < 100_000; i += 1) standing.sentTo(`host ${i}`, 0);
    standing.queriedBy('host 99999', 1);
    expect(standing.isReachable(1)).toBeUndefined();
    standing.queriedBy('host 1', 1);
    expect(standing.isReachable(1)).toBe(true);
  });
});

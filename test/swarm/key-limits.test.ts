import { describe, expect, test } from 'bun:test';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { KeyAccount, KeyLimits, MAX_OPEN_KEYS, NEW_KEYS_AN_HOUR } from '../../src/swarm/key-limits.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const HOUR = 3_600_000;
const HOST = '198.51.100.7';

function keys(count: number, from = 0): Sha256[] {
  return Array.from({ length: count }, (_, i) => sha256Of(Buffer.from(String(from + i))));
}

function opened(limits: KeyLimits, host: string, wanted: readonly Sha256[]): number {
  return wanted.filter((key) => limits.opens(host, key)).length;
}

describe('KeyLimits', () => {
  test('a thousand new keys an hour of an address group, however it connects', async () => {
    const clock = new VirtualClock();
    const limits = new KeyLimits(clock);
    expect(opened(limits, '2001:db8::1', keys(600))).toBe(600);
    expect(opened(limits, '2001:db8::2', keys(600, 600))).toBe(400);
    expect(opened(limits, HOST, keys(10))).toBe(10);
    await clock.run(HOUR - 1);
    expect(opened(limits, '2001:db8::1', keys(10, 5_000))).toBe(0);
    await clock.run(1);
    expect(opened(limits, '2001:db8::1', keys(2_000, 5_000))).toBe(NEW_KEYS_AN_HOUR);
  });

  test('what was asked for within the hour may be asked for again', () => {
    const limits = new KeyLimits(new VirtualClock());
    const first = keys(NEW_KEYS_AN_HOUR);
    expect(opened(limits, HOST, first)).toBe(NEW_KEYS_AN_HOUR);
    limits.closed(NEW_KEYS_AN_HOUR);
    expect(opened(limits, HOST, first)).toBe(NEW_KEYS_AN_HOUR);
    expect(opened(limits, HOST, keys(1, 9_999))).toBe(0);
  });

  test('so many open keys of all strangers together', () => {
    const limits = new KeyLimits(new VirtualClock());
    const wanted = keys(1_000);
    let open = 0;
    for (let i = 0; i < 70; i += 1) open += opened(limits, `20.0.${i}.7`, wanted);
    expect(open).toBe(MAX_OPEN_KEYS);
    limits.closed(3);
    expect(opened(limits, HOST, wanted)).toBe(3);
  });

  test('remembers a bounded number of groups', () => {
    const limits = new KeyLimits(new VirtualClock());
    opened(limits, HOST, keys(NEW_KEYS_AN_HOUR));
    limits.closed(NEW_KEYS_AN_HOUR);
    for (let i = 0; i < 1_024; i += 1) opened(limits, `20.${i >> 8}.${i & 255}.7`, keys(1));
    expect(opened(limits, HOST, keys(1, 9_999))).toBe(1);
  });
});

describe('KeyAccount', () => {
  test('a near peer is not counted, and one that becomes near gives back what it had as a stranger', () => {
    const limits = new KeyLimits(new VirtualClock());
    const peer = { address: HOST, trusted: false };
    const account = new KeyAccount(limits, peer);
    for (const key of keys(5)) account.opens(key);
    expect(limits.open).toBe(5);
    peer.trusted = true;
    for (const key of keys(2_000, 100)) expect(account.opens(key)).toBe(true);
    expect(limits.open).toBe(5);
    account.closed(2_005);
    expect(limits.open).toBe(0);
    account.closed(1);
    expect(limits.open).toBe(0);
  });
});

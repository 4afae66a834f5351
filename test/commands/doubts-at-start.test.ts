import { describe, expect, test } from 'bun:test';
import { doubtsAtStart } from '../../src/commands/doubts-at-start.ts';

const madeMs = Date.UTC(2026, 10, 23);
const HOUR_MS = 3600_000;

describe('doubtsAtStart()', () => {
  test('there are none on a machine that is well', () => {
    expect(doubtsAtStart({ wallMs: madeMs + 1, madeMs, addresses: ['192.0.2.7'] })).toEqual([]);
    expect(doubtsAtStart({ wallMs: madeMs - 2 * HOUR_MS, madeMs, addresses: ['192.0.2.7'] })).toEqual([]);
  });

  test('a clock that says 1970 is named, and what to do', () => {
    const [doubt, ...more] = doubtsAtStart({ wallMs: HOUR_MS, madeMs, addresses: ['192.0.2.7'] });
    expect(doubt).toStartWith("this machine's clock says 1970-01-01");
    expect(more).toEqual([]);
  });

  test('a machine without a network is told what works', () => {
    expect(doubtsAtStart({ wallMs: madeMs, madeMs, addresses: [] })).toEqual([
      expect.stringContaining('no network now'),
    ]);
  });
});

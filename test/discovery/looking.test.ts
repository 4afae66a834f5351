import { expect, test } from 'bun:test';
import { FIRST_RETRY_MS, INTERVAL_MS, LAST_RETRY_MS, Looking } from '../../src/discovery/looking.ts';

test('Looking is due at once, then every 20 minutes or so', () => {
  const looking = new Looking(5);
  expect(looking.nextMs).toBe(5);
  looking.done(false, 1000, 0.5);
  expect(looking.nextMs).toBe(1000 + INTERVAL_MS);
  looking.done(false, 0, 0);
  expect(looking.nextMs).toBe(0.75 * INTERVAL_MS);
  looking.done(false, 0, 1);
  expect(looking.nextMs).toBe(1.25 * INTERVAL_MS);
});

test('Looking comes back sooner while there are few peers, but ever more seldom', () => {
  const looking = new Looking(0);
  const waits = Array.from({ length: 7 }, () => {
    looking.done(true, 0, 0.5);
    return looking.nextMs / FIRST_RETRY_MS;
  });
  expect(waits).toEqual([1, 2, 4, 8, 15, 15, 15]);
  expect(LAST_RETRY_MS).toBe(15 * FIRST_RETRY_MS);
  looking.done(false, 0, 0.5);
  looking.done(true, 0, 0.5);
  expect(looking.nextMs).toBe(FIRST_RETRY_MS);
});

test('Looking can be hurried and put off, never the wrong way', () => {
  const looking = new Looking(0);
  looking.done(false, 0, 0.5);
  looking.hurry(7000);
  expect(looking.nextMs).toBe(7000);
  looking.hurry(8000);
  expect(looking.nextMs).toBe(7000);
  looking.postpone(9000);
  expect(looking.nextMs).toBe(9000);
  looking.postpone(1000);
  expect(looking.nextMs).toBe(9000);
});

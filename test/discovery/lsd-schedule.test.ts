import { expect, test } from 'bun:test';
import { LsdSchedule } from '../../src/discovery/lsd-schedule.ts';

const [A, B, C] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(20)) as [string, string, string];
const half = () => 0.5;

/** All that is said until `untilMs`. */
function said(
  schedule: LsdSchedule,
  untilMs: number,
): (readonly [atMs: number, infoHashes: readonly string[]])[] {
  const all: (readonly [number, readonly string[]])[] = [];
  for (let next = schedule.nextMs; next <= untilMs; next = schedule.nextMs) {
    const infoHashes = schedule.take(next);
    if (infoHashes.length > 0) all.push([next, infoHashes]);
  }
  return all;
}

test('a swarm is said at once, 1.5 s later, and then every five minutes', () => {
  const schedule = new LsdSchedule(0, half);
  expect(schedule.nextMs).toBe(Number.POSITIVE_INFINITY);
  expect(schedule.setSwarms([A, B], 0)).toEqual([A, B]);
  expect(said(schedule, 700_000)).toEqual([
    [10, [A, B]],
    [1_510, [A, B]],
    [301_510, [A, B]],
    [601_510, [A, B]],
  ]);
});

test('a swarm that is new takes no others along, those that are due within a minute go together', () => {
  const schedule = new LsdSchedule(0, half);
  schedule.setSwarms([A], 0);
  expect(said(schedule, 100_000)).toHaveLength(2);
  expect(schedule.setSwarms([A, B], 100_000)).toEqual([B]);
  expect(said(schedule, 200_000).map(([, infoHashes]) => infoHashes)).toEqual([[B], [B]]);
  schedule.setSwarms([A, B, C], 260_000);
  expect(said(schedule, 260_100)).toEqual([[260_010, [A, C]]]);
});

test('not more than four announces at once, and one a second after that, whatever happens', () => {
  const schedule = new LsdSchedule(0, half);
  let announces = 0;
  for (let ms = 0; ms < 60_000; ms += 100) {
    schedule.setSwarms([ms.toString(16).padStart(40, '0')], ms);
    announces += said(schedule, ms + 99).length;
  }
  expect(announces).toBeWithin(40, 65);
});

test('a new neighbour is answered within moments, at most every five seconds, and not in a crowd', () => {
  const schedule = new LsdSchedule(0, half);
  schedule.setSwarms([A], 0);
  expect(said(schedule, 100_000)).toHaveLength(2);
  schedule.answer(A, 1, 100_000);
  schedule.answer(B, 1, 100_000);
  expect(said(schedule, 100_500)).toEqual([[100_030, [A]]]);
  schedule.answer(A, 2, 100_600);
  expect(said(schedule, 110_000)).toEqual([[105_030, [A]]]);
  schedule.answer(A, 17, 150_000);
  expect(said(schedule, 200_000)).toEqual([]);
});

test('a further interface has everything said anew, at most every half minute', () => {
  const schedule = new LsdSchedule(0, half);
  schedule.setSwarms([A], 0);
  said(schedule, 100_000);
  schedule.hurry(100_000);
  expect(said(schedule, 103_000).map(([atMs]) => atMs)).toEqual([100_010, 101_510]);
  schedule.hurry(103_000);
  expect(said(schedule, 200_000).map(([atMs]) => atMs)).toEqual([130_010, 131_510]);
});

import { expect, test } from 'bun:test';
import { seededDraw } from './draw.ts';
import { EventClock } from './event-clock.ts';

test('EventClock runs events in order of time, those of one moment in the order of asking', () => {
  const clock = new EventClock();
  const draw = seededDraw(3);
  const due: { atMs: number; order: number }[] = [];
  const ran: { atMs: number; order: number }[] = [];
  const takeBacks: (() => void)[] = [];
  for (let order = 0; order < 30_000; order += 1) {
    const delayMs = Math.floor(draw() * 500);
    const event = { atMs: clock.nowMs() + delayMs, order };
    const takeBack = clock.after(delayMs, () => ran.push({ ...event, atMs: clock.nowMs() }));
    if (order % 2 === 0) due.push(event);
    else takeBacks.push(takeBack);
  }
  for (const takeBack of takeBacks) takeBack();
  clock.runFor(1_000);
  expect(ran).toEqual(due.sort((a, b) => a.atMs - b.atMs || a.order - b.order));
});

test('EventClock settles promises before the next event', () => {
  const clock = new EventClock();
  const said: string[] = [];
  const sayLater = async () => {
    for (let i = 0; i < 5; i += 1) await undefined;
    said.push('promise');
  };
  clock.after(1, () => void sayLater());
  clock.after(1, () => said.push('event'));
  expect(clock.runUntil(() => said.length === 2)).toBe(true);
  expect(said).toEqual(['promise', 'event']);
});

test('EventClock.runUntil() ends at its limit', () => {
  const clock = new EventClock();
  const startMs = clock.nowMs();
  clock.after(5_000, () => {});
  expect(clock.runUntil(() => false, 1_000)).toBe(false);
  expect(clock.nowMs()).toBe(startMs + 1_000);
});

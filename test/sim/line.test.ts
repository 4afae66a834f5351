import { expect, test } from 'bun:test';
import { EventClock } from './event-clock.ts';
import { Line, Stream } from './line.ts';

function streamOf(clock: EventClock, from: Line, to: Line) {
  const stream = { bytes: 0, endMs: 0, leftCalls: 0 };
  const sender = new Stream(from, to, {
    arrived: (head, zeroBytes) => {
      stream.bytes += (head?.length ?? 0) + zeroBytes;
      stream.endMs = clock.nowMs();
    },
    left: () => {
      stream.leftCalls += 1;
    },
  });
  return { seen: stream, sender };
}

test('Line shares its rate up between streams, fairly', () => {
  const clock = new EventClock();
  const from = new Line(clock, { upBytesPerSecond: 1_000_000, latencyMs: 5 });
  const startMs = clock.nowMs();
  const streams = [1, 2, 3, 4].map(() => streamOf(clock, from, new Line(clock, { latencyMs: 5 })));
  for (const { sender } of streams) sender.push(new Uint8Array(13), 1_000_000 - 13);
  clock.runFor(60_000);
  for (const { seen } of streams) {
    expect(seen.bytes).toBe(1_000_000);
    expect(seen.endMs - startMs).toBeGreaterThan(3_900);
    expect(seen.endMs - startMs).toBeLessThanOrEqual(4_011);
  }
});

test('Line shares its rate down between streams', () => {
  const clock = new EventClock();
  const to = new Line(clock, { downBytesPerSecond: 1_000_000, latencyMs: 5 });
  const startMs = clock.nowMs();
  const streams = [1, 2].map(() =>
    streamOf(clock, new Line(clock, { upBytesPerSecond: 5_000_000, latencyMs: 5 }), to),
  );
  for (const { sender } of streams) sender.push(undefined, 1_000_000);
  clock.runFor(60_000);
  const endMs = Math.max(...streams.map(({ seen }) => seen.endMs));
  expect(endMs - startMs).toBeGreaterThan(2_000);
  expect(endMs - startMs).toBeLessThan(2_050);
});

test('a few bytes overtake what other streams of the line have queued', () => {
  const clock = new EventClock();
  const from = new Line(clock, { upBytesPerSecond: 1_000_000, latencyMs: 5 });
  const startMs = clock.nowMs();
  const large = streamOf(clock, from, new Line(clock, { latencyMs: 5 }));
  const small = streamOf(clock, from, new Line(clock, { latencyMs: 5 }));
  large.sender.push(undefined, 10_000_000);
  small.sender.push(new Uint8Array(50), 0);
  clock.runFor(60_000);
  expect(small.seen.endMs - startMs).toBeLessThan(30);
  expect(large.seen.bytes).toBe(10_000_000);
});

test('a line that is down carries nothing', () => {
  const clock = new EventClock();
  const from = new Line(clock, { upBytesPerSecond: 1_000_000, latencyMs: 5 });
  const { seen, sender } = streamOf(clock, from, new Line(clock, { latencyMs: 5 }));
  sender.push(undefined, 1_000_000);
  clock.runFor(500);
  from.isDown = true;
  const before = seen.bytes;
  clock.runFor(60_000);
  expect(before).toBeGreaterThan(0);
  expect(seen.bytes - before).toBeLessThan(20_000);
});

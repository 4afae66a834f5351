import { describe, expect, test } from 'bun:test';
import { PlanTimer } from '../../src/acquire/plan-timer.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

function scene() {
  const clock = new VirtualClock();
  const plannedMs: number[] = [];
  const timer = new PlanTimer(clock, () => plannedMs.push(clock.nowMs() - startMs));
  const startMs = clock.nowMs();
  return { clock, plannedMs, timer, startMs };
}

describe('PlanTimer', () => {
  test('soon() is once for all events of a turn', async () => {
    const { timer, plannedMs } = scene();
    for (let i = 0; i < 5; i += 1) timer.soon();
    expect(plannedMs).toEqual([]);
    await Promise.resolve();
    expect(plannedMs).toEqual([0]);
  });

  test('by() brings a set time forward, and never puts it off', async () => {
    const { clock, timer, plannedMs, startMs } = scene();
    timer.by(startMs + 5);
    timer.set(startMs + 100);
    timer.by(startMs + 20);
    timer.by(startMs + 50);
    await clock.run(200);
    expect(plannedMs).toEqual([20]);
  });

  test('after stop() nothing runs, not even what was due soon', async () => {
    const { clock, timer, plannedMs, startMs } = scene();
    timer.set(startMs + 10);
    timer.soon();
    timer.stop();
    timer.set(startMs + 20);
    await Promise.resolve();
    await clock.run(100);
    expect(plannedMs).toEqual([]);
  });
});

import { beforeEach, describe, expect, test } from 'bun:test';
import {
  Patience,
  SILENT_FOR_MS,
  SILENT_WAIT_MS,
  SLOW_IN_ALL_MS,
  WELL_IN_ALL_MS,
  WELL_WAIT_MS,
} from '../../src/archive/patience.ts';
import { ManualClock, settled } from './samples.ts';

let clock: ManualClock;
let silentMs: number | undefined;
let patience: Patience;

beforeEach(() => {
  clock = new ManualClock();
  silentMs = undefined;
  patience = new Patience({ clock, silentMs: () => silentMs });
});

const never = new Promise<string>(() => {});

/** How long it waits for what never comes, in steps of 10 ms; parts come as `heard` says. */
async function waited(heard: (ms: number) => boolean = () => false, host = 'mirror'): Promise<number> {
  const startedMs = clock.nowMs();
  let heardMs: number | undefined;
  let isOver = false;
  const waiting = patience
    .wait(host, never, () => heardMs)
    .then((result) => {
      expect(result).toBeUndefined();
      isOver = true;
    });
  await settled();
  while (!isOver) {
    clock.advance(10);
    if (heard(clock.nowMs() - startedMs)) heardMs = clock.nowMs();
    await settled();
  }
  await waiting;
  expect(clock.timers).toBe(0);
  return clock.nowMs() - startedMs;
}

describe('Patience.wait()', () => {
  test('gives what comes in time, and leaves no timer', async () => {
    expect(await patience.wait('mirror', Promise.resolve('word'), () => undefined)).toBe('word');
    expect(clock.timers).toBe(0);
  });

  test('rejects as the work does', async () => {
    const failing = Promise.reject(new Error('refused'));
    await expect(patience.wait('mirror', failing, () => undefined)).rejects.toThrow('refused');
    expect(clock.timers).toBe(0);
  });

  test('waits a second and a half for a host that nothing is known of', async () => {
    expect(await waited()).toBe(WELL_WAIT_MS);
  });

  test('as long again after each part that comes, ten seconds in all', async () => {
    expect(await waited((ms) => ms === 1000)).toBe(1000 + WELL_WAIT_MS);
    patience.answered('mirror', 10);
    expect(await waited(() => true)).toBe(WELL_IN_ALL_MS);
  });

  test('for one that was just silent, a moment, but as for any once it begins', async () => {
    await waited();
    expect(await waited()).toBe(SILENT_WAIT_MS);
    expect(await waited((ms) => ms === 30)).toBe(30 + WELL_WAIT_MS);
    expect(await waited(undefined, 'another')).toBe(WELL_WAIT_MS);
  });

  test('also where it was others that waited in vain, or the transfer was given up', async () => {
    silentMs = clock.nowMs();
    expect(await waited()).toBe(SILENT_WAIT_MS);
    silentMs = undefined;
    patience.gaveUp('another');
    expect(await waited(undefined, 'another')).toBe(SILENT_WAIT_MS);
  });

  test('silence is old news after a minute', async () => {
    silentMs = clock.nowMs();
    await waited();
    clock.advance(SILENT_FOR_MS);
    expect(await waited()).toBe(WELL_WAIT_MS);
  });

  test('one that answers again is well', async () => {
    await waited();
    patience.answered('mirror', 100);
    expect(await waited()).toBe(WELL_WAIT_MS);
  });

  test('one whose answer came late is waited for the next time, nearly as long as apt waits', async () => {
    await waited();
    patience.answered('mirror', WELL_WAIT_MS + 1);
    expect(await waited()).toBe(SLOW_IN_ALL_MS);
    patience.answered('mirror', WELL_WAIT_MS);
    expect(await waited()).toBe(WELL_WAIT_MS);
  });

  test('a slow one that says nothing at all is slow no longer', async () => {
    patience.answered('mirror', 5000);
    patience.gaveUp('mirror');
    clock.advance(SILENT_FOR_MS);
    expect(await waited()).toBe(WELL_WAIT_MS);
  });

  test('remembers 256 hosts, the least recently noted one goes first', async () => {
    for (let i = 0; i <= 256; i += 1) patience.gaveUp(`host-${i}`);
    expect(await waited(undefined, 'host-0')).toBe(WELL_WAIT_MS);
    expect(await waited(undefined, 'host-2')).toBe(SILENT_WAIT_MS);
  });
});

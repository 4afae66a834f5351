import { describe, expect, test } from 'bun:test';
import { Events } from '../../src/status/events.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { busy, history } from './fixtures.ts';

const BEAT_MS = 2000;

function played() {
  const clock = new VirtualClock();
  const node = { snapshot: busy, asked: 0 };
  const events = new Events({
    clock,
    history: () => history,
    snapshot: () => {
      node.asked += 1;
      return node.snapshot;
    },
  });
  return { clock, node, events };
}

/** What one page is sent: the sections of each beat. */
function reading(stream: ReadableStream<Uint8Array> | undefined) {
  const reader = stream?.getReader();
  const next = async (): Promise<Record<string, string> | 'end' | undefined> => {
    const { value, done } = (await reader?.read()) ?? { done: true };
    if (done || !value) return 'end';
    const [, data] = /^data: (.*)$/m.exec(new TextDecoder().decode(value)) ?? [];
    return data === undefined ? undefined : JSON.parse(data);
  };
  return { next, cancel: () => reader?.cancel() };
}

const never = new AbortController().signal;

describe('Events', () => {
  test('sends every section first, then those that changed', async () => {
    const { clock, node, events } = played();
    const page = reading(events.open(true, never));
    expect(await page.next()).toBeUndefined();
    await clock.run(BEAT_MS);
    const first = (await page.next()) as Record<string, string>;
    expect(Object.keys(first)).toContain('savings');
    expect(first.peers).toContain('192.0.2.7:9989');
    await clock.run(BEAT_MS);
    expect(await page.next()).toEqual({});
    node.snapshot = { ...busy, peers: [] };
    await clock.run(BEAT_MS);
    expect(Object.keys((await page.next()) as object)).toEqual(['peers']);
    events[Symbol.dispose]();
    expect([await page.next(), clock.pending]).toEqual(['end', 0]);
  });

  test('tells other machines nothing that is not for them', async () => {
    const { clock, events } = played();
    const page = reading(events.open(false, never));
    await page.next();
    await clock.run(BEAT_MS);
    const text = JSON.stringify(await page.next());
    expect(text).toContain('Debian bookworm amd64');
    expect(text).not.toMatch(/192\.0\.2\.7|hello_2\.10|198\.51\.100\.9|203\.0\.113\.7|apt\.example\.org/);
    events[Symbol.dispose]();
  });

  test('skips beats of a page that does not read, and sends it the newest then', async () => {
    const { clock, node, events } = played();
    const page = reading(events.open(true, never));
    for (let beat = 1; beat <= 50; beat += 1) {
      node.snapshot = { ...busy, uptimeSeconds: beat * 60 };
      await clock.run(BEAT_MS);
    }
    await page.next();
    await clock.run(BEAT_MS);
    const sections = (await page.next()) as Record<string, string>;
    expect(sections.since).toContain('50 min');
    events[Symbol.dispose]();
  });

  test('does nothing while nobody looks, and forgets who has gone', async () => {
    const { clock, node, events } = played();
    await clock.run(10 * BEAT_MS);
    const gone = new AbortController();
    events.open(true, gone.signal);
    const page = reading(events.open(true, never));
    await page.cancel();
    expect(events.pages).toBe(1);
    gone.abort();
    expect(events.pages).toBe(0);
    await clock.run(10 * BEAT_MS);
    expect([node.asked, clock.pending]).toEqual([0, 0]);
  });

  test('opens so many pages and no more, and always leaves room for this machine’s own', () => {
    const { events } = played();
    const strangers = Array.from({ length: 100 }, () => events.open(false, never));
    expect(strangers.filter((stream) => stream !== undefined).length).toBe(24);
    const own = Array.from({ length: 100 }, () => events.open(true, never));
    expect(own.filter((stream) => stream !== undefined).length).toBe(8);
    events[Symbol.dispose]();
    expect(events.pages).toBe(0);
    expect(events.open(true, never)).toBeUndefined();
  });
});

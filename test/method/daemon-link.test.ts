import { describe, expect, test } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { DaemonGone, DaemonLink, type Fetch } from '../../src/method/daemon-link.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { errorOf } from '../fixtures/world.ts';

const DAEMON = { host: '127.0.0.1', port: 9988 };
const refused = () => Object.assign(new Error('refused'), { code: 'ConnectionRefused' });

/** A fetch that rejects when it is aborted. */
function never(signal: AbortSignal | null | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
}

/** A daemon that answers as told and notes what it was asked. */
function played(answer: (path: string, init: RequestInit) => Promise<Response> | Response) {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const fetchIt: Fetch = async (url, init) => {
    const path = url.replace('http://127.0.0.1:9988', '');
    asked.push(path);
    return await answer(path, init);
  };
  return { clock, asked, link: new DaemonLink(DAEMON, clock, fetchIt) };
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

describe('DaemonLink', () => {
  test('gives the answer as it comes', async () => {
    const { link, clock } = played(() => new Response('bytes', { status: 206, headers: { 'X-A': 'b' } }));
    const answer = await link.get('/host:80/x', {});
    expect(answer).toMatchObject({ status: 206 });
    expect(answer.headers.get('x-a')).toBe('b');
    expect(await textOf(answer.body)).toBe('bytes');
    expect(clock.pending).toBe(0);
  });

  test('refused once: it is asked again after a moment, as it may be restarting', async () => {
    let times = 0;
    const { link, clock } = played(() => {
      times += 1;
      if (times === 1) throw refused();
      return new Response('there');
    });
    expect((await clock.until(link.get('/x', {}))).status).toBe(200);
  });

  test('refused twice: dead, for all, and asked for its health after a while', async () => {
    let isUp = false;
    const { link, clock, asked } = played(() => {
      if (!isUp) throw refused();
      return new Response('ok');
    });
    expect(await clock.until(errorOf(link.get('/x', {})))).toBeInstanceOf(DaemonGone);
    expect(link.isThere).toBe(false);
    await clock.run(5_000);
    expect(link.isThere).toBe(false);
    isUp = true;
    await clock.run(1_000);
    expect(link.isThere).toBe(true);
    asked.length = 0;
    await clock.run(10_000);
    expect(asked).toEqual([]);
  });

  test('silent and not well: gone within four seconds, before its head and in the middle of a body', async () => {
    const head = played((_path, { signal }) => never(signal));
    const startMs = head.clock.nowMs();
    expect(await head.clock.until(errorOf(head.link.get('/x', {})))).toBeInstanceOf(DaemonGone);
    expect(head.clock.nowMs() - startMs).toBeLessThanOrEqual(4_000);

    const body = played((path, { signal }) => {
      if (path === '/healthz') return never(signal);
      const start = new Uint8Array(3);
      return new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(start);
            signal?.addEventListener('abort', () => controller.error(signal.reason));
          },
        }),
      );
    });
    const answer = await body.link.get('/x', {});
    expect(await body.clock.until(errorOf(textOf(answer.body)))).toBeInstanceOf(DaemonGone);
    expect(body.link.isThere).toBe(false);
  });

  test('silent but well: waited for, a minute long', async () => {
    const late = Promise.withResolvers<Response>();
    const { link, clock, asked } = played((path, { signal }) =>
      path === '/healthz' ? new Response('ok') : Promise.race([late.promise, never(signal)]),
    );
    const answer = link.get('/x', {});
    await clock.run(40_000);
    expect(asked.filter((path) => path === '/healthz').length).toBeGreaterThan(5);
    late.resolve(new Response('late'));
    expect((await answer).status).toBe(200);

    const other = played((path, { signal }) => (path === '/healthz' ? new Response('ok') : never(signal)));
    const cut = await other.clock.until(errorOf(other.link.get('/x', {})));
    expect(cut).not.toBeInstanceOf(DaemonGone);
    expect(cut?.message).toContain('nothing any more');
  });

  test('one question for its health, however many requests are silent', async () => {
    const { link, clock, asked } = played((_path, { signal }) => never(signal));
    const all = ['/a', '/b', '/c'].map((path) => errorOf(link.get(path, {})));
    for (const error of await clock.until(Promise.all(all))) expect(error).toBeInstanceOf(DaemonGone);
    expect(asked.filter((path) => path === '/healthz')).toHaveLength(1);
  });

  test('busy with others: who says anything at all isn’t dead, even when it has no time for its health', async () => {
    const { link, clock } = played((path, { signal }) => {
      if (path === '/silent' || path === '/healthz') return never(signal);
      return new Response('something');
    });
    let end = '';
    const silent = errorOf(link.get('/silent', {})).then((error) => {
      end = error.message;
    });
    for (let i = 0; i < 20; i += 1) {
      await clock.run(1_000);
      await link.get('/x', {});
    }
    expect(end).toBe('');
    expect(link.isThere).toBe(true);
    await clock.until(silent);
    expect(link.isThere).toBe(false);
  });

  test('a cut is no death', async () => {
    const { link } = played(() => {
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    });
    const error = await errorOf(link.get('/x', {}));
    expect(error).not.toBeInstanceOf(DaemonGone);
    expect(link.isThere).toBe(true);
  });

  test('a limit holds for all files together, and resting for it is nobody’s silence', async () => {
    const { link, clock } = played(() => new Response(new Uint8Array(200_000)));
    const bucket = new TokenBucket(2000, clock.nowMs());
    const startedMs = clock.nowMs();
    const read = async () => textOf((await link.get('/x', {}, { bucket })).body);
    const texts = await clock.until(Promise.all([read(), read()]), 400_000);
    expect(texts.map((text) => text.length)).toEqual([200_000, 200_000]);
    const seconds = (clock.nowMs() - startedMs) / 1000;
    expect(seconds).toBeGreaterThan(180);
    expect(seconds).toBeLessThan(210);
    expect(clock.pending).toBe(0);
  });

  test('a daemon that lives and sends nothing is waited for as long as the operator says', async () => {
    const { link, clock } = played((path, init) =>
      path === '/healthz' ? new Response('ok') : never(init.signal),
    );
    const startedMs = clock.nowMs();
    const error = await clock.until(errorOf(link.get('/x', {}, { giveUpMs: 10_000 })));
    expect(error.message).toContain('sends nothing any more');
    expect((clock.nowMs() - startedMs) / 1000).toBeLessThan(14);
  });
});

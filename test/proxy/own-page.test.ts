import { describe, expect, test } from 'bun:test';
import { LoopGuard } from '../../src/proxy/loop-guard.ts';
import { createPagesDoor } from '../../src/proxy/pages-door.ts';
import { startProxyServer } from '../../src/proxy/server.ts';

/** A page of events that the test sends, behind the real server. */
async function served() {
  let send: (text: string) => void = () => {};
  const gone = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start(out) {
      send = (text) => out.enqueue(new TextEncoder().encode(text));
    },
    cancel: () => gone.resolve(),
  });
  const pages = {
    fetch: (request: Request) => {
      request.signal.addEventListener('abort', () => gone.resolve());
      return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
    },
  };
  const door = createPagesDoor({ pages, loopGuard: new LoopGuard() });
  const server = await startProxyServer({ listen: { host: '127.0.0.1', port: 0 }, door });
  return {
    url: `http://127.0.0.1:${server.address.port}/api/events`,
    send: (text: string) => send(text),
    gone: gone.promise,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('answerOwnPage()', () => {
  test('hands events on as they come, and lets go of them with the client', async () => {
    await using page = await served();
    const client = new AbortController();
    const asked = fetch(page.url, { signal: client.signal });
    page.send('data: 1\n\n');
    const answer = await asked;
    const reader = answer.body?.getReader();
    const text = async () => new TextDecoder().decode((await reader?.read())?.value);
    expect(answer.headers.get('content-length')).toBeNull();
    expect(await text()).toBe('data: 1\n\n');
    page.send('data: 2\n\n');
    expect(await text()).toBe('data: 2\n\n');
    client.abort();
    await page.gone;
  });

  test('answers HEAD without waiting for events', async () => {
    await using page = await served();
    const answer = await fetch(page.url, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    await page.gone;
  });
});

import { describe, expect, test } from 'bun:test';
import type { Door } from '../../src/proxy/exchange.ts';
import { startProxyServer } from '../../src/proxy/server.ts';
import { eventually } from '../fixtures/eventually.ts';
import { RawClient } from './raw-client.ts';

const APT = 'User-Agent: Debian APT-HTTP/1.3 (2.6.2)';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const listen = { host: '127.0.0.1', port: 0 };

/** Answers each target when the test opens it. */
async function bench() {
  const gates = new Map<string, () => void>();
  const door: Door = async ({ request, response }) => {
    const target = request.url ?? '';
    await new Promise<void>((resolve) => gates.set(target, resolve));
    response.writeHead(200, { 'Content-Length': target.length }).end(target);
  };
  const server = await startProxyServer({ listen, door, awakeMs: 40, graceMs: 0 });
  const client = await RawClient.open(server.address.port);
  let text = '';
  client.socket.on('data', (data: Buffer) => {
    text += data.toString('latin1');
  });
  return {
    text: () => text,
    send: (targets: readonly string[], ...fields: readonly string[]) => {
      const head = (target: string) => [`GET ${target} HTTP/1.1`, 'Host: x', ...fields].join('\r\n');
      client.socket.write(targets.map((target) => `${head(target)}\r\n\r\n`).join(''));
    },
    open: async (target: string) => {
      await eventually(`${target} is asked for`, async () => gates.has(target));
      gates.get(target)?.();
    },
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** What was said before the head of each answer: "/a": how many words. */
const words = (text: string) => text.split('HTTP/1.1 200').map((part) => part.split(CONTINUE).length - 1);

describe('Awake', () => {
  test('apt that waits hears "100 Continue" again and again, then the answer', async () => {
    await using proxy = await bench();
    proxy.send(['/a'], APT);
    await eventually('three words', async () => (words(proxy.text())[0] ?? 0) >= 3);
    await proxy.open('/a');
    await eventually('the answer', async () => proxy.text().endsWith('/a'));
    expect(proxy.text()).toStartWith(CONTINUE);
  });

  test('of a pipeline only the first answer is announced, each in its turn', async () => {
    await using proxy = await bench();
    proxy.send(['/a', '/b', '/c'], APT);
    await eventually('a word for /a', async () => (words(proxy.text())[0] ?? 0) >= 1);
    await proxy.open('/b');
    await proxy.open('/a');
    await eventually('a word for /c', async () => (words(proxy.text())[2] ?? 0) >= 1);
    await proxy.open('/c');
    await eventually('all three', async () => proxy.text().endsWith('/c'));
    const [beforeA = 0, beforeB, beforeC = 0, after] = words(proxy.text());
    expect(beforeA).toBeGreaterThan(0);
    expect(beforeC).toBeGreaterThan(0);
    expect([beforeB, after]).toEqual([0, 0]);
  });

  test.each([
    ['another client', 'User-Agent: curl/8'],
    ['nobody in particular', 'X: y'],
  ])('%s is sent nothing but the answer', async (_name, field) => {
    await using proxy = await bench();
    proxy.send(['/a'], field);
    await Bun.sleep(150); // Time for three words.
    await proxy.open('/a');
    await eventually('the answer', async () => proxy.text().endsWith('/a'));
    expect(proxy.text()).toStartWith('HTTP/1.1 200');
  });
});

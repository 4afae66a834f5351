/**
 * A mirror that is ill in every way: what is in the cache is served all the same, index files included, and what isn't
 * gets a clear answer in seconds, of a kind that apt tries again. Real apt-get at its defaults, the built binary.
 */
import { describe, expect, test } from 'bun:test';
import { expectRight, QUICK } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import type { Fault, MirrorServer } from '../fixtures/mirror-server.ts';
import { Scene } from '../fixtures/scene.ts';
import { errorOf } from '../fixtures/world.ts';

const head = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`;

/** What the mirror does to every request; `off` closes its port. */
const TROUBLES: readonly (readonly [name: string, trouble: Fault | 'off'])[] = [
  ['refuses', 'off'],
  ['resets', { reset: true }],
  ['accepts and hangs', { hang: true }],
  ['sends garbage', { raw: 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n' }],
  ['sends half a head', { raw: 'HTTP/1.1 200 OK\r\nContent-Len' }],
  ['answers 500', { status: 500 }],
  ['answers 503 without a body', { raw: 'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n' }],
  ['redirects to itself', { raw: 'HTTP/1.1 302 Found\r\nLocation: ?\r\nContent-Length: 0\r\n\r\n' }],
  [
    'redirects into the network',
    { raw: 'HTTP/1.1 302 Found\r\nLocation: http://10.9.8.7/\r\nContent-Length: 0\r\n\r\n' },
  ],
  ['states a wrong length', { raw: `${head('Content-Length: 1000000')}short` }],
  ['sends another file', { raw: `${head('Content-Length: 5')}other` }],
];

async function strike(mirror: MirrorServer, trouble: Fault | 'off'): Promise<void> {
  if (trouble === 'off') await mirror.switchOff();
  else mirror.fault(/./, trouble);
}

/** As apt would ask it through the proxy. */
async function ask(daemon: Daemon, url: string): Promise<{ status: number; text: string; ms: number }> {
  const startMs = performance.now();
  const answer = await fetch(url, { proxy: daemon.proxyUrl, keepalive: false } as RequestInit);
  return { status: answer.status, text: await answer.text(), ms: performance.now() - startMs };
}

describe.each(TROUBLES)('a mirror that %s', (name, trouble) => {
  test('costs nobody what is in the cache, and what is not fails clearly', async () => {
    await using scene = await Scene.open();
    const { mirror, archive } = scene;
    const daemon = await scene.daemon();
    const client = await scene.apt(daemon);
    expectRight(archive, await client.download(QUICK), QUICK);
    await strike(mirror, trouble);

    // Another machine's first update: Error-Mode is "any", so not a warning is overlooked.
    // Where the mirror answers with another file, APT gets just that, as it would without us.
    if (name !== 'sends another file') {
      const other = await scene.apt(daemon);
      expectRight(archive, await other.download(QUICK), QUICK);
    }
    expectRight(archive, await client.download(QUICK), QUICK);

    const missing = await ask(daemon, `${mirror.url}/${archive.file('large').path}`);
    expect([500, 502, 503, 504]).toContain(missing.status);
    expect(missing.text.length).toBeGreaterThan(20);
    expect(missing.ms).toBeLessThan(25_000);

    const asking = ask(daemon, `${mirror.url}/something/else.deb`);
    if (name === 'states a wrong length') {
      // Its head has gone out with the first bytes: cut, which is what apt would have got from the mirror.
      expect(await errorOf(asking)).toMatchObject({ code: 'ECONNRESET' });
      return;
    }
    const unknown = await asking;
    if (name === 'sends another file') expect(unknown.text).toBe('other');
    else expect([500, 502, 503, 504]).toContain(unknown.status);
    expect(unknown.text).not.toBe('');
    expect(unknown.ms).toBeLessThan(25_000);
    console.log(
      `${name}: missing ${missing.status} in ${missing.ms.toFixed(0)} ms, unknown ${unknown.status} in ${unknown.ms.toFixed(0)} ms`,
    );
  });
});

test('apt tries again what failed with 504, and gets it when the mirror is back', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const client = await scene.apt(daemon);
  scene.mirror.fault(/medium/, { hang: true });
  const downloading = client.download(['medium']);
  const asked = () => scene.mirror.poolRequests.length;
  while (asked() < 2) await Bun.sleep(50);
  scene.mirror.clearFaults();
  expectRight(scene.archive, await downloading, ['medium']);
});

test('a name that does not resolve: 502 with the reason', async () => {
  await using scene = await Scene.open();
  const daemon = await scene.daemon();
  const { status, text } = await ask(daemon, 'http://no-such-mirror.invalid/debian/dists/sid/InRelease');
  expect(status).toBeOneOf([502, 504]);
  expect(text).toContain('no-such-mirror.invalid');
});

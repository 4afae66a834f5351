import { describe, expect, test } from 'bun:test';
import { statusRoutes } from '../../src/status/routes.ts';
import { busy, idle } from './fixtures.ts';

const get = (path: string, { details = true, snapshot = busy } = {}) =>
  statusRoutes({ snapshot: () => snapshot }).request(path, {}, { details });

describe('statusRoutes()', () => {
  test('/api/status is the snapshot', async () => {
    const answer = await get('/api/status');
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(await answer.json()).toEqual(busy as never);
  });

  test('/api/status and / tell a stranger no address, path or ban', async () => {
    for (const path of ['/api/status', '/']) {
      const text = await (await get(path, { details: false })).text();
      expect(text).not.toMatch(
        /192\.0\.2\.7|hello_2\.10|198\.51\.100\.9|203\.0\.113\.7|tracker\.example\.org|apt\.example\.org/,
      );
      expect(text).toContain('Debian bookworm amd64');
    }
  });

  test('/ shows savings, sources, swarms, reach, trackers, archives, peers, transfers, store and bans', async () => {
    const answer = await get('/');
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toContain('text/html');
    for (const part of [
      '87.5 %',
      '7.00 GiB',
      'Debian bookworm amd64',
      '192.0.2.7:9989',
      '99.9 %',
      '198.51.100.9',
      'not reachable from outside at 203.0.113.7:9989',
      'udp://tracker.example.org:6969/announce',
      'ftp.de.debian.org/debian/dists/bookworm',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('/ says what limits hold now', async () => {
    const limits = {
      monthlyUpload: { month: '2026-11', bytes: 0, limitBytes: 2 ** 30 },
      upload: { wanBytesPerSecond: 0, paused: ['on battery'] },
      businessHours: false,
      cache: { limitBytes: 1, minFreeBytes: 2 ** 31, freeBytes: 2 ** 30 },
    };
    const text = await (await get('/', { snapshot: { ...busy, limits } })).text();
    expect(text).toContain('0 B of 1.00 GiB in 2026-11; nothing now: on battery.');
    expect(text).toContain('The disk is nearly full');
    expect(text).toContain('The disk has 1.00 GiB free, and 2.00 GiB are to stay so');
  });

  test('/ of a new daemon has no figure that is not a number', async () => {
    const text = await (await get('/', { snapshot: idle })).text();
    expect(text).toContain('Nothing yet');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('/ escapes what strangers wrote', async () => {
    const text = await (await get('/')).text();
    expect(text).not.toContain('<script>');
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toContain('<b>');
  });

  test('/ allows files of its own, and nothing inline or from elsewhere', async () => {
    const answer = await get('/');
    const policy = answer.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*|data:/);
    const text = await answer.text();
    expect(text).not.toMatch(/(?:src|href)="(?!\/[^/])/);
    expect(text).not.toMatch(/ style=| on\w+=|<style|<script>/);
  });

  test('/assets/ has each file that the page names, and no other', async () => {
    const page = await (await get('/')).text();
    const named = new Set([...page.matchAll(/"\/assets\/([^"]+)"/g)].map(([, name = '']) => name));
    expect([...named].sort()).toEqual(['icon.svg', 'page.css', 'page.js']);
    for (const name of named) {
      const answer = await get(`/assets/${name}`);
      expect([answer.status, (await answer.text()).length > 100]).toEqual([200, true]);
      expect(answer.headers.get('content-type')).toMatch(/svg|css|javascript/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect((await get('/assets/page.ts')).status).toBe(404);
    expect((await get('/assets/..%2f..%2fpackage.json')).status).toBe(404);
  });

  test('/api/events is refused when too many are open, and where there are none', async () => {
    const answer = await get('/api/events');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '30']);
  });

  test('/healthz says ok, other paths 404 with a text', async () => {
    const healthz = await get('/healthz');
    expect(await healthz.text()).toBe('ok\n');
    expect(healthz.headers.get('Server')).toBe('DebTorrent');
    const missing = await get('/api/nothing');
    expect(missing.status).toBe(404);
    expect(await missing.text()).not.toBe('');
  });

  describe('/api/import', () => {
    const asked: string[] = [];
    const app = statusRoutes({
      snapshot: () => busy,
      imports: {
        progress: () => ({ running: true, files: 3 }),
        start: (directory) => {
          if (directory === '/none') throw new Error('could not read /none');
          asked.push(directory);
        },
      },
    });
    const post = (body: string, { details = true, admin = true } = {}) =>
      app.request(
        '/api/import',
        { method: 'POST', body, headers: admin ? { 'X-DebTorrent': '1' } : {} },
        { details },
      );

    test('begins one for a program of this machine, and shows how far it is', async () => {
      const answer = await post('{"directory":"/var/cache/apt/archives"}');
      expect([answer.status, await answer.json()]).toEqual([202, { running: true, files: 3 }]);
      expect(asked).toEqual(['/var/cache/apt/archives']);
      expect(await (await app.request('/api/import', {}, { details: true })).json()).toEqual({
        running: true,
        files: 3,
      });
    });

    test('is refused to strangers, to pages of other sites, and for what is no folder', async () => {
      expect((await post('{"directory":"/x"}', { details: false })).status).toBe(403);
      expect((await post('{"directory":"/x"}', { admin: false })).status).toBe(403);
      expect((await app.request('/api/import', {}, { details: false })).status).toBe(403);
      for (const body of ['', '[]', '{"directory":7}', '{"directory":"x"}'])
        expect((await post(body)).status).toBe(400);
      const objection = await post('{"directory":"/none"}');
      expect([objection.status, await objection.text()]).toEqual([409, 'could not read /none\n']);
      expect(asked).toEqual(['/var/cache/apt/archives']);
    });
  });
});

import { describe, expect, test } from 'bun:test';
import { Hono } from 'hono';
import { addCacheRoutes } from '../../src/status/cache-routes.ts';
import type { StatusEnv } from '../../src/status/routes.ts';

function scene() {
  const calls: string[] = [];
  const app = new Hono<StatusEnv>();
  const cache = {
    list: () => [{ name: 'a' }],
    progress: undefined,
    verify() {
      if (calls.includes('verify')) throw new Error('that is being done already');
      calls.push('verify');
    },
    prune(toBytes: number) {
      calls.push(`prune ${toBytes}`);
      return { files: 1, bytes: 2 };
    },
  };
  addCacheRoutes(app, cache, 'x-admin');
  const ask = async (path: string, { details = true, body = '', admin = true } = {}) => {
    const request = new Request(`http://localhost/api/cache/${path}`, {
      ...(body !== '' && { method: 'POST', body }),
      headers: admin ? { 'x-admin': '1' } : {},
    });
    return (await app.fetch(request, { details })).status;
  };
  return { ask, calls };
}

describe('addCacheRoutes()', () => {
  test('nothing is told to other machines, and nothing done for them or for pages of other sites', async () => {
    const { ask, calls } = scene();
    for (const path of ['files', 'verify']) expect(await ask(path, { details: false })).toBe(403);
    for (const path of ['prune', 'verify']) {
      expect(await ask(path, { body: '{"toBytes":0}', details: false })).toBe(403);
      expect(await ask(path, { body: '{"toBytes":0}', admin: false })).toBe(403);
    }
    expect(calls).toEqual([]);
  });

  test('this machine is answered, and a size without sense refused', async () => {
    const { ask, calls } = scene();
    expect(await ask('files', { admin: false })).toBe(200);
    expect(await ask('verify', { body: '{}' })).toBe(202);
    expect(await ask('verify', { body: '{}' })).toBe(409);
    for (const body of ['{}', 'x', '{"toBytes":-1}', '{"toBytes":"1"}'])
      expect(await ask('prune', { body })).toBe(400);
    expect(await ask('prune', { body: '{"toBytes":7}' })).toBe(200);
    expect(calls).toEqual(['verify', 'prune 7']);
  });
});

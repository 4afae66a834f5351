import { expect, spyOn, test } from 'bun:test';
import { request } from 'node:http';
import { setLogLevel } from '../../src/lib/log.ts';
import { startProxyServer } from '../../src/proxy/server.ts';
import { eventually } from '../fixtures/eventually.ts';

test('startProxyServer() notes each request with its id when debugging, without what is secret in it', async () => {
  using stack = new DisposableStack();
  const ids: (string | undefined)[] = [];
  await using server = await startProxyServer({
    listen: { host: '127.0.0.1', port: 0 },
    door: async ({ id, response }) => {
      ids.push(id);
      response.writeHead(404).end('no');
    },
  });
  const written = stack.adopt(spyOn(process.stderr, 'write'), (spy) => spy.mockRestore());
  const lines = () => written.mock.calls.map(([text]) => String(text)).join('');
  const get = (path: string) => {
    const { host, port } = server.address;
    return new Promise<void>((resolve, reject) => {
      const asked = request({ host, port, path, agent: false }, (answer) => {
        answer.resume().on('end', resolve);
      });
      asked.on('error', reject).end();
    });
  };
  await get('/quiet');
  setLogLevel('debug');
  stack.defer(() => setLogLevel('info'));
  await get('http://someone:word@example.org/a?token=secret');
  await get('/b');
  await eventually('both are noted', async () => lines().includes('#3 GET'));
  expect(ids).toEqual(['#1', '#2', '#3']);
  expect(lines()).toMatch(/#2 GET http:\/\/\*\*\*@example\.org\/a\?\*\*\*: 404, \d+ ms/);
  expect(lines()).not.toMatch(/quiet|word|secret/);
});

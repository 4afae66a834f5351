import { afterEach, expect, spyOn, test } from 'bun:test';
import { runStatus } from '../../src/commands/status.ts';
import { UsageError } from '../../src/lib/errors.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { busy } from '../status/fixtures.ts';

const args = (url: string, json = false) => ({
  args: { _: [], url, json, watch: false, check: false },
});
const stack: Disposable[] = [];
afterEach(() => {
  for (const used of stack.splice(0)) used[Symbol.dispose]();
});

function daemon(answer: () => Response): string {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer });
  stack.push(server);
  return server.url.href;
}

function printed(): () => string {
  const spy = spyOn(process.stdout, 'write').mockImplementation(() => true);
  stack.push(spy);
  return () => spy.mock.calls.map(([text]) => String(text)).join('');
}

test('runStatus() prints the table, or JSON for programs', async () => {
  const url = daemon(() => Response.json(busy));
  const output = printed();
  await runStatus(args(url));
  expect(output()).toContain('DebTorrent');
  await runStatus(args(url, true));
  expect(JSON.parse(output().slice(output().indexOf('{')))).toEqual(busy);
});

test('runStatus() says how to start a daemon that does not answer', async () => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('') });
  const url = server.url.href;
  await server.stop(true);
  await expect(runStatus(args(url))).rejects.toThrow(/could not reach the daemon .* "debtorrent serve"/);
});

test('runStatus() asks a seed where no daemon answers, unless it is told whom to ask', async () => {
  const dead = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('') });
  const usual = [dead.url.href, daemon(() => Response.json(busy))];
  await dead.stop(true);
  const output = printed();
  await runStatus({ args: { _: [], json: true, watch: false } as never }, usual);
  expect(JSON.parse(output())).toEqual(busy);
});

test('runStatus() refuses answers of somebody else and URLs that are none', async () => {
  await expect(runStatus(args(daemon(() => new Response('<title>approx server'))))).rejects.toThrow(
    "isn't debtorrent",
  );
  await expect(runStatus(args('nonsense'))).rejects.toThrow(UsageError);
});

test('runStatus() --check says what is wrong, and by its code whether APT is affected', async () => {
  const output = printed();
  const checked = async (snapshot: StatusSnapshot) =>
    await runStatus({ args: { _: [], url: daemon(() => Response.json(snapshot)), check: true } as never });
  expect(await checked(busy)).toBe(3);
  expect(output()).toContain('trouble: apt.example.org/dists/x is no longer valid. ');
  expect(await checked({ ...busy, releases: [] })).toBe(0);
  expect(output()).toContain('note: One peer is banned');
});

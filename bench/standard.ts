/**
 * A standard torrent between `debtorrent fetch` and libtorrent over loopback, against libtorrent with itself: one to one,
 * each way; and a crowd of libtorrent clients behind a seed with an upload limit. All engines take turns in each round;
 * what is printed is each one's seconds, and the best of it against the best of libtorrent alone: until the last piece is
 * verified, ours from the start of the process, libtorrent's from the connection.
 *
 *   node scripts/bun.mjs bench/standard.ts [--rounds 3] [--megabytes 1000] [--kind v2] [--crowd-megabytes 100]
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Subprocess } from 'bun';
import { DEBTORRENT } from '../test/fixtures/daemon.ts';
import { freePort } from '../test/fixtures/free-port.ts';
import { PLAIN_ENV, runWell } from '../test/fixtures/run.ts';
import { workDir } from './lib/work-dir.ts';

const LIBTORRENT = ['/usr/bin/python3', join(import.meta.dir, 'libtorrent-peer.py')];
const OURS = [...DEBTORRENT, 'fetch', '--json', '--no-dht', '--no-lan'];
const CROWD = 8;
const CROWD_BYTES_PER_SECOND = 10_000_000;

interface Payload {
  readonly torrent: string;
  /** Where the file lies. */
  readonly folder: string;
}

type Child = Subprocess<'pipe', 'pipe', 'inherit'>;

function spawn(command: readonly string[]): Child {
  return Bun.spawn([...command], { env: PLAIN_ENV, stdio: ['pipe', 'pipe', 'inherit'] });
}

/** The rest of the line with `word` in it. */
async function line(child: Child, word: RegExp): Promise<string> {
  let text = '';
  const reader = child.stdout.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended: ${text}`);
    text += new TextDecoder().decode(value);
    const found = word.exec(text);
    if (!found) continue;
    reader.releaseLock();
    return found[0];
  }
}

async function make(directory: string, name: string, megabytes: number, kind: string): Promise<Payload> {
  const folder = join(directory, name);
  mkdirSync(folder);
  const block = new Uint8Array(1_000_000);
  const file = Bun.file(join(folder, 'data.bin')).writer();
  for (let i = 0; i < megabytes; i += 1) {
    for (let at = 0; at < block.length; at += 65_536) crypto.getRandomValues(block.subarray(at, at + 65_536));
    file.write(block);
    await file.flush();
  }
  await file.end();
  const torrent = join(directory, `${name}.torrent`);
  await runWell([...LIBTORRENT, 'make', join(folder, 'data.bin'), torrent, kind], { timeoutMs: 600_000 });
  return { folder, torrent };
}

type Seed = (payload: Payload, port: number, limit: number) => Promise<Child>;
/** Seconds. */
type Take = (payload: Payload, port: number, into: string) => Promise<number>;

const seeds: Record<'libtorrent' | 'debtorrent', Seed> = {
  async libtorrent({ torrent, folder }, port, limit) {
    const child = spawn([...LIBTORRENT, 'seed', torrent, folder, String(port), String(limit)]);
    await line(child, /ready/);
    return child;
  },
  async debtorrent({ torrent, folder }, port, limit) {
    const listen = ['--peer-listen', `127.0.0.1:${port}`, '--upload-limit', String(limit)];
    const child = spawn([...OURS, torrent, '--output', folder, '--seed', ...listen]);
    await line(child, /"done"/);
    return child;
  },
};

async function libtorrentTakes(command: readonly string[]): Promise<number> {
  const child = spawn([...LIBTORRENT, ...command]);
  await line(child, /ready/);
  child.stdin.write('go\n');
  await child.stdin.flush();
  const seconds = Number(await line(child, /\d+\.\d{4}/));
  child.kill('SIGKILL');
  await child.exited;
  return seconds;
}

const takes: Record<'libtorrent' | 'debtorrent' | 'crowd', Take> = {
  libtorrent: ({ torrent }, port, into) => libtorrentTakes(['fetch', torrent, into, String(port)]),
  crowd: ({ torrent }, port, into) => libtorrentTakes(['crowd', torrent, into, String(port), String(CROWD)]),
  async debtorrent({ torrent }, port, into) {
    const startedMs = performance.now();
    const child = spawn([...OURS, torrent, '--output', into, '--peer', `127.0.0.1:${port}`]);
    await line(child, /"done"/);
    const seconds = (performance.now() - startedMs) / 1000;
    child.kill('SIGKILL');
    await child.exited;
    return seconds;
  },
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      megabytes: { type: 'string', default: '1000' },
      kind: { type: 'string', default: 'v2' },
      'crowd-megabytes': { type: 'string', default: '100' },
    },
  });
  using directory = workDir('standard');
  const large = await make(directory.path, 'large', Number(values.megabytes), values.kind);
  const small = await make(directory.path, 'small', Number(values['crowd-megabytes']), values.kind);
  const lines = [
    ['libtorrent → libtorrent', large, seeds.libtorrent, takes.libtorrent, 0],
    ['debtorrent → libtorrent', large, seeds.debtorrent, takes.libtorrent, 0],
    ['libtorrent → debtorrent', large, seeds.libtorrent, takes.debtorrent, 0],
    [`libtorrent → crowd of ${CROWD}`, small, seeds.libtorrent, takes.crowd, CROWD_BYTES_PER_SECOND],
    [`debtorrent → crowd of ${CROWD}`, small, seeds.debtorrent, takes.crowd, CROWD_BYTES_PER_SECOND],
  ] as const;
  const best = new Map<string, number>();
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [name, payload, seed, take, limit] of round % 2 === 0 ? lines : lines.toReversed()) {
      const into = join(directory.path, 'out');
      mkdirSync(into);
      const port = await freePort();
      const child = await seed(payload, port, limit);
      const seconds = await take(payload, port, into);
      child.kill('SIGKILL');
      await child.exited;
      rmSync(into, { recursive: true });
      await runWell(['sync'], { timeoutMs: 600_000 });
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, seconds));
      console.log(`${round + 1}  ${name}  ${seconds.toFixed(2)} s`);
    }
  }
  for (const [name, , , , limit] of lines) {
    const alone = best.get(limit === 0 ? lines[0][0] : lines[3][0]) as number;
    const seconds = best.get(name) as number;
    console.log(`best  ${name}  ${seconds.toFixed(2)} s, ${(alone / seconds).toFixed(2)} × libtorrent alone`);
  }
}

await main();

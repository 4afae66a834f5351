/**
 * Fifty clients ask for seven cached files each while the mirror accepts and says nothing: all must be served, and at
 * once. Each client has one connection, as apt has, and asks for one file after the other; all begin at the same moment.
 * The index files are told by themselves: a Release has to be asked for at the mirror before a copy may be given.
 *
 *   node scripts/bun.mjs bench/upstream-hung.ts [--clients 50] [--rounds 3]
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { SINGLE_PIECE } from '../test/fixtures/archive.ts';
import { Scene } from '../test/fixtures/scene.ts';
import { cpuSecondsOf } from './lib/process-use.ts';

interface Asked {
  readonly status: number;
  readonly ms: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { clients: { type: 'string', default: '50' }, rounds: { type: 'string', default: '3' } },
  });
  await using scene = await Scene.open();
  const { mirror, archive } = scene;
  const daemon = await scene.daemon({ args: ['--log-level', 'error'] });
  const client = await scene.apt(daemon);
  const names = SINGLE_PIECE.slice(0, 6);
  const got = await client.download(names);
  if (got.code !== 0) throw new Error(got.output);
  const index = mirror.log.find(({ path }) => path.includes('/by-hash/'))?.target ?? '';
  const pool = names.map((name) => `/${encodeURI(archive.file(name).path).replaceAll('+', '%2b')}`);
  const release = `/dists/${archive.suite}/InRelease`;

  const port = Number(new URL(daemon.proxyUrl).port);
  const clients = Number(values.clients);
  const crowd = (targets: readonly string[]) =>
    Promise.all(Array.from({ length: clients }, () => askAll(port, mirror.url, targets))).then((all) =>
      all.flat(),
    );
  const memory = () => peakMib(daemon.pid as number).toFixed(0);
  console.log(
    '| what | all 200 | p50 ms | p99 ms | worst ms | CPU s of the daemon | peak memory MiB |\n|---|---|---|---|---|---|---|',
  );
  const cpu = () => cpuSecondsOf(daemon.pid as number);
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    // In turn, as the machine may have other work: the hung mirror must make no difference.
    for (const isHung of [false, true]) {
      mirror.clearFaults();
      if (isHung) mirror.fault(/./, { hang: true });
      const before = cpu();
      const files = await crowd([index, ...pool]);
      const name = `seven files, mirror ${isHung ? 'hung' : 'well'}, round ${round}`;
      console.log(`| ${name} | ${summary(files)} | ${(cpu() - before).toFixed(2)} | ${memory()} |`);
    }
  }
  for (const when of ['the first time', 'again']) {
    console.log(`| InRelease, ${when} | ${summary(await crowd([release]))} | | ${memory()} |`);
  }
}

/** Resident memory at its highest since the start, MiB (proc(5), VmHWM). */
function peakMib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** One client: the targets one after the other on one connection. */
async function askAll(port: number, base: string, targets: readonly string[]): Promise<Asked[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let received = Buffer.alloc(0);
  let wake = () => {};
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    wake();
  });
  socket.on('close', () => wake());
  const asked: Asked[] = [];
  for (const target of targets) {
    const startMs = performance.now();
    socket.write(`GET ${base}${target} HTTP/1.1\r\nHost: ${new URL(base).host}\r\n\r\n`);
    for (;;) {
      const end = received.indexOf('\r\n\r\n');
      const head = received.subarray(0, Math.max(end, 0)).toString('latin1');
      const length =
        end < 0 ? Number.POSITIVE_INFINITY : end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]);
      if (received.length >= length) {
        asked.push({ status: Number(head.slice(9, 12)), ms: performance.now() - startMs });
        received = received.subarray(length);
        break;
      }
      if (socket.destroyed) throw new Error(`closed instead of an answer to ${target}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  socket.destroy();
  return asked;
}

function summary(asked: readonly Asked[]): string {
  const ms = asked.map((one) => one.ms).sort((a, b) => a - b);
  const at = (part: number) => (ms[Math.min(ms.length - 1, Math.floor(part * ms.length))] ?? 0).toFixed(1);
  const good = asked.filter(({ status }) => status === 200).length;
  return `${good} of ${asked.length} | ${at(0.5)} | ${at(0.99)} | ${at(1)}`;
}

await main();

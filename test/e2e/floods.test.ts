/** One daemon with real sockets under siege: thousands of half-open connections, and peers that ask and never read. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { AdversaryProcess } from '../adversaries/adversary-process.ts';
import { expectRight } from '../fixtures/archive.ts';
import { eventually } from '../fixtures/eventually.ts';
import { connected, Scene } from '../fixtures/scene.ts';

const MIB = 1024 * 1024;

function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

test('10,000 half-open connections and eight peers that never read: others are served as before, in bounded memory', async () => {
  await using scene = await Scene.open();
  const victim = await scene.seeder(['large', 'medium', 'small-a']);
  const before = residentBytes(victim.pid ?? 0);
  const [host = '', port = ''] = victim.peerAddress.split(':');
  const path = join(scene.archive.root, scene.archive.file('large').path);
  const { origin, codename } = scene.archive;
  const readers = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      AdversaryProcess.start({
        name: 'slow-reader',
        host: `127.0.0.${150 + i}`,
        origin,
        codename,
        files: [path],
        victims: [victim.peerAddress],
      }),
    ),
  );
  for (const reader of readers) scene.use(reader);
  await connected(victim, readers.length);

  // As many at once as a process may have descriptors, from many addresses; what is closed is opened anew.
  const open = new Set<Socket>();
  let made = 0;
  scene.use({
    [Symbol.dispose]: () => {
      for (const socket of open) socket.destroy();
    },
  });
  const openOne = () => {
    made += 1;
    const socket = connect({ host, port: Number(port), localAddress: `127.0.1.${1 + (made % 250)}` });
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  };
  await eventually(
    '10,000 connections were tried',
    () => {
      while (made < 10_000 && open.size < 500) openOne();
      return made >= 10_000;
    },
    60_000,
  );
  const newcomer = await scene.daemon({ peers: [victim.peerAddress] });
  const client = await scene.apt(newcomer);
  await connected(newcomer);
  await scene.mirror.switchOff();
  const names = ['large', 'medium', 'small-a'];
  expectRight(scene.archive, await client.download(names), names);
  // apt of the besieged node, too.
  const own = await (await fetch(`${victim.proxyUrl}/api/status`, { proxy: false } as RequestInit)).json();
  expect(own).toHaveProperty('version');
  const grown = residentBytes(victim.pid ?? 0) - before;
  console.log(`${made} connections tried; the besieged node grew by ${(grown / MIB).toFixed(0)} MiB`);
  expect(grown).toBeLessThan(128 * MIB);
});

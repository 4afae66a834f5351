/**
 * What it costs to sit in a DHT: one daemon in three archives' swarms among nodes of libtorrent, each with an address of
 * its own, and beside it one that is the same but for --no-dht. Bytes that passed each one's line (UDP, Ethernet
 * headers and ARP included), its CPU and memory, in windows of some minutes from its start on. Nobody else is in
 * the swarms, so it is always short of peers and looks for some more often than a node that has them.
 *
 *   node scripts/bun.mjs bench/dht-idle.ts [--minutes 20] [--window-minutes 5] [--nodes 24]
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually } from '../test/fixtures/eventually.ts';
import { LibtorrentDht } from '../test/fixtures/libtorrent-dht.ts';
import { type Machine, Network } from '../test/fixtures/network.ts';
import { runWell } from '../test/fixtures/run.ts';
import { BenchNode, DEBTORRENT } from './lib/debtorrent.ts';
import { cpuSecondsOf, type Memory, memoryOf } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { workDir } from './lib/work-dir.ts';

export interface DhtIdleRecord extends Memory {
  readonly dht: boolean;
  /** Minutes after its start. */
  readonly from: number;
  readonly to: number;
  readonly swarms: number;
  /** In the node's table at the end. */
  readonly dhtNodes: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly cpuSeconds: number;
}

const ARCHIVES = ['bookworm', 'trixie', 'sid'];
const STANZA = `Package: hello
Version: 2.10-3
Architecture: amd64
Filename: pool/main/h/hello/hello_2.10-3_amd64.deb
Size: 53132
SHA256: ${'ab'.repeat(32)}
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '20' },
      'window-minutes': { type: 'string', default: '5' },
      nodes: { type: 'string', default: '24' },
    },
  });
  const [minutes, windowMinutes, nodes] = [values.minutes, values['window-minutes'], values.nodes].map(
    Number,
  ) as [number, number, number];
  const recorder = new Recorder<DhtIdleRecord>('dht-idle', { minutes, nodes }, ['python3-libtorrent']);
  using directory = workDir('dht-idle');
  const torrents = await Promise.all(ARCHIVES.map((codename) => makeTorrent(directory.path, codename)));
  await using network = await Network.open({ reach: 'wide', isJoined: false });
  await using dht = await LibtorrentDht.start(await network.machine(), nodes);
  const bootstrap = dht.addresses.slice(0, 2).flatMap((at) => ['--dht-bootstrap', at]);
  const args = [...torrents.flatMap((path) => ['--torrent', path]), ...bootstrap];
  const start = async (name: string, more: string[]) => {
    const machine = await network.machine();
    const options = { directory: join(directory.path, name), mirror: 'ftp.de.debian.org', machine };
    return {
      machine,
      node: await BenchNode.start({ ...options, args: [...args, ...more] }),
      isIn: name === 'with',
    };
  };
  const both = [await start('with', ['--dht']), await start('without', [])];
  await using _with = both[0]?.node as BenchNode;
  await using _without = both[1]?.node as BenchNode;

  let before = await Promise.all(both.map(({ machine, node }) => figures(machine, node)));
  for (let at = 0; at < minutes; at += windowMinutes) {
    await Bun.sleep(windowMinutes * 60_000);
    const after = await Promise.all(both.map(({ machine, node }) => figures(machine, node)));
    for (const [i, { node, isIn }] of both.entries()) {
      const [was, is] = [before[i], after[i]] as [Figures, Figures];
      const { swarms, dht: inDht } = await node.status();
      recorder.add({
        dht: isIn,
        from: at,
        to: at + windowMinutes,
        swarms: swarms.length,
        dhtNodes: inDht?.nodes ?? 0,
        sentBytes: is.sentBytes - was.sentBytes,
        receivedBytes: is.receivedBytes - was.receivedBytes,
        cpuSeconds: is.cpuSeconds - was.cpuSeconds,
        ...memoryOf(node.pid),
      });
    }
    before = after;
  }
}

type Figures = Pick<DhtIdleRecord, 'sentBytes' | 'receivedBytes' | 'cpuSeconds'>;

async function figures({ prefix }: Machine, { pid }: BenchNode): Promise<Figures> {
  const { stdout } = await runWell([...prefix, 'ip', '-json', '-stats', 'link', 'show', 'eth0']);
  const [link] = JSON.parse(stdout) as { stats64: { tx: { bytes: number }; rx: { bytes: number } } }[];
  if (!link) throw new Error('ip tells nothing of eth0');
  const { tx, rx } = link.stats64;
  return { sentBytes: tx.bytes, receivedBytes: rx.bytes, cpuSeconds: cpuSecondsOf(pid) };
}

/** The .dtorrent of an archive of one file, which nobody has. */
async function makeTorrent(directory: string, codename: string): Promise<string> {
  const [index, out] = [join(directory, `Packages-${codename}`), join(directory, `${codename}.dtorrent`)];
  writeFileSync(index, STANZA);
  const identity = ['--origin', 'Bench', '--codename', codename, '--architecture', 'amd64'];
  await runWell([...DEBTORRENT, 'make-torrent', index, '--out', out, ...identity]);
  await eventually('the .dtorrent is there', () => Bun.file(out).exists());
  return out;
}

await main();

/**
 * Our tracker with programs that nobody here wrote: libtorrent seeds, Transmission has it from there, aria2 from
 * Transmission alone, and a second libtorrent from aria2 alone; each on a machine of its own, with nothing but our
 * tracker to find the others by. So each of the three has been found and has found others. Over UDP and IPv6 at once,
 * which Debian's Transmission and aria2 don't announce by, it is libtorrent each time.
 */
import { expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrackerStats } from '../../src/tracker/tracker.ts';
import { aria2, LIBTORRENT, libtorrent, Program, transmission } from '../fixtures/bittorrent-clients.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { type Machine, Network } from '../fixtures/network.ts';
import { run, runWell } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** Not less than Transmission's pause before it asks a tracker again. */
const LIMIT_MS = 100_000;
const NAME = 'data.bin';

test.each([
  ['http', 4],
  ['udp', 4],
  ['http', 6],
  ['udp', 6],
] as const)(
  'libtorrent, Transmission and aria2 find each other by our tracker over %s and IPv%d',
  async (scheme, family) => {
    using directory = tempDir('tracker-interop');
    await using network = await Network.open({ isJoined: false });
    const machines = [];
    for (let i = 0; i < 4; i += 1) {
      const machine = await network.machine();
      machines.push(machine);
      const address = ['ip', '-6', 'addr', 'add', `fd77:77::${i + 1}/64`, 'dev', 'eth0', 'nodad'];
      await runWell([...machine.prefix, ...address]);
    }
    const [own, first, second, third] = machines as [Machine, Machine, Machine, Machine];
    const at = (name: string) => join(directory.path, name);
    const host = family === 4 ? own.address : '[fd77:77::1]';
    const bytes = randomBytes(300_000);
    mkdirSync(at('first'));
    writeFileSync(at(`first/${NAME}`), bytes);
    const torrent = at('data.torrent');
    await runWell([...LIBTORRENT, 'make', at(`first/${NAME}`), torrent, `${scheme}://${host}:6969/announce`]);

    await using _ = new Program(own, [...DEBTORRENT, 'tracker', '--listen', '[::]:6969'], at('tracker'));
    const stats = async (): Promise<TrackerStats | undefined> => {
      const look =
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:6969/stats.json').read().decode())";
      const { code, stdout } = await run([...own.prefix, '/usr/bin/python3', '-c', look]);
      return code === 0 ? (JSON.parse(stdout) as TrackerStats) : undefined;
    };
    const has = (name: string) =>
      existsSync(at(`${name}/${NAME}`)) && readFileSync(at(`${name}/${NAME}`)).equals(bytes);
    const fetched = (name: string, program: Program) =>
      eventually(`${name} has the file`, () => has(name), LIMIT_MS).catch((cause: unknown) => {
        throw new Error(`${(cause as Error).message}: ${program.said}`, { cause });
      });
    const seeds = (count: number) =>
      eventually(`the tracker knows ${count} seeds`, async () => (await stats())?.seeds === count, LIMIT_MS);
    await eventually('the tracker answers', async () => (await stats()) !== undefined);

    const [ofSecond, ofThird] =
      scheme === 'udp' && family === 6 ? [libtorrent, libtorrent] : [transmission, aria2];
    const seeder = libtorrent(first, torrent, at('first'));
    await seeds(1);
    await using middle = ofSecond(second, torrent, at('second'));
    await fetched('second', middle);
    await seeds(2);
    // Who ends may not wait until its `stopped` has gone out, so it isn't counted on.
    await seeder[Symbol.asyncDispose]();

    await using last = ofThird(third, torrent, at('third'));
    await fetched('third', last);
    await eventually(
      'the third announces that it has all',
      async () => ((await stats())?.seeds ?? 0) >= 2,
      LIMIT_MS,
    );
    await middle[Symbol.asyncDispose]();

    await using again = libtorrent(first, torrent, at('again'));
    await fetched('again', again);
    const end = (await stats()) as TrackerStats;
    expect(end).toMatchObject({ swarms: 1, refused: 0, [family === 4 ? 'ipv6Peers' : 'ipv4Peers']: 0 });
    expect(end.udpAnnounces).toBe(scheme === 'udp' ? end.announces : 0);
  },
);

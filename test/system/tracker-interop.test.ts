/**
 * Our tracker with programs that nobody here wrote: libtorrent seeds, Transmission has it from there, aria2 from
 * Transmission alone, and a second libtorrent from aria2 alone; each on a machine of its own, with nothing but our
 * tracker to find the others by. So each of the three has been found and has found others. Over UDP and IPv6 at once,
 * which Debian's Transmission and aria2 don't announce by, it is libtorrent each time.
 */
import { expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Subprocess } from 'bun';
import type { TrackerStats } from '../../src/tracker/tracker.ts';
import { atEnd } from '../fixtures/at-end.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { type Machine, Network } from '../fixtures/network.ts';
import { PLAIN_ENV, run, runWell } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const LIBTORRENT = ['/usr/bin/python3', join(import.meta.dir, 'libtorrent-client.py')];
/** Not less than Transmission's pause before it asks a tracker again. */
const LIMIT_MS = 100_000;
const NAME = 'data.bin';

/** A program in the foreground of a machine; what it says is in a file, shown when it fails. */
class Program implements AsyncDisposable {
  readonly #child: Subprocess;
  readonly #logFile: string;
  readonly #forget: () => void;

  constructor({ prefix }: Machine, command: readonly string[], home: string) {
    mkdirSync(home, { recursive: true });
    this.#logFile = join(home, 'log');
    const log = openSync(this.#logFile, 'a');
    const env = { ...PLAIN_ENV, HOME: home };
    this.#child = Bun.spawn([...prefix, ...command], { cwd: home, env, stdio: ['ignore', log, log] });
    this.#forget = atEnd(() => this.#child.kill('SIGKILL'));
  }

  get said(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-2000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await this.#child.exited;
    clearTimeout(timer);
    this.#forget();
  }
}

function transmission(machine: Machine, torrent: string, home: string): Program {
  mkdirSync(home, { recursive: true });
  const settings = {
    'dht-enabled': false,
    'lpd-enabled': false,
    'pex-enabled': false,
    'utp-enabled': false,
    'port-forwarding-enabled': false,
    'download-dir': home,
    'rpc-whitelist-enabled': false,
    'watch-dir-enabled': false,
    preallocation: 0,
  };
  writeFileSync(join(home, 'settings.json'), JSON.stringify(settings));
  // What it is to have at its start lies among its torrents.
  mkdirSync(join(home, 'torrents'), { recursive: true });
  writeFileSync(join(home, 'torrents', 'data.torrent'), readFileSync(torrent));
  return new Program(
    machine,
    ['transmission-daemon', '--foreground', '--config-dir', home, '--log-error'],
    home,
  );
}

function aria2(machine: Machine, torrent: string, home: string): Program {
  const off = ['enable-dht6', 'bt-enable-lpd', 'enable-peer-exchange'].map((name) => `--${name}=false`);
  // It asks UDP trackers by its DHT's socket only; the DHT knows nobody here.
  off.push('--enable-dht=true', `--dht-file-path=${home}/dht.dat`);
  const seeds = ['--seed-ratio=0.0', '--bt-request-peer-speed-limit=100M'];
  const quiet = ['--no-conf', '--summary-interval=0', '--file-allocation=none', '--listen-port=6881'];
  return new Program(machine, ['aria2c', ...quiet, ...off, ...seeds, `--dir=${home}`, torrent], home);
}

function libtorrent(machine: Machine, torrent: string, home: string): Program {
  return new Program(machine, [...LIBTORRENT, 'run', torrent, home], home);
}

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

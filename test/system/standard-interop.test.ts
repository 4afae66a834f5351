/**
 * `debtorrent fetch` with programs that nobody here wrote, both ways: they seed and we fetch, we seed and they fetch; by
 * .torrent and by magnet link, one file and many, v1, v2 and hybrid; with nothing but opentracker to meet at, or with a web
 * seed, alone and beside peers. Each on a machine of its own.
 */
import { expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { aria2, LIBTORRENT, libtorrent, Program, transmission } from '../fixtures/bittorrent-clients.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { type Machine, Network } from '../fixtures/network.ts';
import { Opentracker } from '../fixtures/opentracker.ts';
import { type Ran, run, runWell } from '../fixtures/run.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';

/** Not less than Transmission's pause before it asks a tracker again. */
const LIMIT_MS = 100_000;
const PROGRAMS = { libtorrent, transmission, aria2 };
type Kind = 'v1' | 'v2' | 'hybrid';

/** One file of a megabyte, or three hundred as small as packages may be. */
function writeFiles(directory: string, isMany: boolean): void {
  if (!isMany) {
    writeFileSync(join(directory, 'data.bin'), randomBytes(1_000_003));
    return;
  }
  for (let i = 0; i < 300; i += 1) {
    const path = join(directory, 'data.bin', `pool/${i % 7}/package_${i}~1+b1_all.deb`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, randomBytes(1 + ((i * 7919) % 20_000)));
  }
}

function filesOf(directory: string): Map<string, Buffer> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const files = paths.filter((path) => statSync(join(directory, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(directory, path))]));
}

function hasAll(directory: string, expected: ReadonlyMap<string, Buffer>): boolean {
  return [...expected].every(([path, bytes]) => {
    const at = join(directory, path);
    return existsSync(at) && readFileSync(at).equals(bytes);
  });
}

interface World {
  readonly network: Network;
  readonly directory: TempDir;
  readonly torrent: string;
  readonly magnet: string;
  /** In "data", as a folder of downloads has them. */
  readonly files: Map<string, Buffer>;
  at(name: string): string;
  /** Until so many seeds have announced themselves: the tracker wants to be asked again after minutes only. */
  seeds(count: number): Promise<unknown>;
  /** Fetches into "ours", to the end. */
  fetch(machine: Machine, what: string, ...flags: readonly string[]): Promise<Ran>;
  /** Seeds "ours" from now on. */
  seed(machine: Machine): Program;
}

async function inWorld(
  {
    kind,
    isMany,
    webSeed = () => undefined,
  }: { kind: Kind; isMany: boolean; webSeed?: (address: string) => string | undefined },
  act: (world: World) => Promise<void>,
): Promise<void> {
  using directory = tempDir('standard-interop');
  await using network = await Network.open();
  const at = (name: string) => join(directory.path, name);
  mkdirSync(at('data'));
  writeFiles(at('data'), isMany);
  const files = filesOf(at('data'));
  const torrent = at('made.torrent');
  const url = webSeed(network.address);
  const tracker = url === undefined ? `http://${network.address}:6969/announce` : '';
  const made = [at('data/data.bin'), torrent, tracker, kind, '16384', ...(url === undefined ? [] : [url])];
  const { stdout } = await runWell([...LIBTORRENT, 'make', ...made]);
  const [hashes = '', magnet = ''] = stdout.split('\n');
  const infoHashes = hashes.split(' ').filter((hash) => hash !== '');
  await using _ = await Opentracker.start({ infoHashes, listen: `${network.address}:6969` });
  const ours = [...DEBTORRENT, 'fetch', '--output', at('ours'), '--no-dht', '--no-lan'];
  const home = { XDG_STATE_HOME: at('state') };
  await act({
    network,
    directory,
    torrent,
    magnet,
    files,
    at,
    seeds: (count) =>
      eventually(
        `the tracker knows ${count} seeds`,
        async () => {
          const name = (infoHashes[0] as string).replace(/../g, '%$&');
          const scrape = await fetch(`http://${network.address}:6969/scrape?info_hash=${name}`);
          return Number(/8:completei(\d+)e/.exec(await scrape.text())?.[1]) >= count;
        },
        LIMIT_MS,
      ),
    fetch: (machine, what, ...flags) =>
      run([...machine.prefix, ...ours, '--json', ...flags, '--', what], { env: home, timeoutMs: LIMIT_MS }),
    seed: (machine) => new Program(machine, [...ours, '--seed', '--', torrent], at('ours-home')),
  });
}

async function fetchedBy(name: string, program: Program, world: World): Promise<void> {
  await eventually(`${name} has all`, () => hasAll(world.at(name), world.files), LIMIT_MS).catch(
    (cause: unknown) => {
      throw new Error(`${(cause as Error).message}: ${program.said}`, { cause });
    },
  );
}

// Debian's Transmission (3.00) seeds no hybrid.
test.each([
  ['libtorrent', 'v1', true, true],
  ['libtorrent', 'v2', false, true],
  ['libtorrent', 'v2', true, false],
  ['libtorrent', 'hybrid', true, true],
  ['transmission', 'v1', false, false],
  ['transmission', 'v1', true, false],
  ['aria2', 'v1', false, true],
  ['aria2', 'v1', true, false],
] as const)(
  '%s and we fetch a %s torrent from each other (many files: %p, by magnet link: %p)',
  (name, kind, isMany, isMagnet) =>
    inWorld({ kind, isMany }, async (world) => {
      const { network, torrent, at } = world;
      const program = PROGRAMS[name];
      const what = isMagnet ? world.magnet : torrent;
      const [first, second, third] = [
        await network.machine(),
        await network.machine(),
        await network.machine(),
      ];
      cpSync(at('data'), at('seed'), { recursive: true });
      const seeder = program(first, torrent, at('seed'));
      await world.seeds(1);
      const ran = await world.fetch(second, what).catch((cause: unknown) => {
        throw new Error(`${(cause as Error).message}\n${name}: ${seeder.said}`, { cause });
      });
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      expect(filesOf(at('ours'))).toEqual(world.files);
      const done = JSON.parse(ran.stdout.trim().split('\n').at(-1) as string);
      expect(done).toMatchObject({ event: 'done', fromWebSeeds: 0 });

      await using _ours = world.seed(second);
      await world.seeds(2);
      await seeder[Symbol.asyncDispose]();
      // libtorrent 2.0.8 now and then stops a hybrid that it has by magnet link and fetches from us ("v1 and v2 hashes do
      // not describe the same data", 2 of 15 times; none of 15 from its own seed). Most likely its torrent::add_hashes
      // takes a piece that is still being written for one that failed. By .torrent it has no hashes to ask for.
      await using leecher = program(third, kind === 'hybrid' ? torrent : what, at('leech'));
      await fetchedBy('leech', leecher, world);
    }),
);

/** Serves the files as an HTTP server does that knows Range. */
function serveFiles(
  directory: string,
  hostname: string,
): Disposable & { readonly port: number; readonly given: number } {
  let given = 0;
  const server = Bun.serve({
    hostname,
    port: 8080,
    fetch(request) {
      const file = Bun.file(join(directory, decodeURIComponent(new URL(request.url).pathname)));
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get('range') ?? '') ?? [];
      const [begin, end] = from === undefined ? [0, file.size] : [Number(from), Number(to) + 1];
      given += end - begin;
      const range = { 'content-range': `bytes ${begin}-${end - 1}/${file.size}` };
      return new Response(file.slice(begin, end), from === undefined ? {} : { status: 206, headers: range });
    },
  });
  return {
    port: 8080,
    get given() {
      return given;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

test.each([
  ['v1', false],
  ['v1', true],
  ['v2', true],
  ['hybrid', true],
] as const)('a %s torrent comes from its web seed alone (many files: %p)', (kind, isMany) =>
  inWorld({ kind, isMany, webSeed: (address) => `http://${address}:8080/` }, async (world) => {
    const { network, torrent, at } = world;
    const machine = await network.machine();
    using server = serveFiles(at('data'), network.address);
    const ran = await world.fetch(machine, torrent, '--allow-upstream', `${network.address}:${server.port}`);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(filesOf(at('ours'))).toEqual(world.files);
  }),
);

test('a torrent comes from a peer and a web seed together', () =>
  inWorld({ kind: 'hybrid', isMany: true }, async (world) => {
    const { network, torrent, at } = world;
    const [first, second] = [await network.machine({ upMbit: 8, downMbit: 100 }), await network.machine()];
    using server = serveFiles(at('data'), network.address);
    cpSync(at('data'), at('seed'), { recursive: true });
    await using _ = libtorrent(first, torrent, at('seed'));
    await world.seeds(1);
    const web = `http://${network.address}:${server.port}/`;
    // So slow that both have their turn.
    const flags = [
      '--web-seed',
      web,
      '--allow-upstream',
      `${network.address}:${server.port}`,
      '--download-limit',
      '500kB',
    ];
    const ran = await world.fetch(second, torrent, ...flags);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(filesOf(at('ours'))).toEqual(world.files);
    const done = JSON.parse(ran.stdout.trim().split('\n').at(-1) as string);
    expect(done.fromPeers).toBeGreaterThan(0);
    expect(done.fromWebSeeds).toBeGreaterThan(0);
  }));

test('a web seed may not lead into this machine unless that is said', () =>
  inWorld({ kind: 'v1', isMany: false, webSeed: (address) => `http://${address}:8080/` }, async (world) => {
    const { network, torrent, at } = world;
    const machine = await network.machine();
    using server = serveFiles(at('data'), network.address);
    const ran = await world.fetch(machine, torrent, '--timeout', '4');
    expect(ran.code).toBe(1);
    expect(server.given).toBe(0);
  }));

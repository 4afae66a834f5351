/**
 * Standard torrents given by the daemon, out of what apt has fetched through it: libtorrent, which nobody here wrote, finds
 * it by the torrent's tracker and fetches what is in the store, while it comes in. The torrent is made by make-torrent.
 */
import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIBTORRENT, Program } from '../fixtures/bittorrent-clients.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { runWell } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { SeedProcess } from '../fixtures/seed-process.ts';
import { SignedRepository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { TrackerProcess } from '../fixtures/tracker.ts';

const PACKAGES = [
  { name: 'small', payloadBytes: 1_000 },
  { name: 'medium', payloadBytes: 700_000 },
  { name: 'large', payloadBytes: 3_000_000 },
];
const LIMIT_MS = 60_000;

test.each(['v1', 'v2', 'hybrid'] as const)(
  'libtorrent fetches by a %s torrent what apt has fetched',
  async (kind) => {
    using archive = await SignedRepository.build({ packages: PACKAGES });
    await using tracker = await TrackerProcess.start();
    using directory = tempDir('standard-giving');
    const at = (name: string) => join(directory.path, name);
    const index = join(archive.root, 'dists', archive.suite, 'main/binary-amd64/Packages.gz');
    const make = ['make-torrent', index, '--pool', archive.root, '--standard', '--kind', kind];
    const outputs = ['--out', at('out.dtorrent'), '--standard-dir', at('torrents'), '--state', at('hashes')];
    await runWell([...DEBTORRENT, ...make, ...outputs, '--tracker', tracker.announceUrl]);
    const torrents = readdirSync(at('torrents')).filter((name) => name.endsWith('.torrent'));
    expect(torrents).toHaveLength(1);
    const torrent = join(at('torrents'), torrents[0] as string);

    await using scene = await Scene.open(archive);
    const daemon = await scene.daemon({ args: ['--torrent', torrent] });
    expect((await daemon.status()).swarms.map(({ name }) => name)).toContain(torrents[0] as string);
    const client = await scene.apt(daemon);
    expect((await client.download(['small', 'medium'])).code).toBe(0);

    await using libtorrent = new Program(
      { prefix: [], address: '127.0.0.1' },
      [...LIBTORRENT, 'run', torrent, at('theirs')],
      at('home'),
    );
    const has = (name: string) => {
      const { path } = archive.file(name);
      const theirs = join(at('theirs'), path);
      return existsSync(theirs) && readFileSync(theirs).equals(readFileSync(join(archive.root, path)));
    };
    const until = (what: string, isSo: () => boolean) =>
      eventually(what, isSo, LIMIT_MS).catch((cause: unknown) => {
        throw new Error(`${(cause as Error).message}\n${libtorrent.said}\n${daemon.log}`, { cause });
      });
    await until('it has what the store has', () => has('small') && has('medium'));
    expect(has('large')).toBe(false);
    expect((await client.download(['large'])).code).toBe(0);
    await until('it has what came in later', () => has('large'));
    expect((await daemon.status()).bytes.uploaded).toBeGreaterThan(3_000_000);
  },
  180_000,
);

test('libtorrent fetches all of a tree that is seeded with its standard torrents', async () => {
  using archive = await SignedRepository.build({ packages: PACKAGES });
  await using tracker = await TrackerProcess.start();
  using directory = tempDir('standard-seed');
  const at = (name: string) => join(directory.path, name);
  const beside = join(archive.root, 'dists', archive.suite, 'main/binary-amd64');
  const make = ['make-torrent', join(beside, 'Packages.gz'), '--pool', archive.root, '--standard'];
  const outputs = [
    '--out',
    at('out.dtorrent'),
    '--standard-dir',
    join(beside, 'torrents'),
    '--state',
    at('hashes'),
  ];
  await runWell([...DEBTORRENT, ...make, ...outputs, '--tracker', tracker.announceUrl]);
  const [torrent] = readdirSync(join(beside, 'torrents')).filter((name) => name.endsWith('.torrent'));

  await using seed = await SeedProcess.start(archive.root, { share: archive.origin, args: ['--standard'] });
  expect((await seed.status()).swarms.map(({ name }) => name)).toContain(torrent as string);
  await using libtorrent = new Program(
    { prefix: [], address: '127.0.0.1' },
    [...LIBTORRENT, 'run', join(beside, 'torrents', torrent as string), at('theirs')],
    at('home'),
  );
  const hasAll = () =>
    PACKAGES.every(({ name }) => {
      const { path } = archive.file(name);
      const theirs = join(at('theirs'), path);
      return existsSync(theirs) && readFileSync(theirs).equals(readFileSync(join(archive.root, path)));
    });
  await eventually('it has all', hasAll, LIMIT_MS).catch((cause: unknown) => {
    throw new Error(`${(cause as Error).message}\n${libtorrent.said}\n${seed.log}`, { cause });
  });
}, 180_000);

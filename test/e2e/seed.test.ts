/** `debtorrent seed`: a mirror's tree shared in place, as the nodes of others see it, with the real apt. */
import { afterAll, describe, expect, test } from 'bun:test';
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { AptClient } from '../fixtures/apt-client.ts';
import { ALL, bytesOf, expectRight, QUICK, testArchive } from '../fixtures/archive.ts';
import { DEBTORRENT } from '../fixtures/daemon.ts';
import { eventually } from '../fixtures/eventually.ts';
import { run } from '../fixtures/run.ts';
import { connected, expectPoolGaveNothing, leavePoolUnanswered, Scene } from '../fixtures/scene.ts';
import { SeedProcess, type SeedProcessOptions } from '../fixtures/seed-process.ts';
import type { SignedRepository } from '../fixtures/signed-repository.ts';
import { SignedRepository as Repository } from '../fixtures/signed-repository.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const lives: (Disposable | AsyncDisposable)[] = [];
afterAll(async () => {
  for (const life of lives.reverse()) {
    if (Symbol.asyncDispose in life) await life[Symbol.asyncDispose]();
    else life[Symbol.dispose]();
  }
});

/** A copy of the archive's tree, for the seed alone. */
function treeOf(archive: SignedRepository): string {
  const directory = tempDir('tree');
  lives.push(directory);
  const root = join(directory.path, 'debian');
  cpSync(archive.root, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return root;
}

async function seed(scene: Scene, tree: string, options: SeedProcessOptions = {}): Promise<SeedProcess> {
  return scene.use(await SeedProcess.start(tree, { share: scene.archive.origin, ...options }));
}

/** An apt whose daemon knows the seed, and the daemon. */
async function nodeOf(scene: Scene, its: SeedProcess) {
  const daemon = await scene.daemon({ peers: [its.peerAddress] });
  const client: AptClient = await scene.apt(daemon);
  await connected(daemon);
  return { daemon, client };
}

/** Names, sizes, times and modes of all that lies below. */
function listing(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { size, mtimeMs, ctimeMs, mode, ino } = statSync(join(root, name));
      return [name, size, mtimeMs, ctimeMs, mode, ino].join(' ');
    })
    .sort();
}

describe('debtorrent seed', () => {
  test('apt gets every package from it while the pool of the mirror is silent, and nothing is written to the tree', async () => {
    await using scene = await Scene.open();
    const tree = treeOf(scene.archive);
    const before = listing(tree);
    const its = await seed(scene, tree);
    const { daemon, client } = await nodeOf(scene, its);
    leavePoolUnanswered(scene);
    expectRight(scene.archive, await client.download(ALL), ALL);
    expectPoolGaveNothing(scene, daemon);
    expect((await daemon.status()).bytes.fromPeers).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));
    const status = await its.status();
    expect(status.bytes.uploaded).toBeGreaterThanOrEqual(bytesOf(scene.archive, ALL));
    expect(listing(tree)).toEqual(before);
  });

  test('started again it offers all at once and reads no file anew', async () => {
    await using scene = await Scene.open();
    const its = await seed(scene, treeOf(scene.archive));
    const { files, bytes } = (await its.status()).store;
    expect((await its.status()).seed.hashedFiles).toBeGreaterThanOrEqual(ALL.length);
    await its.stop();
    await its.start();
    const status = await its.status();
    expect(status.store).toMatchObject({ files, bytes });
    expect(status.seed.hashedFiles).toBe(0);
    const { daemon, client } = await nodeOf(scene, its);
    leavePoolUnanswered(scene);
    expectRight(scene.archive, await client.download(QUICK), QUICK);
    expectPoolGaveNothing(scene, daemon);
  });

  test('a file that is not what its index says is never given, and named once', async () => {
    await using scene = await Scene.open();
    const tree = treeOf(scene.archive);
    const { path } = scene.archive.file('medium');
    const damaged = join(tree, path);
    const date = statSync(damaged).mtime;
    const fd = openSync(damaged, 'r+');
    writeSync(fd, Buffer.from('damage'), 0, 6, 100_000);
    closeSync(fd);
    utimesSync(damaged, date, date);
    const its = await seed(scene, tree);
    const { seed: counts } = await its.look();
    expect(counts.wrongFiles).toBe(1);
    expect(its.log.split(path).length - 1).toBe(1);
    const { daemon, client } = await nodeOf(scene, its);
    scene.mirror.clearLog();
    expectRight(scene.archive, await client.download(QUICK), QUICK);
    // It came from the mirror, and from there alone.
    expect(new Set(scene.mirror.poolRequests.map((request) => request.path))).toEqual(new Set([`/${path}`]));
    expect((await daemon.status()).banned).toEqual([]);
  });

  test('a private archive is not shared, and the start says how it would be', async () => {
    await using scene = await Scene.open();
    const its = scene.use(await SeedProcess.start(treeOf(scene.archive)));
    const status = await its.status();
    expect(status.swarms).toEqual([]);
    expect(status.store.files).toBe(0);
    expect(status.seed.hashedFiles).toBe(0);
    expect(its.log).toContain(`--share "${scene.archive.origin}" would share it`);
  });

  test('a sync brings new files and removes old ones: it offers the new, and no longer the old', async () => {
    using archive = await Repository.build({
      packages: [
        { name: 'stays', payloadBytes: 700_000 },
        { name: 'changes', payloadBytes: 700_000 },
      ],
    });
    await using scene = await Scene.open(archive);
    const tree = treeOf(archive);
    const its = await seed(scene, tree);
    const { files } = (await its.status()).store;
    const old = archive.file('changes');
    await archive.update([{ name: 'changes', version: '1.0-2', payloadBytes: 800_000 }]);
    cpSync(join(archive.root, 'pool'), join(tree, 'pool'), { recursive: true, preserveTimestamps: true });
    cpSync(join(archive.root, 'dists'), join(tree, 'dists'), {
      ...{ recursive: true, preserveTimestamps: true, verbatimSymlinks: true },
    });
    // Without being told: it watches.
    await eventually('the new index is in force and its files are offered', async () => {
      const { store, seed: counts } = await its.status();
      return (
        store.files > files && counts.waitingFiles === 0 && its.log.split('looked at the tree').length > 2
      );
    });
    const { daemon, client } = await nodeOf(scene, its);
    leavePoolUnanswered(scene);
    expectRight(archive, await client.download(['stays', 'changes']), ['stays', 'changes']);
    expectPoolGaveNothing(scene, daemon);

    const withOld = (await its.look()).store.files;
    rmSync(join(tree, old.path));
    expect((await its.look()).store.files).toBe(withOld - 1);
  });

  test('what is changed in place while it is being given goes to nobody', async () => {
    await using scene = await Scene.open();
    const tree = treeOf(scene.archive);
    const its = await seed(scene, tree, { args: ['--upload-limit', '5MB/s'] });
    const { daemon, client } = await nodeOf(scene, its);
    const { path, sizeBytes } = scene.archive.file('large');
    const download = client.download(['large']);
    await eventually(
      'a part of it was given',
      async () => (await its.status()).bytes.uploaded > sizeBytes / 10,
    );
    // All of it, so that whatever is read from now on is wrong.
    writeFileSync(join(tree, path), Buffer.alloc(sizeBytes));
    expectRight(scene.archive, await download, ['large']);
    expect((await its.look()).seed.wrongFiles).toBe(1);
    // Not one wrong byte was sent: who sends one is banned.
    expect((await daemon.status()).banned).toEqual([]);
    expect(scene.mirror.poolBytes).toBeGreaterThan(0);
  });

  test('what is removed while it is being given is no trouble for apt, and no offence to anybody', async () => {
    await using scene = await Scene.open();
    const tree = treeOf(scene.archive);
    const its = await seed(scene, tree, { args: ['--upload-limit', '10MB/s'] });
    const { daemon, client } = await nodeOf(scene, its);
    const { path, sizeBytes } = scene.archive.file('large');
    const download = client.download(['large']);
    await eventually(
      'a part of it was given',
      async () => (await its.status()).bytes.uploaded > sizeBytes / 10,
    );
    rmSync(join(tree, path));
    await its.look();
    expectRight(scene.archive, await download, ['large']);
    // Given to its end from where it is open (tree-store.test.ts), or the rest fetched elsewhere when it was closed between.
    expect((await daemon.status()).banned).toEqual([]);
    expect((await its.status()).banned).toEqual([]);
    expect((await its.look()).seed.wrongFiles).toBe(0);
  });

  test('several archives below one root, one of them private', async () => {
    using other = await Repository.build({
      origin: 'Other',
      packages: [{ name: 'other', payloadBytes: 500 }],
    });
    await using scene = await Scene.open();
    const tree = treeOf(scene.archive);
    cpSync(other.root, join(tree, '../other'), { recursive: true, verbatimSymlinks: true });
    const its = await seed(scene, join(tree, '..'));
    const status = await its.status();
    expect(status.swarms.map(({ name }) => name).sort()).toEqual([
      'Example orchard all',
      'Example orchard amd64',
    ]);
    expect(status.releases.map(({ name, shared }) => [name, shared])).toEqual([
      ['debian/dists/stable', true],
      ['other/dists/stable', false],
    ]);
    expect(status.seed.privateFiles).toBeGreaterThan(0);
  });
});

describe('debtorrent seed refuses', () => {
  const seedOf = (directory: string, ...args: string[]) =>
    run([
      ...DEBTORRENT,
      'seed',
      directory,
      '--listen',
      '127.0.0.1:0',
      '--peer-listen',
      '127.0.0.1:0',
      ...args,
    ]);

  test('what is not there, no folder, or no mirror, and says what it looked for', async () => {
    using directory = tempDir('no-tree');
    const state = ['--state-dir', join(directory.path, 'state')];
    const file = join(directory.path, 'file');
    appendFileSync(file, 'text');
    const missing = await seedOf(join(directory.path, 'missing'), ...state);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('ENOENT');
    const isFile = await seedOf(file, ...state);
    expect(isFile.code).toBe(2);
    expect(isFile.stderr).toContain("it isn't a folder");
    const empty = await seedOf(directory.path, ...state);
    expect(empty.code).toBe(2);
    expect(empty.stderr).toContain('found no InRelease or Release in it');
    expect(existsSync(join(directory.path, 'state'))).toBe(false);
  });

  test('to keep its state inside the tree', async () => {
    const tree = treeOf(await testArchive());
    const ran = await seedOf(tree, '--state-dir', join(tree, 'state'));
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('inside the tree');
    expect(existsSync(join(tree, 'state'))).toBe(false);
  });
});

/** What of a tree is offered, look by look; with real files and indexes, and a calendar on which all of them are old. */
import { afterEach, describe, expect, test } from 'bun:test';
import { linkSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SharedTree } from '../../src/acquire/shared-tree.ts';
import { isNameless, NOWHERE, TreeArchives } from '../../src/acquire/tree-archives.ts';
import { Catalogue } from '../../src/archive/catalogue.ts';
import type { Location } from '../../src/archive/entry.ts';
import { Refresh } from '../../src/archive/refresh.ts';
import { parseShareRule } from '../../src/archive/sharing.ts';
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';
import { openTreeIndex } from '../../src/store/open-index.ts';
import { Library } from '../../src/swarm/library.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { buildHere } from '../archive/samples.ts';
import { ArchiveMaker, debianStanza, type PoolFile, type Publication } from '../fixtures/archive-maker.ts';
import { InlineHasher } from '../fixtures/inline-hasher.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

class LaterClock extends VirtualClock {
  override wallMs(): number {
    return Date.now() + 3_600_000;
  }
}

const ORIGIN = { Origin: 'Grove', Codename: 'orchard', Suite: 'stable' };
const KEY = ({ bytes }: PoolFile): Sha256 => sha256Of(bytes);

const lives = new Set<AsyncDisposable | Disposable>();
afterEach(async () => {
  for (const life of [...lives].reverse()) {
    if (Symbol.asyncDispose in life) await life[Symbol.asyncDispose]();
    else life[Symbol.dispose]();
  }
  lives.clear();
});

function kept<T extends AsyncDisposable | Disposable>(life: T): T {
  lives.add(life);
  return life;
}

/** One run of a seed: a second one with the same state is a restart. */
class Run implements AsyncDisposable {
  readonly tree: SharedTree;
  readonly catalogue: Catalogue;
  readonly library: Library;
  readonly hasher = new InlineHasher();
  readonly offered: Sha256[] = [];
  readonly gone: Sha256[] = [];
  readonly clock = new LaterClock();

  constructor(
    maker: ArchiveMaker,
    state: string,
    options: { share?: readonly string[]; base?: Location } = {},
  ) {
    const { share = ['Grove'], base = NOWHERE } = options;
    const root = realpathSync(maker.root);
    const { clock, hasher } = this;
    const index = openTreeIndex({ path: join(state, 'tree.sqlite'), root, bootId: 'boot' });
    this.tree = new SharedTree({ root, index, clock, hasher });
    this.tree.store.onGone((key) => this.gone.push(key));
    this.library = new Library(this.tree.store, (fd, pieces) => hasher.layer(fd, pieces), clock);
    this.catalogue = new Catalogue({
      directory: join(state, 'catalogue'),
      infoHash: (identity) => {
        if (isNameless(identity)) throw new Error('it has no name');
        return swarmInfoHash(identity);
      },
      shareRules: share.map(parseShareRule),
      buildTable: buildHere,
    });
    const { catalogue } = this;
    const refresh = new Refresh({
      catalogue,
      mirror: { request: () => Promise.reject(new Error('no mirror')) },
      verify: async ({ release }) => ({ text: release, verdict: { status: 'unknown', reason: 'a test' } }),
    });
    const unreadable = (path: string, reason: string) => this.tree.noteUnreadable(path, reason);
    this.tree.connect({
      archives: new TreeArchives({ root, base, catalogue, refresh, unreadable }),
      catalogue,
      lookup: (at) => catalogue.lookup(at),
      rules: share,
      offer: (key) => this.offered.push(key),
    });
  }

  /** A look, with all that it has found hashed. */
  async look(): Promise<void> {
    await this.tree.look();
    await this.tree.idle();
    await this.clock.run(0);
  }

  has(file: PoolFile): boolean {
    return (this.tree.store.stat(KEY(file))?.swarms.length ?? 0) > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tree[Symbol.asyncDispose]();
    await this.catalogue[Symbol.asyncDispose]();
  }
}

async function ground() {
  const maker = kept(await ArchiveMaker.open());
  const state = kept(tempDir('shared-tree')).path;
  const run = (options: ConstructorParameters<typeof Run>[2] = {}) => kept(new Run(maker, state, options));
  const restart = async (before: Run, options: ConstructorParameters<typeof Run>[2] = {}) => {
    lives.delete(before);
    await before[Symbol.asyncDispose]();
    return run(options);
  };
  return { maker, run, restart };
}

/** Unsigned: a share rule decides, and no verifier is run. */
function suite(files: readonly PoolFile[], more: Partial<Publication> = {}): Publication {
  return {
    directory: 'dists/stable',
    fields: ORIGIN,
    indexes: { 'main/binary-amd64/Packages': files.map((file) => debianStanza(file)).join('\n') },
    signed: 'none',
    ...more,
  };
}

describe('SharedTree', () => {
  test('offers what an index names and the indexes themselves, and nothing else that lies there', async () => {
    const { maker, run } = await ground();
    const named = maker.pool('pool/main/a/a_1_amd64.deb');
    const large = maker.pool('pool/main/l/l_1_amd64.deb', 700_000);
    const other = maker.pool('pool/main/o/o_1_amd64.deb');
    await maker.publish(suite([named, large]));
    const it = run();
    await it.look();
    expect([it.has(named), it.has(large), it.has(other)]).toEqual([true, true, false]);
    const swarms = ['amd64', 'all'].map((architecture) =>
      swarmInfoHash({ origin: 'Grove', codename: 'orchard', architecture }),
    );
    expect(it.tree.store.stat(KEY(named))?.swarms.toSorted()).toEqual(swarms.toSorted());
    // Packages.gz and .xz; by hash they are the same.
    expect(it.tree.store.totals().files).toBe(4);
    expect(it.tree.progress).toMatchObject({
      unnamedFiles: expect.any(Number),
      wrongFiles: 0,
      waitingFiles: 0,
    });
    // Of several pieces its layer is known from the same read.
    expect(it.tree.store.layer(KEY(large))).toHaveLength(3 * 32);
    expect(it.offered).toContain(KEY(named));
  });

  test('a second look, and one after a restart, read nothing anew', async () => {
    const { maker, run, restart } = await ground();
    const named = maker.pool('pool/main/a/a_1_amd64.deb');
    await maker.publish(suite([named]));
    const first = run();
    await first.look();
    const { hashedFiles } = first.tree.progress;
    await first.look();
    expect(first.tree.progress.hashedFiles).toBe(hashedFiles);
    const second = await restart(first);
    // Before any look.
    expect(second.has(named)).toBe(true);
    await second.look();
    expect(second.tree.progress.hashedFiles).toBe(0);
  });

  test('an archive that is no longer shared takes all its files with it, and brings them back unread', async () => {
    const { maker, run, restart } = await ground();
    const named = maker.pool('pool/main/a/a_1_amd64.deb');
    await maker.publish(suite([named]));
    const first = run();
    await first.look();
    const second = await restart(first, { share: [] });
    await second.look();
    expect(second.has(named)).toBe(false);
    expect(second.catalogue.identities()).toEqual([]);
    expect(second.tree.progress.privateFiles).toBeGreaterThan(0);
    expect(second.tree.progress.hashedFiles).toBe(0);
    const third = await restart(second);
    await third.look();
    expect(third.has(named)).toBe(true);
  });

  test('what an older index named stays offered as long as it lies there', async () => {
    const { maker, run } = await ground();
    const old = maker.pool('pool/main/a/a_1_amd64.deb');
    await maker.publish(suite([old]));
    const it = run();
    await it.look();
    const next = maker.pool('pool/main/a/a_2_amd64.deb');
    await maker.publish(suite([next], { date: new Date() }));
    await it.look();
    expect([it.has(old), it.has(next)]).toEqual([true, true]);
    maker.remove(old.path);
    await it.look();
    expect([it.has(old), it.has(next)]).toEqual([false, true]);
    expect(it.gone).toContain(KEY(old));
  });

  test('a Release that is gone from the tree is no longer in force', async () => {
    const { maker, run } = await ground();
    await maker.publish(suite([maker.pool('pool/main/a/a_1_amd64.deb')]));
    const it = run();
    await it.look();
    expect(it.catalogue.identities()).toHaveLength(2);
    rmSync(join(maker.root, 'dists'), { recursive: true });
    await it.look();
    expect(it.catalogue.releases()).toEqual([]);
    expect(it.catalogue.identities()).toEqual([]);
  });

  test('a hard link of a file that is known is not read', async () => {
    const { maker, run } = await ground();
    const file = maker.pool('pool/main/a/a_1_amd64.deb');
    const link = { ...file, path: 'pool/main/b/b_1_amd64.deb' };
    mkdirSync(dirname(join(maker.root, link.path)), { recursive: true });
    linkSync(join(maker.root, file.path), join(maker.root, link.path));
    await maker.publish(suite([file, link], { forms: ['.gz'], byHash: false }));
    const it = run();
    await it.look();
    // The index and one of the two.
    expect(it.tree.store.totals().files).toBe(2);
    rmSync(join(maker.root, file.path));
    await it.look();
    expect(it.has(link)).toBe(true);
  });

  test('an archive whose Release says no Origin is shared once it is said where the tree is served', async () => {
    const { maker, run, restart } = await ground();
    const file = maker.pool('flat/a_1_amd64.deb');
    await maker.publish({
      ...suite([{ ...file, path: './a_1_amd64.deb' }]),
      ...{ directory: 'flat', fields: { Suite: 'stable' } },
      indexes: { Packages: debianStanza({ ...file, path: './a_1_amd64.deb' }) },
    });
    const share = ['http://repo.example.org/flat'];
    const nameless = run({ share: [...share, `http://${NOWHERE.host}/flat`] });
    await nameless.look();
    expect(nameless.has(file)).toBe(false);
    expect(nameless.tree.progress.hashedFiles).toBe(0);
    const base: Location = { scheme: 'http', host: 'repo.example.org', path: '' };
    const named = await restart(nameless, { share, base });
    await named.look();
    expect(named.has(file)).toBe(true);
    expect(named.catalogue.identities()).toMatchObject([
      { origin: 'repo.example.org/flat', codename: 'stable', architecture: 'all' },
    ]);
  });

  test('a file that is replaced is forgotten at the first question, and verified anew', async () => {
    const { maker, run } = await ground();
    const file = maker.pool('pool/main/a/a_1_amd64.deb');
    await maker.publish(suite([file]));
    const it = run();
    await it.look();
    const path = join(maker.root, file.path);
    maker.put('new', file.bytes);
    renameSync(join(maker.root, 'new'), path);
    expect(it.has(file)).toBe(false);
    await Bun.sleep(0);
    await it.tree.idle();
    expect(it.has(file)).toBe(true);
  });

  test('who wants a file that is not verified yet has it as soon as it is', async () => {
    const { maker, run } = await ground();
    const files = Array.from({ length: 300 }, (_, i) => maker.pool(`pool/main/f/f${i}_1_amd64.deb`));
    await maker.publish(suite(files));
    const it = run();
    const looking = it.tree.look();
    const last = files[299] as PoolFile;
    await it.tree.readArchives();
    let found = it.library.find(KEY(last), () => true);
    while (found === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      found = it.library.find(KEY(last), () => true);
    }
    expect((await found)?.key).toBe(KEY(last));
    // Nobody whose swarm it isn't in is told of it, or has it hashed.
    expect(it.library.find(KEY(files[298] as PoolFile), () => false)).toBeUndefined();
    await looking;
    await it.tree.idle();
  });
});

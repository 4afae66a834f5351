/**
 * The assembly of `debtorrent seed`: a tree that is shared in place, and the side that other nodes see. There is no APT
 * here, no mirror is asked and nothing is fetched. As in daemon.ts, nothing is decided but who knows whom.
 */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Hasher } from '../acquire/hasher.ts';
import { offerWhole } from '../acquire/landing.ts';
import { SharedTree } from '../acquire/shared-tree.ts';
import { isNameless, NOWHERE, TreeArchives } from '../acquire/tree-archives.ts';
import { findReleases } from '../acquire/tree-releases.ts';
import { isBelow } from '../acquire/tree-walk.ts';
import { TreeWatch } from '../acquire/tree-watch.ts';
import { Catalogue } from '../archive/catalogue.ts';
import type { Location } from '../archive/entry.ts';
import { Refresh } from '../archive/refresh.ts';
import type { ReleaseSummary } from '../archive/release-summary.ts';
import { parseShareRule } from '../archive/sharing.ts';
import type { Settings } from '../config/settings.ts';
import { systemClock } from '../lib/clock.ts';
import { ConfigError, UnavailableError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { Totals } from '../metrics/totals.ts';
import { checkListen } from '../proxy/client-access.ts';
import { LoopGuard } from '../proxy/loop-guard.ts';
import { createPagesDoor } from '../proxy/pages-door.ts';
import { startProxyServer } from '../proxy/server.ts';
import { Events } from '../status/events.ts';
import { Pulse } from '../status/pulse.ts';
import { statusRoutes } from '../status/routes.ts';
import { collect } from '../status/snapshot.ts';
import { readBootId } from '../store/boot-id.ts';
import { openTreeIndex } from '../store/open-index.ts';
import { lockStateDir } from '../store/store-lock.ts';
import { Library } from '../swarm/library.ts';
import { type ArchiveIdentity, swarmInfoHash } from '../torrent/archive-identity.ts';
import { Archives } from './archives.ts';
import { makeDirectory } from './make-directory.ts';
import { readTorrents } from './read-torrents.ts';
import { releaseStatus } from './release-status.ts';
import { SwarmSide } from './swarm-side.ts';
import { readTreeTorrents } from './tree-torrents.ts';
import { VERSION } from './version.ts';

export interface SeedOptions {
  /** The tree. */
  readonly directory: string;
  /** Where the tree is served; names archives whose Release doesn't. */
  readonly base?: Location;
  /** Whether the standard torrents that it has are given, too. */
  readonly isStandard?: boolean;
}

/** A Release of the tree, and whether what it names is shared. */
export interface SeededRelease extends ReleaseSummary {
  /** Of its folder, below the tree's root. */
  readonly path: string;
}

export interface Seed extends AsyncDisposable {
  /** Of the status page. */
  readonly page: HostPort;
  readonly peers: HostPort;
  readonly tracker: HostPort | undefined;
  readonly tree: SharedTree;
  /** Standard torrents whose swarms it is in. */
  readonly standardTorrents: number;
  releases(): SeededRelease[];
  /** Looks at the tree now. */
  look(): Promise<void>;
}

/** Resolves when the Releases have been read, and all that was known before is offered. Throws ConfigError or Error. */
export async function startSeed(settings: Settings, options: SeedOptions): Promise<Seed> {
  await using stack = new AsyncDisposableStack();
  const clock = systemClock;
  const startedMs = clock.nowMs();
  const { stateDir } = settings;
  checkListen(settings.listen, []);
  const root = checkTree(options.directory);
  const given = readTorrents(settings.torrents);
  const inTree = options.isStandard
    ? readTreeTorrents(root, given.standard, (path, reason) => log.warn(`could not read ${path}: ${reason}`))
    : [];
  const realState = wouldBe(stateDir);
  if (realState === root || isBelow(realState, root))
    throw new ConfigError(`could not use ${stateDir}: it is inside the tree; give another --state-dir`);
  makeDirectory(stateDir, '--state-dir');

  stack.use(lockStateDir(stateDir));
  const totals = stack.use(new Totals(stateDir, clock));
  const hasher = stack.use(new Hasher());
  const verifierHasher = stack.use(new Hasher());
  const index = openTreeIndex({ path: `${stateDir}/tree.sqlite`, root, bootId: readBootId() });
  const tree = stack.use(new SharedTree({ root, index, clock, hasher: verifierHasher }));
  const library = new Library(tree.store, (fd, pieces) => hasher.layer(fd, pieces));
  const swarmSide = stack.use(
    new SwarmSide({
      ...{ settings, version: VERSION, clock, totals, library },
      store: tree.store,
      torrents: [...given.standard, ...inTree],
      // Late: the catalogue is made below.
      isSecurity: (key) => catalogue.isSecurity(key),
    }),
  );
  const { swarms } = swarmSide;
  tree.store.onGone((key) => swarmSide.fileGone(key));

  const catalogue = stack.use(
    new Catalogue({
      directory: `${stateDir}/catalogue`,
      infoHash: namedInfoHash,
      shareRules: settings.share.map(parseShareRule),
    }),
  );
  const refresh = new Refresh({ catalogue, mirror: NO_MIRROR });
  const archives = new Archives(catalogue, settings, given.dtorrents);
  const treeArchives = new TreeArchives({
    ...{ root, catalogue, refresh, base: options.base ?? NOWHERE },
    unreadable: (path, reason) => tree.noteUnreadable(path, reason),
  });
  tree.connect({
    archives: treeArchives,
    catalogue,
    lookup: async (at) => (await catalogue.lookup(at)) ?? archives.listed.lookup(at),
    rules: settings.share,
    offer: (key) => {
      if (swarms.hasPeers) offerWhole({ library, swarms }, key);
      swarmSide.fileCame(key);
    },
  });
  const releases = () =>
    catalogue.releases().flatMap((release) => {
      const path = treeArchives.pathOf(release.directory);
      return path === undefined ? [] : [{ ...release, path }];
    });

  const { peers, ...swarmParts } = swarmSide.statusParts(archives);
  const pulse = stack.use(new Pulse({ clock, session: () => totals.session(), peers }));
  const status = () =>
    collect({
      version: VERSION,
      uptimeMs: () => clock.nowMs() - startedMs,
      bytes: () => totals.all(),
      session: () => totals.session(),
      today: () => totals.today(),
      pulse,
      troubles: () => totals.troubles(),
      ...swarmParts,
      peers,
      store: () => tree.store.totals(),
      transfers: () => [],
      releases: () =>
        releases().map((release) => ({
          ...releaseStatus(release, clock.wallMs()),
          name: release.path || '.',
        })),
      seed: () => ({ directory: root, ...tree.progress }),
    });
  const history = () => pulse.history;
  const events = new Events({ clock, snapshot: status, history });
  const loopGuard = new LoopGuard();
  const door = createPagesDoor({ pages: statusRoutes({ snapshot: status, history, events }), loopGuard });
  const server = stack.use(await startProxyServer({ listen: settings.listen, door }));
  // Ends before the server does: that would wait for these answers.
  stack.use(events);
  loopGuard.listensOn(server.address.host, server.address.port);

  stack.use(await swarmSide.meet(archives));
  for (const peer of settings.peers) swarms.give(peer);
  await tree.readArchives();
  const watch = stack.use(new TreeWatch({ root, clock, look: () => tree.look() }));

  const owned = stack.move();
  return {
    page: server.address,
    peers: swarmSide.peers,
    tracker: swarmSide.tracker,
    tree,
    standardTorrents: given.standard.length + inTree.length,
    releases,
    look: () => watch.look(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Its real path. Throws ConfigError where it isn't the tree of a mirror. */
function checkTree(directory: string): string {
  let root: string;
  try {
    root = realpathSync(directory);
  } catch (cause) {
    throw new ConfigError(`could not share ${directory}: ${(cause as Error).message}`, { cause });
  }
  if (!statSync(root).isDirectory()) throw new ConfigError(`could not share ${directory}: it isn't a folder`);
  const reasons: string[] = [];
  const releases = findReleases(root, (path, reason) => reasons.push(`${path || '.'}: ${reason}`));
  if (releases.length > 0) return root;
  const unread = reasons.length > 0 ? ` (could not read ${reasons.slice(0, 3).join('; ')})` : '';
  throw new ConfigError(
    `could not share ${directory}: found no InRelease or Release in it, neither below a dists/ nor beside packages` +
      `${unread}; give the folder that has dists/ and pool/ in it, or one above several such`,
  );
}

/** The real path that this one has, or would have if it were made. */
function wouldBe(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    return whole === '/' ? whole : join(wouldBe(dirname(whole)), basename(whole));
  }
}

/** The swarm of an archive. Throws for one that has no name of its own, where the operator gave none. */
function namedInfoHash(identity: ArchiveIdentity): string {
  if (isNameless(identity))
    throw new Error(
      'its Release says no Origin, or no Codename; --uri says where the tree is served, for a name',
    );
  return swarmInfoHash(identity);
}

/** Refresh.serve() would ask one; here Releases come from the tree alone. */
const NO_MIRROR = {
  request: () => Promise.reject(new UnavailableError('there is no mirror')),
};

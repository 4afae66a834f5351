/**
 * The daemon's assembly: builds every room bottom-up, hands each what it needs of the others, and takes it all down in
 * the opposite order. Nothing is decided here but who knows whom.
 */
import { Acquirer } from './acquire/acquirer.ts';
import { Ahead } from './acquire/ahead.ts';
import { CacheCare } from './acquire/cache-care.ts';
import type { FlightParts } from './acquire/flight-parts.ts';
import { Hasher } from './acquire/hasher.ts';
import { Importer } from './acquire/importer.ts';
import { offerWhole } from './acquire/landing.ts';
import { EXTENSION, SignedLists } from './acquire/signed-lists.ts';
import { AptLists } from './archive/apt-lists.ts';
import { Catalogue, type ListedBeside } from './archive/catalogue.ts';
import { type Entry, type Location, locationName } from './archive/entry.ts';
import { Refresh } from './archive/refresh.ts';
import { parseShareRule } from './archive/sharing.ts';
import { findUpgrades } from './archive/upgrades.ts';
import { listensOf } from './config/listens.ts';
import type { Settings } from './config/settings.ts';
import { Archives } from './daemon/archives.ts';
import { beFound } from './daemon/be-found.ts';
import { limitsOf } from './daemon/disk-limits.ts';
import { makeDirectory } from './daemon/make-directory.ts';
import { ownAddresses } from './daemon/own-addresses.ts';
import { readTorrents } from './daemon/read-torrents.ts';
import { releaseStatus } from './daemon/release-status.ts';
import { LiveSettings, type Reloaded } from './daemon/reload.ts';
import { SwarmSide } from './daemon/swarm-side.ts';
import { VERSION } from './daemon/version.ts';
import { systemClock } from './lib/clock.ts';
import { ConfigError } from './lib/errors.ts';
import type { HostPort } from './lib/host-port.ts';
import { log, setLogLevel } from './lib/log.ts';
import { quoteRemote } from './lib/quote-remote.ts';
import type { Sha256 } from './lib/sha256.ts';
import { Totals } from './metrics/totals.ts';
import { HttpMirror, userAgentFor } from './mirror/http-mirror.ts';
import { SourceHosts } from './mirror/source-hosts.ts';
import { UpstreamPolicy } from './mirror/upstream-policy.ts';
import { createProxyApp } from './proxy/app.ts';
import { ClientAccess, checkListen } from './proxy/client-access.ts';
import type { ListenAt } from './proxy/listen-on.ts';
import { LoopGuard } from './proxy/loop-guard.ts';
import { type ProxyServer, startProxyServer } from './proxy/server.ts';
import { Tunnels } from './proxy/tunnels.ts';
import { Events } from './status/events.ts';
import { Pulse } from './status/pulse.ts';
import { statusRoutes } from './status/routes.ts';
import { collect } from './status/snapshot.ts';
import { DiskStore } from './store/disk-store.ts';
import type { Store } from './store/store.ts';
import { lockStateDir } from './store/store-lock.ts';
import { Library } from './swarm/library.ts';
import { LocalNetwork } from './swarm/local-network.ts';
import { swarmInfoHash } from './torrent/archive-identity.ts';

export interface Daemon extends AsyncDisposable {
  readonly apt: HostPort;
  readonly peers: HostPort;
  readonly tracker: HostPort | undefined;
  readonly store: Store;
  /** Whether an answer to APT is under way. */
  readonly isBusy: boolean;
  /** Takes over what can be without a restart. Throws ConfigError, nothing being changed, for what can't be together. */
  reload(settings: Settings): Reloaded;
}

/**
 * `sockets`: listening for APT already, and handed over by whoever started us; without any, `settings.listen` counts.
 * Throws ConfigError or Error with a sentence for people; whatever was built by then is taken down again.
 */
export async function startDaemon(settings: Settings, sockets: readonly number[] = []): Promise<Daemon> {
  await using stack = new AsyncDisposableStack();
  const clock = systemClock;
  const startedMs = clock.nowMs();
  const foundAt = settings.findable;
  const given = readTorrents(settings.torrents);
  for (const listen of listensOf(settings)) checkListen(listen, settings.allowClient);
  makeDirectory(settings.cacheDir, '--cache-dir');
  makeDirectory(settings.stateDir, '--state-dir');

  stack.use(lockStateDir(settings.stateDir));
  const totals = stack.use(new Totals(settings.stateDir, clock));
  const store = stack.use(openStore(settings));
  const hasher = stack.use(new Hasher());
  const loopGuard = new LoopGuard();
  const sources = new SourceHosts();
  const inSources = (host: string, port: number) => sources.has(host, port);
  const policy = new UpstreamPolicy(settings.allowUpstream, { inSources });
  const mirror = new HttpMirror({ policy, userAgent: userAgentFor(VERSION), via: loopGuard.via });

  const library = new Library(store, (fd, pieces) => hasher.layer(fd, pieces));
  const swarmSide = stack.use(
    new SwarmSide({
      ...{ settings, version: VERSION, clock, totals, library, store },
      torrents: given.standard,
      // Late: the catalogue is made below.
      isSecurity: (key) => catalogue.isSecurity(key),
    }),
  );
  const { swarms, downloadBucket } = swarmSide;
  store.onGone((key) => swarmSide.fileGone(key));

  const catalogue = stack.use(
    new Catalogue({
      directory: `${settings.stateDir}/catalogue`,
      infoHash: swarmInfoHash,
      shareRules: settings.share.map(parseShareRule),
      fetchIndex: (at, entry) => fetchIndex(at, entry, acquirer, store),
      // Late, likewise.
      rootOf: (directory, key): Uint8Array | undefined => signed.rootOf(directory, key),
      fetchRelease: (at) => refresh.serve(at, { signal: new AbortController().signal }),
    }),
  );
  const parts: FlightParts = {
    store,
    library,
    swarms,
    mirror,
    hasher,
    clock,
    downloadBucket,
    draw: Math.random,
    fromMirror: (bytes) => totals.add('fromMirror', bytes),
    landed: (entry, at) => {
      takeIndex(entry, at, catalogue, store);
      swarmSide.fileCame(entry.key);
    },
  };
  const acquirer = stack.use(new Acquirer(parts));
  const refresh = new Refresh({
    catalogue,
    mirror,
    count: (trouble) => totals.add(trouble, 1),
    silentMs: (host) => mirror.silentMs(host),
  });

  const signed = stack.use(
    new SignedLists({
      listed: (): ListedBeside[] => catalogue.beside(EXTENSION),
      fetch: async (at, entry) => Bun.file(await fetchIndex(at, entry, acquirer, store)).bytes(),
      clock,
      changed: () => archives.signedChanged(),
    }),
  );
  const archives = new Archives(catalogue, settings, given.dtorrents, signed);
  const { listed } = archives;
  let lists: AptLists | undefined;
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
      store: () => store.totals(),
      transfers: () => acquirer.transfers(),
      releases: () => catalogue.releases().map((release) => releaseStatus(release, clock.wallMs())),
      limits: () => ({
        ...swarmSide.limitsStatus(),
        cache: { ...store.limits, freeBytes: store.diskFreeBytes },
      }),
    });
  const history = () => pulse.history;
  const events = new Events({ clock, snapshot: status, history });

  const importer = new Importer({
    store,
    hasher,
    byKey: (key) => catalogue.byKey(key),
    landed: (key) => {
      offerWhole(parts, key);
      swarmSide.fileCame(key);
    },
  });
  const stopping = new AbortController();
  const care = new CacheCare({
    ...{ store, hasher },
    refetch: ({ key, name }, signal) => fetchAgain(key, name, { acquirer, catalogue }, signal),
  });
  stack.defer(() => stopping.abort());
  const lanClients = new LocalNetwork(clock, ownAddresses);
  const clients = new ClientAccess({
    allowed: settings.allowClient,
    isOnLan: (address) => lanClients.has(address),
  });
  const door = createProxyApp({
    clients,
    isFoundAt: (port) => port === foundAt?.port,
    isKnown: (at) => policy.isKnown(at),
    movedMs: (at, key) => Math.max(mirror.movedMs(at.host) ?? 0, (key && acquirer.movedMs(key)) ?? 0),
    refresh,
    mirror,
    loopGuard,
    acquire: acquirer,
    catalogue: {
      async lookup(at) {
        const entry = (await catalogue.lookup(at)) ?? listed.lookup(at);
        if (entry !== undefined || !(await lists?.settled(at.host))) return entry;
        return await catalogue.lookup(at);
      },
      byKey: (key) => catalogue.byKey(key),
    },
    pages: statusRoutes({
      snapshot: status,
      history,
      events,
      cache: {
        list: () => care.list(),
        get progress() {
          return care.progress;
        },
        verify: () => void care.verify(stopping.signal),
        prune: (toBytes) => care.prune(toBytes),
      },
      imports: {
        progress: () => importer.progress,
        start: (directory) =>
          void importer.run({ directory, mayCopy: true, before: lists?.read(), signal: stopping.signal }),
      },
    }),
    count: {
      fromStore: (bytes) => totals.add('fromStore', bytes),
      fromMirror: (bytes) => totals.add('fromMirror', bytes),
    },
  });
  const tunnels = new Tunnels({ clients, policy, loopGuard });
  const servers: ProxyServer[] = [];
  const serveAt = async (listen: ListenAt) => {
    const server = stack.use(await startProxyServer({ listen, door, tunnels }));
    // Whoever opened the socket may have gone by other settings.
    checkListen(server.address, settings.allowClient);
    loopGuard.listensOn(server.address.host, server.address.port);
    servers.push(server);
  };
  for (const listen of sockets.length > 0 ? sockets.map((fd) => ({ fd })) : listensOf(settings))
    await serveAt(listen);
  // Ends before the servers do: they would wait for these answers.
  stack.use(events);
  const isAtFound = ({ address }: ProxyServer) => address.port === foundAt?.port;
  if (foundAt && !servers.some(isAtFound) && foundAt.port !== 0) await serveAt(foundAt);
  const [{ address: apt }] = servers as [ProxyServer];
  const found = servers.find(isAtFound);
  if (found) stack.use(beFound(found.address, clock));
  if (settings.aptLists !== 'none') {
    lists = stack.use(
      new AptLists({
        directory: settings.aptLists,
        clock,
        isOwnHost: (host) => loopGuard.isOwnHost(host),
        take: (at, bytes, validators) => refresh.take(at, bytes, validators),
        indexListed: (at, stem, path) => catalogue.indexListed(at, stem, path),
      }),
    );
  }

  stack.use(await swarmSide.meet(archives));
  stack.defer(catalogue.onChange(() => signed.update()));
  signed.update();
  if (settings.importFrom !== 'none') importAtStart(importer, settings.importFrom, lists, stopping.signal);
  if (lists && settings.dpkgStatus !== 'none') {
    const ahead = stack.use(
      new Ahead({
        swarms,
        clock,
        isHere: (key) => store.stat(key) !== undefined,
        find: () => upgrades(settings.dpkgStatus, lists.packages(), catalogue, stopping.signal),
      }),
    );
    stack.defer(catalogue.onChange(() => ahead.changed()));
    ahead.changed();
  }
  for (const peer of settings.peers) swarms.give(peer);

  const setCacheLimits = (after: Settings) =>
    store.setLimits(limitsOf({ ...after, cacheDir: settings.cacheDir }));
  const setLimits = (after: Settings, before: Settings) => swarmSide.setLimits(after, before);
  const live = new LiveSettings(settings, {
    allowClient: ({ allowClient }) => clients.setAllowed(allowClient),
    cacheLimit: setCacheLimits,
    minFree: setCacheLimits,
    // Whom we know stays known until a restart.
    peers: ({ peers }, before) => {
      for (const peer of peers) swarms.give(peer);
      return before.peers.every((known) => peers.some((peer) => isSame(known, peer)));
    },
    trackers: (after) => swarmSide.setTrackers(after, archives),
    share: ({ share }) => catalogue.setShareRules(share.map(parseShareRule)),
    allowUpstream: ({ allowUpstream }) => policy.setAllowed(allowUpstream),
    uploadLimit: setLimits,
    downloadLimit: setLimits,
    monthlyUpload: setLimits,
    metered: setLimits,
    onBattery: setLimits,
    businessHours: setLimits,
    businessUploadLimit: setLimits,
    businessDownloadLimit: setLimits,
    logLevel: ({ logLevel }) => setLogLevel(logLevel),
  });

  const owned = stack.move();
  return {
    apt,
    peers: swarmSide.peers,
    tracker: swarmSide.tracker,
    store,
    get isBusy() {
      // An open status page is no work: it would never end.
      return servers.reduce((sum, { underWay }) => sum + underWay, 0) > events.pages;
    },
    reload(after) {
      for (const { address } of servers) checkListen(address, after.allowClient);
      return live.reload(after);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function isSame(a: HostPort, b: HostPort): boolean {
  return a.host === b.host && a.port === b.port;
}

function openStore(settings: Settings): DiskStore {
  const { cacheDir } = settings;
  try {
    return new DiskStore({ cacheDir, ...limitsOf(settings) });
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const reason = (cause as Error).message;
    throw new ConfigError(
      `could not use the cache in ${cacheDir}: ${reason}; give another with --cache-dir`,
      { cause },
    );
  }
}

/** In the background. Only what can be had without a copy: nobody asked for it just now. */
function importAtStart(
  importer: Importer,
  directory: string,
  lists: AptLists | undefined,
  signal: AbortSignal,
): void {
  try {
    void importer.run({ directory, mayCopy: false, before: lists?.read(), signal }).then((outcome) => {
      const { added, files, refused } = outcome;
      log.info(`took in ${added} of the ${files} packages in ${directory}`);
      if (refused.length === 0) return;
      const why = quoteRemote(refused[0] as string, 300);
      log.warn(`not all: ${why}; "debtorrent cache import ${directory}" copies what it can't link`);
    });
  } catch (error) {
    log.warn((error as Error).message);
  }
}

/** What the catalogue knows of the upgrades that apt's lists have for what is installed. */
async function upgrades(
  status: string,
  packages: ReturnType<AptLists['packages']>,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<Entry[]> {
  if (packages.length === 0 || catalogue.identities().length === 0) return [];
  const paths = packages.map(({ path }) => path);
  const entries: Entry[] = [];
  for (const { list, path } of await findUpgrades(status, paths, signal)) {
    const base = packages[list]?.base;
    const entry = base && (await catalogue.lookup({ ...base, path: `${base.path}/${path}` }));
    if (entry) entries.push(entry);
  }
  return entries;
}

const INDEX_NAME = /\/(?:by-hash\/[^/]+\/[^/]+|(?:Packages|Sources)(?:\.[a-z0-9]+)?|[^/]+\.diff\/Index)$/;
/** How long the file of an index stays open for whoever was given its path. */
const INDEX_OPEN_MS = 120_000;

/**
 * A file has come in: the catalogue hears of an index before apt sees its last bytes. Its table is made meanwhile;
 * whoever asks for what the table might answer waits for it there (`Catalogue.lookup`), so nobody has to wait here.
 */
function takeIndex(entry: Entry, at: Location, catalogue: Catalogue, store: Store): void {
  if (!INDEX_NAME.test(locationName(at))) return;
  const open = store.open(entry.key);
  if (!open) return;
  void catalogue.indexArrived(entry.key, pathOf(open.fd)).finally(() => open[Symbol.dispose]());
}

/** Gets an index that no client asked for. */
async function fetchIndex(at: Location, entry: Entry, acquirer: Acquirer, store: Store): Promise<string> {
  const { signal } = new AbortController();
  {
    using content = await acquirer.open(entry, at, signal);
    for (let have = content.available; have < content.sizeBytes; )
      have = await content.waitBeyond(have, signal);
  }
  const open = store.open(entry.key);
  if (!open) throw new Error(`could not keep ${locationName(at)}`);
  setTimeout(() => open[Symbol.dispose](), INDEX_OPEN_MS).unref();
  return pathOf(open.fd);
}

/** A file that was wrong in the cache, where an index in use still names it: by the name under which it came. */
async function fetchAgain(
  key: Sha256,
  name: string,
  { acquirer, catalogue }: { readonly acquirer: Acquirer; readonly catalogue: Catalogue },
  signal: AbortSignal,
): Promise<void> {
  const entry = catalogue.byKey(key);
  const [, host, path] = /^([^/]+)(\/.+)$/.exec(name) ?? [];
  if (!entry || !host || !path) throw new Error(`no index in use names ${name}`);
  using content = await acquirer.open(entry, { scheme: 'http', host, path }, signal);
  for (let have = content.available; have < content.sizeBytes; )
    have = await content.waitBeyond(have, signal);
}

/** A path for an open file that other processes of ours can read, wherever the file itself is moved. */
function pathOf(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

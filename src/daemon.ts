/**
 * The daemon's assembly: builds every room bottom-up, hands each what it needs of the others, and takes it all down in
 * the opposite order. Nothing is decided here but who knows whom.
 */
import packageJson from '../package.json' with { type: 'json' };
import { Acquirer } from './acquire/acquirer.ts';
import { Ahead } from './acquire/ahead.ts';
import type { FlightParts } from './acquire/flight-parts.ts';
import { Hasher } from './acquire/hasher.ts';
import { Importer } from './acquire/importer.ts';
import { offerWhole } from './acquire/landing.ts';
import { ListedFiles } from './acquire/listed-files.ts';
import { AptLists } from './archive/apt-lists.ts';
import { Catalogue } from './archive/catalogue.ts';
import { type Entry, type Location, locationName } from './archive/entry.ts';
import { Refresh } from './archive/refresh.ts';
import type { ReleaseSummary } from './archive/release-summary.ts';
import { parseShareRule } from './archive/sharing.ts';
import { findUpgrades } from './archive/upgrades.ts';
import { SETTINGS, type Settings } from './config/settings.ts';
import { makeDirectory } from './daemon/make-directory.ts';
import {
  configuredTrackers,
  listenForPeers,
  openDht,
  openLsd,
  openPortMapping,
  trackersOf,
  uploadBuckets,
} from './daemon/meeting-places.ts';
import { ownAddresses, ownHosts } from './daemon/own-addresses.ts';
import { readDtorrent } from './daemon/read-dtorrent.ts';
import type { Dht } from './discovery/dht.ts';
import type { Lsd } from './discovery/lsd.ts';
import { Surroundings } from './discovery/surroundings.ts';
import { TrackerClient } from './discovery/tracker-client.ts';
import { systemClock } from './lib/clock.ts';
import { ConfigError } from './lib/errors.ts';
import { formatHostPort, type HostPort } from './lib/host-port.ts';
import { log } from './lib/log.ts';
import { TokenBucket } from './lib/token-bucket.ts';
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
import { statusRoutes } from './status/routes.ts';
import { collect, type ReleaseStatus } from './status/snapshot.ts';
import { DiskStore } from './store/disk-store.ts';
import type { Store } from './store/store.ts';
import { lockStateDir } from './store/store-lock.ts';
import { BanFile } from './swarm/ban-file.ts';
import { Library } from './swarm/library.ts';
import { LocalNetwork } from './swarm/local-network.ts';
import { newPeerId } from './swarm/peer-id.ts';
import { Privacy } from './swarm/privacy.ts';
import { Reachability } from './swarm/reachability.ts';
import { Swarms } from './swarm/swarms.ts';
import { type ArchiveIdentity, swarmInfo, swarmInfoHash, swarmName } from './torrent/archive-identity.ts';
import { startTracker } from './tracker/server.ts';

export const VERSION: string = packageJson.version;

export interface Daemon extends AsyncDisposable {
  readonly apt: HostPort;
  readonly peers: HostPort;
  readonly tracker: HostPort | undefined;
  readonly store: Store;
  /** Whether an answer to APT is under way. */
  readonly isBusy: boolean;
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
  for (const listen of foundAt ? [settings.listen, foundAt] : [settings.listen])
    checkListen(listen, settings.allowClient);
  for (const directory of [settings.cacheDir, settings.stateDir]) makeDirectory(directory);

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
  const peerId = newPeerId(VERSION);
  const downloadBucket = new TokenBucket(settings.downloadLimit, clock.nowMs());
  const banKeeper = stack.use(new BanFile(settings.stateDir, clock));
  let peers = settings.peerListen;
  const reachability = new Reachability({
    clock,
    listen: () => peers,
    ownAddresses: ownHosts,
    dhtAddress: () => dht?.externalAddress,
    isPrivate: settings.privacy === 'lan',
  });
  const swarms = stack.use(
    new Swarms({
      library,
      peerId,
      downloadBucket,
      banKeeper,
      outside: reachability,
      strangerCame: (infoHash) => trackerClient?.strangerCame(infoHash),
      // Late: the catalogue is made below.
      local: new LocalNetwork(clock, settings.lan ? ownAddresses : undefined),
      privacy: new Privacy(settings.privacy, (key) => catalogue.isSecurity(key)),
      client: `DebTorrent ${VERSION}`,
      uploadBuckets: uploadBuckets(settings, clock.nowMs()),
      moved(direction, bytes, lan) {
        if (direction === 'up') return totals.add('uploaded', bytes);
        totals.add('fromPeers', bytes);
        if (lan) totals.add('fromLan', bytes);
      },
    }),
  );
  store.onGone((key) => swarms.fileGone(key));

  const catalogue = stack.use(
    new Catalogue({
      directory: `${settings.stateDir}/catalogue`,
      infoHash: swarmInfoHash,
      shareRules: settings.share.map(parseShareRule),
      fetchIndex: (at, entry) => fetchIndex(at, entry, acquirer, store),
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
    landed: (entry, at) => takeIndex(entry, at, catalogue, store),
  };
  const acquirer = stack.use(new Acquirer(parts));
  const refresh = new Refresh({ catalogue, mirror, count: (trouble) => totals.add(trouble, 1) });

  const listed = new ListedFiles();
  const dtorrents = settings.torrents.map(readDtorrent);
  for (const dtorrent of dtorrents) listed.add(dtorrent);

  const listedIdentities = () => dtorrents.flatMap((dtorrent) => listed.identities(dtorrent));
  const identities = (): Map<string, ArchiveIdentity> => {
    const all = [...catalogue.identities(), ...listedIdentities()];
    return new Map(all.map((identity) => [swarmInfoHash(identity), identity]));
  };
  let lists: AptLists | undefined;
  let dht: Dht | undefined;
  let trackerClient: TrackerClient | undefined;
  let lan: Lsd | undefined;
  const status = () =>
    collect({
      version: VERSION,
      uptimeMs: () => clock.nowMs() - startedMs,
      bytes: () => totals.all(),
      session: () => totals.session(),
      troubles: () => totals.troubles(),
      swarms: () =>
        [...identities()].map(([infoHash, identity]) => ({
          infoHash,
          name: swarmName(identity),
          peers: swarms.peersIn(infoHash),
        })),
      peers: () =>
        swarms.peers().map((peer) => ({
          address: formatHostPort(peer.link.remote),
          client: peer.client,
          lan: peer.lan,
          bytesDown: peer.bytesDown,
          bytesUp: peer.bytesUp,
        })),
      lan: () => lan?.status(),
      banned: () => swarms.banned().map(({ address, reason }) => ({ address, reason })),
      store: () => store.totals(),
      transfers: () => acquirer.transfers(),
      reachability: () => reachability.status(),
      trackers: () => trackerClient?.status() ?? [],
      releases: () => catalogue.releases().map((release) => releaseStatus(release, clock.wallMs())),
      dht: () => dht?.status(),
    });

  const importer = new Importer({
    store,
    hasher,
    byKey: (key) => catalogue.byKey(key),
    landed: (key) => offerWhole(parts, key),
  });
  const stopping = new AbortController();
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
  const listens: ListenAt[] = sockets.length > 0 ? sockets.map((fd) => ({ fd })) : [settings.listen];
  if (foundAt && sockets.length < 2) listens.push(foundAt);
  const servers: ProxyServer[] = [];
  for (const listen of listens) {
    const server = stack.use(await startProxyServer({ listen, door, tunnels }));
    // Whoever opened the socket may have gone by other settings.
    checkListen(server.address, settings.allowClient);
    loopGuard.listensOn(server.address.host, server.address.port);
    servers.push(server);
  }
  const [{ address: apt }] = servers as [ProxyServer];
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

  peers = listenForPeers(swarms, settings);
  const portMapping = openPortMapping(settings, peers, reachability, () => {
    trackerClient?.announceNow();
    dht?.announceNow();
  });
  if (portMapping) stack.use(portMapping);
  const { withTracker: listen, stateDir } = settings;
  const tracker = listen && stack.use(await startTracker({ listen, stateDir }));
  trackerClient = stack.use(
    new TrackerClient({
      lists: [
        ...configuredTrackers(settings, tracker?.address),
        // Those of a .dtorrent are strangers', whom scope "lan" has nothing to do with.
        ...(settings.privacy === 'lan' ? [] : dtorrents.map((dtorrent) => trackersOf(dtorrent, listed))),
      ],
      peerId,
      clock,
      port: peers.port,
      outerPort: () => reachability.outerPort,
      sawUs: (address, from) => reachability.sawUs(address, from),
      found: (infoHash, addresses, { isConfigured }) =>
        swarms.found(infoHash, addresses, isConfigured ? 'tracker' : 'open-tracker'),
      totals: () => ({ uploaded: totals.session().uploaded, downloaded: totals.session().fromPeers }),
    }),
  );
  dht = openDht(settings, peers, swarms, reachability, clock);
  if (dht) stack.use(dht);
  lan = openLsd(settings, peers, swarms, clock);
  if (lan) stack.use(lan);
  stack.use(
    new Surroundings({
      clock,
      addresses: ownHosts,
      changed(how) {
        log.info(`${how === 'woke' ? 'this machine was asleep' : 'a new address'}: looking for peers anew`);
        swarms.probeAll();
        portMapping?.askNow();
        trackerClient?.announceNow();
        dht?.announceNow();
        lan?.announceNow();
      },
    }),
  );
  // Whoever looks for an info-hash in the public DHT finds us there, and can guess the names of a company's archive. In
  // a DHT that the operator chose he meets whom he wants to meet; a .dtorrent was made to be found.
  const isOwnDht =
    settings.dhtBootstrap.length > 0 && settings.dhtBootstrap !== SETTINGS.dhtBootstrap.initial;
  const findable = () =>
    [...catalogue.identities().filter(({ isPublic }) => isPublic), ...listedIdentities()].map(swarmInfoHash);
  const join = () => {
    const own = [...identities()].map(([infoHash, identity]) => ({ infoHash, info: swarmInfo(identity) }));
    const infoHashes = own.map(({ infoHash }) => infoHash);
    swarms.join(own);
    trackerClient?.setSwarms(infoHashes);
    lan?.setSwarms(infoHashes);
    dht?.setSwarms(isOwnDht ? infoHashes : findable());
  };
  join();
  stack.defer(catalogue.onChange(join));
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

  const owned = stack.move();
  return {
    apt,
    peers,
    tracker: tracker?.address,
    store,
    get isBusy() {
      return servers.some(({ isBusy }) => isBusy);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function releaseStatus(release: ReleaseSummary, wallMs: number): ReleaseStatus {
  const { directory, dateMs, validUntilMs, verdict, upstream } = release;
  const isSigned = verdict.status === 'public' || verdict.status === 'private';
  return {
    name: directory,
    ...(dateMs !== undefined && { ageSeconds: Math.max(0, Math.floor((wallMs - dateMs) / 1000)) }),
    ...(validUntilMs !== undefined && { validSeconds: Math.floor((validUntilMs - wallMs) / 1000) }),
    signed: isSigned ? verdict.status : 'no',
    shared: release.shareable,
    stale: upstream.stale,
    behindSeconds: Math.floor(release.behindMs / 1000),
    rolledBack: upstream.rolledBack,
    refused: upstream.refused,
  };
}

function openStore({ cacheDir, cacheLimitBytes }: Settings): DiskStore {
  try {
    return new DiskStore({ cacheDir, limitBytes: cacheLimitBytes });
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
      log.info(`took in ${outcome.added} of the ${outcome.files} packages in ${directory}`);
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

/** A path for an open file that other processes of ours can read, wherever the file itself is moved. */
function pathOf(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

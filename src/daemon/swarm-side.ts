/**
 * The side of a node that other nodes see: the swarms, and all the ways of meeting in them. Built in two steps, as what
 * is offered has to be there before anybody comes: first the swarms, then, by meet(), the port for peers, router,
 * trackers, DHT and local discovery. Nothing is decided here but who knows whom.
 */
import { DEFAULT_WAN_UPLOAD, type Settings } from '../config/settings.ts';
import type { Dht } from '../discovery/dht.ts';
import type { Lsd } from '../discovery/lsd.ts';
import { Surroundings } from '../discovery/surroundings.ts';
import { TrackerClient } from '../discovery/tracker-client.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { isOnBattery } from '../limits/battery.ts';
import { type Giving, GivingLimits, type GivingSettings } from '../limits/giving.ts';
import { isMetered } from '../limits/metered.ts';
import { MonthCount } from '../limits/month-count.ts';
import type { Totals } from '../metrics/totals.ts';
import type { LimitsStatus, StatusParts } from '../status/snapshot.ts';
import { BanFile } from '../swarm/ban-file.ts';
import type { Library } from '../swarm/library.ts';
import { LocalNetwork } from '../swarm/local-network.ts';
import { newPeerId } from '../swarm/peer-id.ts';
import { Privacy } from '../swarm/privacy.ts';
import { Reachability } from '../swarm/reachability.ts';
import { Swarms } from '../swarm/swarms.ts';
import { swarmInfo, swarmName } from '../torrent/archive-identity.ts';
import { startTracker } from '../tracker/server.ts';
import type { Archives } from './archives.ts';
import {
  configuredTrackers,
  listenForPeers,
  type Meeting,
  openDht,
  openLsd,
  openPortMapping,
  uploadBuckets,
} from './meeting-places.ts';
import { ownAddresses, ownHosts } from './own-addresses.ts';
import type { StandardTorrent } from './read-torrents.ts';
import { StandardSide, type StandardSideOptions } from './standard-side.ts';

export interface SwarmSideOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly clock: Clock;
  readonly totals: Totals;
  readonly library: Library;
  /** Whether a security pocket has that content. */
  readonly isSecurity: (key: Sha256) => boolean;
  /** What of the store is given in standard swarms. */
  readonly store: StandardSideOptions['store'];
  readonly torrents: readonly StandardTorrent[];
}

/** What of the status is about other nodes. */
type SwarmStatusParts = Pick<
  StatusParts,
  'swarms' | 'peers' | 'lan' | 'banned' | 'reachability' | 'trackers' | 'dht'
>;

export class SwarmSide implements AsyncDisposable {
  readonly swarms: Swarms;
  readonly downloadBucket: TokenBucket;
  /** Where peers come in; what was asked for, until meet(). */
  peers: HostPort;
  /** Our own, where there is one. */
  tracker: HostPort | undefined;
  readonly #standard: StandardSide;
  readonly #options: SwarmSideOptions;
  readonly #limits: GivingLimits;
  readonly #month: MonthCount;
  readonly #uploadBuckets: { readonly lan: TokenBucket; readonly wan: TokenBucket };
  readonly #peerId: Uint8Array;
  readonly #banKeeper: BanFile;
  readonly #reachability: Reachability;
  #trackerClient: TrackerClient | undefined;
  #dht: Dht | undefined;
  #lan: Lsd | undefined;

  constructor(options: SwarmSideOptions) {
    const { settings, clock, library, totals, version, isSecurity, store, torrents } = options;
    this.#options = options;
    this.#peerId = newPeerId(version);
    this.downloadBucket = new TokenBucket(settings.downloadLimit, clock.nowMs());
    this.#uploadBuckets = uploadBuckets(settings, clock.nowMs());
    this.#month = new MonthCount(settings.stateDir, clock);
    const limits = new GivingLimits({
      ...{ clock, month: this.#month, isOnBattery, isMetered },
      settings: givingOf(settings),
      changed: (giving) => this.#apply(giving),
    });
    this.#limits = limits;
    this.#banKeeper = new BanFile(settings.stateDir, clock);
    this.peers = settings.peerListen;
    this.#reachability = new Reachability({
      clock,
      listen: () => this.peers,
      ownAddresses: ownHosts,
      dhtAddress: () => this.#dht?.externalAddress,
      isPrivate: settings.privacy === 'lan',
    });
    const shared = {
      peerId: this.#peerId,
      client: `DebTorrent ${version}`,
      downloadBucket: this.downloadBucket,
      uploadBuckets: this.#uploadBuckets,
      moved(direction: 'up' | 'down', bytes: number, lan: boolean) {
        if (direction === 'up') {
          if (!lan) limits.given(bytes);
          return totals.add('uploaded', bytes);
        }
        totals.add('fromPeers', bytes);
        if (lan) totals.add('fromLan', bytes);
      },
    };
    this.#standard = new StandardSide({
      ...{ torrents, store, clock, privacy: settings.privacy },
      swarms: {
        ...shared,
        portFor: (host) => this.swarms.portFor(host),
        sawUs: (address, from) => this.swarms.sawUs(address, from),
      },
    });
    this.swarms = new Swarms({
      ...shared,
      library,
      elsewhere: this.#standard,
      banKeeper: this.#banKeeper,
      outside: this.#reachability,
      strangerCame: (infoHash) => this.#trackerClient?.strangerCame(infoHash),
      local: new LocalNetwork(clock, settings.lan ? ownAddresses : undefined),
      privacy: new Privacy(settings.privacy, isSecurity),
    });
    limits.start();
  }

  /**
   * Begins to meet other nodes, until what it resolves with is disposed of. Throws ConfigError or Error with a sentence
   * for people.
   */
  async meet(archives: Archives): Promise<AsyncDisposable> {
    await using stack = new AsyncDisposableStack();
    const { settings, clock, totals } = this.#options;
    const reachability = this.#reachability;
    const { swarms } = this;
    this.peers = listenForPeers(swarms, settings);
    const portMapping = openPortMapping(settings, this.peers, reachability, () => {
      this.#trackerClient?.announceNow();
      this.#standard.announceNow();
      this.#dht?.announceNow();
    });
    if (portMapping) stack.use(portMapping);
    const { withTracker: listen, stateDir } = settings;
    this.tracker = listen && stack.use(await startTracker({ listen, stateDir })).address;
    this.#trackerClient = stack.use(
      new TrackerClient({
        lists: [...configuredTrackers(settings, this.tracker), ...archives.trackers()],
        peerId: this.#peerId,
        clock,
        port: this.peers.port,
        outerPort: () => reachability.outerPort,
        sawUs: (address, from) => reachability.sawUs(address, from),
        found: (infoHash, addresses, { isConfigured }) =>
          swarms.found(infoHash, addresses, isConfigured ? 'tracker' : 'open-tracker'),
        totals: () => ({ uploaded: totals.session().uploaded, downloaded: totals.session().fromPeers }),
      }),
    );
    this.#standard.meet(configuredTrackers(settings, this.tracker), {
      port: this.peers.port,
      outerPort: () => reachability.outerPort,
    });
    const meeting = this.#meeting();
    this.#dht = openDht(settings, this.peers, meeting, reachability, clock);
    if (this.#dht) stack.use(this.#dht);
    this.#lan = openLsd(settings, this.peers, meeting, clock);
    if (this.#lan) stack.use(this.#lan);
    stack.use(
      new Surroundings({
        clock,
        addresses: ownHosts,
        changed: (how) => {
          log.info(`${how === 'woke' ? 'this machine was asleep' : 'a new address'}: looking for peers anew`);
          swarms.probeAll();
          portMapping?.askNow();
          this.#trackerClient?.announceNow();
          this.#standard.announceNow();
          this.#dht?.announceNow();
          this.#lan?.announceNow();
        },
      }),
    );
    this.#join(archives);
    stack.defer(archives.onChange(() => this.#join(archives)));
    return stack.move();
  }

  statusParts(archives: Archives): SwarmStatusParts {
    const { swarms } = this;
    return {
      swarms: () => [
        ...[...archives.identities()].map(([infoHash, identity]) => ({
          infoHash,
          name: swarmName(identity),
          peers: swarms.peersIn(infoHash),
        })),
        ...this.#standard.status(),
      ],
      peers: () =>
        swarms.peers().map((peer) => ({
          address: formatHostPort(peer.link.remote),
          client: peer.client,
          lan: peer.lan,
          bytesDown: peer.bytesDown,
          bytesUp: peer.bytesUp,
        })),
      lan: () => this.#lan?.status(),
      banned: () => swarms.banned().map(({ address, reason }) => ({ address, reason })),
      reachability: () => this.#reachability.status(),
      trackers: () => this.#trackerClient?.status() ?? [],
      dht: () => this.#dht?.status(),
    };
  }

  /** The store has it now, and may offer it. */
  fileCame(key: Sha256): void {
    this.#standard.fileCame(key);
  }

  fileGone(key: Sha256): void {
    this.swarms.fileGone(key);
    this.#standard.fileGone(key);
  }

  /** Others of the operator's from now on; our own stays. */
  setTrackers(settings: Settings, archives: Archives): void {
    const lists = [...configuredTrackers(settings, this.tracker), ...archives.trackers()];
    this.#trackerClient?.setGiven(lists);
    this.#standard.setTrackers(configuredTrackers(settings, this.tracker));
    this.#join(archives);
  }

  /** False when it takes a restart: one limit for all instead of one for strangers, or the other way round. */
  setLimits(settings: Settings, before: Settings): boolean {
    const isSameKind = (settings.uploadLimit === undefined) === (before.uploadLimit === undefined);
    const { uploadLimit } = isSameKind ? settings : before;
    this.#limits.settings = givingOf({ ...settings, uploadLimit });
    return isSameKind;
  }

  /** What is given and fetched now, and why not more. */
  limitsStatus(): Pick<LimitsStatus, 'monthlyUpload' | 'upload' | 'businessHours'> {
    const { paused, isBusinessHours, uploadLimit } = this.#limits.now;
    const { month, bytes } = this.#month;
    return {
      monthlyUpload: { month, bytes, limitBytes: this.#limits.settings.monthlyUpload },
      upload: { wanBytesPerSecond: uploadLimit, paused },
      businessHours: isBusinessHours,
    };
  }

  #apply({ paused, uploadLimit, downloadLimit }: Giving): void {
    const nowMs = this.#options.clock.nowMs();
    const { uploads } = this.swarms;
    if (uploads.isShut !== paused.length > 0) {
      uploads.isShut = paused.length > 0;
      this.#standard.swarms.uploads.isShut = uploads.isShut;
      const why = paused.length > 0 ? `nothing more (${paused.join(', ')})` : 'as usual again';
      log.info(`given beyond the local network: ${why}`);
    }
    this.#uploadBuckets.wan.setRate(uploadLimit, nowMs);
    this.downloadBucket.setRate(downloadLimit, nowMs);
    uploads.ratesChanged();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#limits[Symbol.dispose]();
    await this.#standard[Symbol.asyncDispose]();
    await this.swarms[Symbol.asyncDispose]();
    this.#month[Symbol.dispose]();
    this.#banKeeper[Symbol.dispose]();
  }

  /** Each info-hash is of one of both kinds of swarms, and the other takes no notice of it. */
  #meeting(): Meeting {
    return {
      heard: (infoHash, addresses, isNew) => {
        this.swarms.heard(infoHash, addresses, isNew);
        this.#standard.found(infoHash, addresses);
      },
      foundInDht: (infoHash, addresses) => {
        this.swarms.found(infoHash, addresses, 'dht');
        this.#standard.found(infoHash, addresses);
      },
      peersIn: (infoHash) => this.swarms.peersIn(infoHash) + this.#standard.peersIn(infoHash),
    };
  }

  #join(archives: Archives): void {
    const identities = [...archives.identities()];
    const infoHashes = identities.map(([infoHash]) => infoHash);
    this.swarms.join(identities.map(([infoHash, identity]) => ({ infoHash, info: swarmInfo(identity) })));
    this.#trackerClient?.setNamed(archives.signedTrackers());
    this.#trackerClient?.setSwarms(infoHashes);
    this.#lan?.setSwarms([...infoHashes, ...this.#standard.infoHashes()]);
    this.#dht?.setSwarms([...archives.findable(), ...this.#standard.infoHashes()]);
  }
}

function givingOf(settings: Settings): GivingSettings {
  return { ...settings, wanUploadLimit: settings.uploadLimit ?? DEFAULT_WAN_UPLOAD };
}

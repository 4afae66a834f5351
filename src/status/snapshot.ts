/**
 * What the daemon is doing and has saved, at one moment, as plain data: the status page, `/api/status`, `debtorrent
 * status` and its table all show this and nothing else. It decides the names that scripts may rely on (fields may be
 * added, never renamed) and what strangers don't get to see. Where the figures come from is the daemon's business.
 */

import { formatBytes } from '../lib/format-bytes.ts';
import { formatDuration } from './format-duration.ts';
import type { Pulse } from './pulse.ts';

/** Mirrors are pushed to within hours: less behind than this is no news. */
const BEHIND_SECONDS = 24 * 3600;

/** Payload bytes by where they came from. */
export interface ByteTotals {
  /** From other machines, near or far. */
  readonly fromPeers: number;
  /** The part of `fromPeers` that came over the local network. */
  readonly fromLan: number;
  readonly fromMirror: number;
  /** Given to clients out of the store: fetched once, used again. */
  readonly fromStore: number;
  /** Given to other machines. */
  readonly uploaded: number;
}

/** How often mirrors did what APT says nothing of, since the first start on this machine. */
export interface TroubleTotals {
  /** Releases from the copy at hand, as the mirror could not be reached. */
  readonly stale: number;
  /** Older ones than the one in force. */
  readonly rolledBack: number;
  /** Worse signed ones, and such as can't be read. */
  readonly refused: number;
}

export interface SwarmStatus {
  /** 40 hexadecimal digits. */
  readonly infoHash: string;
  /** "Debian bookworm amd64" */
  readonly name: string;
  /** Connected now. */
  readonly peers: number;
}

export interface PeerStatus {
  /** HOST:PORT */
  readonly address: string;
  /** What it calls itself; written by a stranger. */
  readonly client: string;
  readonly lan: boolean;
  readonly bytesDown: number;
  readonly bytesUp: number;
  /** Bytes a second, lately. */
  readonly downRate: number;
  readonly upRate: number;
}

/** Local discovery. */
export interface LanStatus {
  /** Names of the interfaces on which nodes are looked for. */
  readonly interfaces: readonly string[];
  /** Heard there lately, other BitTorrent clients among them. */
  readonly neighbours: number;
}

export interface BanStatus {
  readonly address: string;
  readonly reason: string;
}

export interface StoreStatus {
  readonly files: number;
  readonly bytes: number;
  readonly limitBytes: number;
}

export interface TransferStatus {
  /** SHA-256 of the file, hexadecimal. */
  readonly key: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly haveBytes: number;
}

export interface DhtStatus {
  /** Nodes that we know there; 0 = none has answered yet. */
  readonly nodes: number;
  /** Strangers don't reach our UDP port, so nobody is told to ask us (BEP 43). */
  readonly readOnly: boolean;
}

/** Whether strangers can come in. */
export interface ReachabilityStatus {
  readonly state: 'reachable' | 'not reachable' | 'unknown';
  /** HOST:PORT at which they do, or would; as far as known. */
  readonly addresses: readonly string[];
  /** How a router was told to let them through: PCP, NAT-PMP or UPnP. */
  readonly mappedBy?: string;
  /** A sentence or two: how it is, and what to do. */
  readonly advice: string;
}

/** A Release in force. APT says nothing of an old state, so this does. */
export interface ReleaseStatus {
  /** HOST/PATH of the directory where it lies. */
  readonly name: string;
  /** Since the date that it bears; missing where it bears none. */
  readonly ageSeconds?: number;
  /** Until it is no longer valid, negative after that; missing where it says nothing of it. */
  readonly validSeconds?: number;
  /** By the key of a public archive, by one that only this machine's apt trusts, or by none of them. */
  readonly signed: 'public' | 'private' | 'no';
  readonly shared: boolean;
  /** The mirror could not be reached: clients were given the copy at hand. */
  readonly stale: boolean;
  /** How much older than what another mirror gave for it. */
  readonly behindSeconds: number;
  /** How often the mirror gave an older one, since this start. APT ignores such without a word. */
  readonly rolledBack: number;
  /** How often it gave one that is worse signed or can't be read, since this start. */
  readonly refused: number;
}

export interface TrackerStatus {
  readonly url: string;
  /** `unused`: not asked, as there is no swarm yet, or another that stands for it answers. */
  readonly state: 'working' | 'failing' | 'unused';
  /** In our swarms, by its own count. */
  readonly peers: number;
  /** Why it fails; may be written by a stranger. */
  readonly reason?: string;
}

/** A mirror's tree that is shared in place. What is offered of it is the store. */
export interface SeedStatus {
  readonly directory: string;
  /** Read and hashed since this start: what was known from before isn't read. */
  readonly hashedFiles: number;
  readonly hashedBytes: number;
  /** To be hashed before they are offered. */
  readonly waitingFiles: number;
  readonly waitingBytes: number;
  /** Not offered: no index names them; their archive is private; they aren't what the index says; they can't be read. */
  readonly unnamedFiles: number;
  readonly privateFiles: number;
  readonly wrongFiles: number;
  readonly unreadable: number;
}

/** What is given and kept at most, and which limit holds now. Rates in bytes a second; 0 = no limit. */
export interface LimitsStatus {
  /** Given beyond the local network in a calendar month ("2026-11"). */
  readonly monthlyUpload: { readonly month: string; readonly bytes: number; readonly limitBytes: number };
  /** `paused`: why nothing is given beyond the local network now; empty = it is. */
  readonly upload: { readonly wanBytesPerSecond: number; readonly paused: readonly string[] };
  readonly businessHours: boolean;
  readonly cache: {
    readonly limitBytes: number;
    /** Of its disk: what is to stay free, and what is. */
    readonly minFreeBytes: number;
    readonly freeBytes: number;
  };
}

export interface StatusSnapshot {
  readonly version: string;
  readonly uptimeSeconds: number;
  /** Since the first start on this machine. */
  readonly bytes: ByteTotals;
  /** Since this start. */
  readonly session: ByteTotals;
  /** Since midnight, by the daemon's own time. */
  readonly today: ByteTotals;
  /** Bytes a second, lately. */
  readonly rates: ByteTotals;
  readonly troubles: TroubleTotals;
  readonly swarms: readonly SwarmStatus[];
  readonly peers: readonly PeerStatus[];
  readonly banned: readonly BanStatus[];
  readonly store: StoreStatus;
  readonly transfers: readonly TransferStatus[];
  readonly reachability: ReachabilityStatus;
  readonly trackers: readonly TrackerStatus[];
  readonly releases: readonly ReleaseStatus[];
  /** Missing where the DHT isn't in use. */
  readonly dht?: DhtStatus;
  /** Missing where nodes aren't looked for on the local network. */
  readonly lan?: LanStatus;
  /** Missing where no tree is shared in place. */
  readonly seed?: SeedStatus;
  /** Missing where one is. */
  readonly limits?: LimitsStatus;
}

/** The rooms that know, each through the narrowest opening. Called for each snapshot; all of them are cheap. */
export interface StatusParts {
  readonly version: string;
  readonly uptimeMs: () => number;
  readonly bytes: () => ByteTotals;
  readonly session: () => ByteTotals;
  readonly today: () => ByteTotals;
  readonly pulse: Pick<Pulse, 'rates' | 'ofPeer'>;
  readonly troubles: () => TroubleTotals;
  readonly swarms: () => Iterable<SwarmStatus>;
  readonly peers: () => Iterable<Omit<PeerStatus, 'downRate' | 'upRate'>>;
  readonly lan: () => LanStatus | undefined;
  readonly banned: () => Iterable<BanStatus>;
  readonly store: () => StoreStatus;
  readonly transfers: () => Iterable<TransferStatus>;
  readonly reachability: () => ReachabilityStatus;
  readonly trackers: () => Iterable<TrackerStatus>;
  readonly releases: () => Iterable<ReleaseStatus>;
  readonly dht: () => DhtStatus | undefined;
  readonly seed?: () => SeedStatus;
  readonly limits?: () => LimitsStatus;
}

export function collect(parts: StatusParts): StatusSnapshot {
  const dht = parts.dht();
  const lan = parts.lan();
  return {
    version: parts.version,
    uptimeSeconds: Math.floor(parts.uptimeMs() / 1000),
    bytes: parts.bytes(),
    session: parts.session(),
    today: parts.today(),
    rates: parts.pulse.rates(),
    troubles: parts.troubles(),
    swarms: [...parts.swarms()],
    peers: [...parts.peers()].map((peer) => {
      const { down: downRate, up: upRate } = parts.pulse.ofPeer(peer.address);
      return { ...peer, downRate, upRate };
    }),
    banned: [...parts.banned()],
    store: parts.store(),
    transfers: [...parts.transfers()],
    reachability: parts.reachability(),
    trackers: [...parts.trackers()],
    releases: [...parts.releases()],
    ...(dht && { dht }),
    ...(lan && { lan }),
    ...(parts.seed && { seed: parts.seed() }),
    ...(parts.limits && { limits: parts.limits() }),
  };
}

/** For clients on other machines: who our peers are, where, and what is being installed here is not their business. */
export function withoutDetails(snapshot: StatusSnapshot): StatusSnapshot {
  const { lan, seed: _, limits: __, ...rest } = snapshot;
  const { state } = snapshot.reachability;
  return {
    ...rest,
    ...{ peers: [], banned: [], transfers: [], trackers: [], releases: [] },
    reachability: { state, addresses: [], advice: '' },
    ...(lan && { lan: { ...lan, interfaces: [] } }),
  };
}

/** What is wrong with it, most urgent first; empty when nothing is. */
export function releaseLine(release: ReleaseStatus): string {
  const { validSeconds, stale, behindSeconds, rolledBack, refused } = release;
  const times = (count: number) => (count === 1 ? 'once' : `${count} times`);
  return [
    validSeconds !== undefined && validSeconds < 0 ? 'no longer valid' : '',
    stale ? 'the mirror does not answer' : '',
    behindSeconds >= BEHIND_SECONDS ? `${formatDuration(behindSeconds)} behind another mirror` : '',
    rolledBack > 0 ? `older ones came ${times(rolledBack)}` : '',
    refused > 0 ? `bad ones came ${times(refused)}` : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** "Releases since the first start: 3 from our copy, 1 older than before"; empty when all was well. */
export function troublesLine({ stale, rolledBack, refused }: TroubleTotals): string {
  const parts = [
    stale > 0 ? `${stale} from our copy` : '',
    rolledBack > 0 ? `${rolledBack} older than before` : '',
    refused > 0 ? `${refused} bad` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `Releases since the first start: ${parts.join(', ')}`;
}

/** "/srv/mirror, in place; 12 files (3 GiB) are being verified" */
export function seedLine({ directory, waitingFiles, waitingBytes, wrongFiles }: SeedStatus): string {
  const files = (count: number) => (count === 1 ? '1 file' : `${count} files`);
  return [
    `shared in place: ${directory}`,
    waitingFiles > 0 ? `${files(waitingFiles)} (${formatBytes(waitingBytes)}) to be verified` : '',
    wrongFiles > 0 ? `${files(wrongFiles)} not what the index says` : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** "given beyond the local network: 1.2 GiB of 100 GiB in 2026-11, at most 2.00 MiB/s" */
export function limitsLine({ monthlyUpload, upload, businessHours }: LimitsStatus): string {
  const { month, bytes, limitBytes } = monthlyUpload;
  const most = limitBytes > 0 ? ` of ${formatBytes(limitBytes)}` : '';
  const rate = upload.wanBytesPerSecond > 0 ? `, at most ${formatBytes(upload.wanBytesPerSecond)}/s` : '';
  const now =
    upload.paused.length > 0
      ? `; nothing now: ${upload.paused.join(', ')}`
      : `${rate}${businessHours ? ' (business hours)' : ''}`;
  return `given beyond the local network: ${formatBytes(bytes)}${most} in ${month}${now}`;
}

/** "the disk has 300 MiB free, 2 GiB are to stay so: files of the store go for it"; empty when there is room. */
export function diskLine({ cache: { freeBytes, minFreeBytes } }: LimitsStatus): string {
  if (freeBytes > minFreeBytes) return '';
  return `the disk has ${formatBytes(freeBytes)} free, and ${formatBytes(minFreeBytes)} are to stay so: files of the store go for it`;
}

/** "3 neighbours on eth0, wlan0" */
export function lanLine({ interfaces, neighbours }: LanStatus): string {
  const heard = `${neighbours} ${neighbours === 1 ? 'neighbour' : 'neighbours'}`;
  return interfaces.length === 0 ? heard : `${heard} on ${interfaces.join(', ')}`;
}

/** Part of what clients got that the mirror wasn't asked for, from 0 to 1; undefined before the first byte. */
export function savedShare({ fromPeers, fromMirror, fromStore }: ByteTotals): number | undefined {
  const all = fromPeers + fromMirror + fromStore;
  return all === 0 ? undefined : (fromPeers + fromStore) / all;
}

/** "120 nodes", and what is to be known of them. */
export function dhtLine({ nodes, readOnly }: DhtStatus): string {
  if (nodes === 0) return 'no node has answered yet';
  return `${nodes} nodes${readOnly ? '; strangers do not reach our UDP port' : ''}`;
}

/** "reachable from outside at 203.0.113.7:9989 (by way of UPnP)" */
export function reachLine({ state, addresses, mappedBy }: ReachabilityStatus): string {
  const how = {
    reachable: 'reachable from outside',
    'not reachable': 'not reachable from outside',
    unknown: 'not known yet whether reachable from outside',
  }[state];
  const at = addresses.length > 0 ? ` at ${addresses.join(' and ')}` : '';
  return `${how}${at}${mappedBy ? ` (the router was told by ${mappedBy})` : ''}`;
}

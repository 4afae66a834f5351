/**
 * How each way of meeting other nodes is opened, or why not, by what the operator wants: the port for peers, local
 * discovery, the DHT, the router, trackers; and how much is given.
 */
import type { ListedFiles } from '../acquire/listed-files.ts';
import { DEFAULT_WAN_UPLOAD, type Settings } from '../config/settings.ts';
import { Dht } from '../discovery/dht.ts';
import { Lsd } from '../discovery/lsd.ts';
import { openLsdSockets } from '../discovery/lsd-sockets.ts';
import { PortMapping, type PortMappingStatus } from '../discovery/port-mapping.ts';
import type { TrackerList } from '../discovery/tracker-client.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { isLoopbackAddress } from '../swarm/address.ts';
import type { Reachability } from '../swarm/reachability.ts';
import type { Swarms } from '../swarm/swarms.ts';
import { swarmInfoHash } from '../torrent/archive-identity.ts';
import type { Dtorrent } from '../torrent/dtorrent.ts';

/** One limit for all peers where it was given; else none on the LAN and a modest one beyond. */
export function uploadBuckets(
  { uploadLimit }: Settings,
  nowMs: number,
): { lan: TokenBucket; wan: TokenBucket } {
  if (uploadLimit !== undefined) {
    const both = new TokenBucket(uploadLimit, nowMs);
    return { lan: both, wan: both };
  }
  return { lan: new TokenBucket(0, nowMs), wan: new TokenBucket(DEFAULT_WAN_UPLOAD, nowMs) };
}

/** Both families where the machine has IPv6, else IPv4 only. */
export function listenForPeers(swarms: Swarms, { peerListen }: Settings): HostPort {
  try {
    return swarms.listen(peerListen);
  } catch (error) {
    if (peerListen.host !== '::' || /in use/.test((error as Error).message)) throw error;
    return swarms.listen({ host: '0.0.0.0', port: peerListen.port });
  }
}

/** Who is told of peers, and how many there are already. */
export interface Meeting {
  heard(infoHash: string, addresses: readonly HostPort[], isNew: boolean): void;
  foundInDht(infoHash: string, addresses: readonly HostPort[]): void;
  peersIn(infoHash: string): number;
}

/** None where the operator doesn't want it. */
export function openLsd(
  settings: Settings,
  { host, port }: HostPort,
  swarms: Meeting,
  clock: Clock,
): Lsd | undefined {
  if (!settings.lan) return undefined;
  const found = (infoHash: string, addresses: readonly HostPort[], isNew: boolean) =>
    swarms.heard(infoHash, addresses, isNew);
  return new Lsd({ port, clock, found, open: openLsdSockets(host) });
}

/** None where strangers have no business, and none without IPv4, which is all that it speaks. */
export function openDht(
  settings: Settings,
  { host, port }: HostPort,
  swarms: Meeting,
  reachability: Reachability,
  clock: Clock,
): Dht | undefined {
  if (!settings.dht || settings.privacy === 'lan') return undefined;
  if (host !== '::' && host.includes(':')) return undefined;
  return new Dht({
    listen: { host: host === '::' ? '0.0.0.0' : host, port },
    port: () => reachability.outerPort,
    bootstrap: settings.dhtBootstrap,
    stateDir: settings.stateDir,
    clock,
    found: (infoHash, addresses) => swarms.foundInDht(infoHash, addresses),
    peersIn: (infoHash) => swarms.peersIn(infoHash),
  });
}

/** Not where nobody could come by it: from elsewhere than this machine, or over IPv4. `moved`: the port is another. */
export function openPortMapping(
  settings: Settings,
  { host, port }: HostPort,
  reachability: Reachability,
  moved: () => void,
): PortMapping | undefined {
  const isOpen = host === '::' || (!host.includes(':') && !isLoopbackAddress(host));
  if (!settings.portMapping || settings.privacy === 'lan' || !isOpen) return undefined;
  const changed = (status: PortMappingStatus) => {
    const before = reachability.outerPort;
    reachability.routerSays(status);
    if (reachability.outerPort !== before) moved();
  };
  return new PortMapping({ port, clock: systemClock, withUdp: settings.dht, changed });
}

/** Each of the operator's trackers is a place to meet by itself; so is our own. */
export function configuredTrackers({ trackers }: Settings, own: HostPort | undefined): TrackerList[] {
  const urls = [...trackers];
  if (own) {
    const host = own.host === '0.0.0.0' || own.host === '::' ? '127.0.0.1' : own.host;
    urls.push(`http://${formatHostPort({ host, port: own.port })}/announce`);
  }
  return urls.map((url) => ({ tiers: [[url]], isConfigured: true }));
}

/** A .dtorrent's trackers hear of its own swarms only. */
export function trackersOf(dtorrent: Dtorrent, listed: ListedFiles): TrackerList {
  const swarms = new Set(listed.identities(dtorrent).map(swarmInfoHash));
  return { tiers: dtorrent.trackers, isConfigured: false, swarms };
}

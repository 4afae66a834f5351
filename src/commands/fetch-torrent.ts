/**
 * Fetches one standard torrent into a folder, and shares it as far as it is here: builds the swarm, its storage and its
 * ways to meet (trackers, DHT, local discovery, addresses given), and waits. Decides when it is over, nothing else.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { DEFAULT_WAN_UPLOAD, SETTINGS, type Settings } from '../config/settings.ts';
import { Dht } from '../discovery/dht.ts';
import { Lsd } from '../discovery/lsd.ts';
import { openLsdSockets } from '../discovery/lsd-sockets.ts';
import { TrackerClient, type TrackerList } from '../discovery/tracker-client.ts';
import { systemClock } from '../lib/clock.ts';
import { formatBytes } from '../lib/format-bytes.ts';
import { type HostPort, parseHostPort } from '../lib/host-port.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { HttpMirror, userAgentFor } from '../mirror/http-mirror.ts';
import { UpstreamPolicy } from '../mirror/upstream-policy.ts';
import { FolderStorage } from '../standard/folder-storage.ts';
import { StandardSwarms } from '../standard/standard-swarms.ts';
import type { Torrent } from '../standard/torrent.ts';
import type { TorrentStatus } from '../standard/torrent-node.ts';
import { newPeerId } from '../swarm/peer-id.ts';
import type { Magnet } from '../torrent/magnet.ts';
import type { Metainfo } from '../torrent/metainfo.ts';
import type { FetchOptions } from './fetch.ts';

export type TorrentGiven = { readonly metainfo: Metainfo } | { readonly magnet: Magnet };

const SHOW_MS = 1_000;

/** Returns the exit code. Throws Error with a sentence for people. */
export async function fetchTorrent(given: TorrentGiven, options: FetchOptions): Promise<number> {
  const { settings, folder, progress, signal, staysToSeed } = options;
  await using stack = new AsyncDisposableStack();
  const clock = systemClock;
  const { infoHashV1, infoHashV2 } = 'metainfo' in given ? given.metainfo : given.magnet;
  const id = infoHashV2 ?? infoHashV1;
  if (id === undefined) throw new Error('there is no info-hash');
  mkdirSync(folder, { recursive: true });
  const peerId = newPeerId(packageJson.version);
  const swarms = stack.use(
    new StandardSwarms({
      peerId,
      clock,
      client: `DebTorrent ${packageJson.version}`,
      downloadBucket: new TokenBucket(settings.downloadLimit, clock.nowMs()),
      uploadBuckets: uploadBuckets(settings),
      web: new HttpMirror({
        policy: new UpstreamPolicy(settings.allowUpstream),
        userAgent: userAgentFor(packageJson.version),
      }),
    }),
  );
  const { port } = listen(swarms, settings.peerListen);
  const over = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => over.reject(signal.reason), { once: true });
  over.promise.catch(() => {});
  // Trackers are told at once whether we are a seed, so none is asked before that is known.
  const ways: { meet?: () => void; leave?: () => void } = {};
  const torrent = swarms.add({
    infoHashV1,
    infoHashV2,
    ...('metainfo' in given && { metainfo: given.metainfo }),
    webSeeds: [...options.webSeeds, ...('magnet' in given ? given.magnet.webSeeds : [])],
    storage: (_metainfo, layout) => new FolderStorage({ folder, layout, id }),
    events: {
      known: (metainfo) => {
        // Peers from its trackers only (BEP 27).
        if (metainfo.isPrivate) ways.leave?.();
      },
      checked: () => ways.meet?.(),
      completed: () => queueMicrotask(() => over.resolve()),
      failed: (error) => over.reject(error),
    },
  });
  const trackers = stack.use(openTrackers(given, settings, torrent, peerId, port));
  const { infoHashes } = torrent;
  const others = torrent.isPrivate ? undefined : openOthers(stack, settings, torrent, port);
  ways.leave = () => others?.([]);
  ways.meet = () => {
    if (torrent.status().phase === 'seeding') for (const infoHash of infoHashes) trackers.completed(infoHash);
    trackers.setSwarms(infoHashes);
    if (!torrent.isPrivate) others?.(infoHashes);
  };
  if ('magnet' in given) ways.meet();
  for (const at of peersOf(given, settings)) torrent.found(at, { isGiven: true });

  const show = () => progress.show(torrent.status(), clock.nowMs());
  const timer = setInterval(show, SHOW_MS);
  stack.defer(() => clearInterval(timer));
  const patience = options.timeoutMs && watch(torrent, options.timeoutMs, (error) => over.reject(error));
  if (patience) stack.defer(() => clearInterval(patience));
  try {
    await over.promise;
  } catch (error) {
    if (signal.aborted) progress.say('stopped; the same command goes on where it was', { event: 'stopped' });
    throw error;
  }
  for (const infoHash of torrent.infoHashes) trackers.completed(infoHash);
  const status = torrent.status();
  progress.show(status, clock.nowMs());
  progress.say(sentenceOf(status, folder), {
    event: 'done',
    path: join(folder, status.name),
    ...status,
  });
  if (!staysToSeed) return 0;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return 0;
}

function sentenceOf({ name, sizeBytes, fromPeers, fromWebSeeds }: TorrentStatus, folder: string): string {
  const from = [
    fromPeers > 0 ? `${formatBytes(fromPeers)} from peers` : undefined,
    fromWebSeeds > 0 ? `${formatBytes(fromWebSeeds)} from web seeds` : undefined,
  ].filter((part) => part !== undefined);
  const how = from.length > 0 ? ` (${from.join(', ')})` : ' (it was here already)';
  return `${join(folder, name)}: ${formatBytes(sizeBytes)}, verified${how}`;
}

/** One limit for all where it was given; else none on the LAN and a modest one beyond, as the daemon has it. */
function uploadBuckets({ uploadLimit }: Settings): { lan: TokenBucket; wan: TokenBucket } {
  const nowMs = systemClock.nowMs();
  if (uploadLimit !== undefined) {
    const both = new TokenBucket(uploadLimit, nowMs);
    return { lan: both, wan: both };
  }
  return { lan: new TokenBucket(0, nowMs), wan: new TokenBucket(DEFAULT_WAN_UPLOAD, nowMs) };
}

/** Both families where the machine has IPv6, else IPv4 only. */
function listen(swarms: StandardSwarms, at: HostPort): HostPort {
  try {
    return swarms.listen(at);
  } catch (error) {
    if (at.host !== '::' || /in use/.test((error as Error).message)) throw error;
    return swarms.listen({ host: '0.0.0.0', port: at.port });
  }
}

function openTrackers(
  given: TorrentGiven,
  settings: Settings,
  torrent: Torrent,
  peerId: Uint8Array,
  port: number,
): TrackerClient {
  const tiers = 'metainfo' in given ? given.metainfo.trackers : given.magnet.trackers.map((url) => [url]);
  const lists: TrackerList[] = [
    ...settings.trackers.map((url) => ({ tiers: [[url]], isConfigured: true })),
    { tiers, isConfigured: false },
  ];
  const client = new TrackerClient({
    lists,
    peerId,
    port,
    clock: systemClock,
    found: (infoHash, peers) => {
      for (const at of peers) torrent.found(at, { infoHash });
    },
    totals: () => {
      const { uploaded, fromPeers } = torrent.status();
      return { uploaded, downloaded: fromPeers };
    },
  });
  return client;
}

/** The DHT and the local network. Returns how to say in which swarms to be there. */
function openOthers(
  stack: AsyncDisposableStack,
  settings: Settings,
  torrent: Torrent,
  port: number,
): (infoHashes: readonly string[]) => void {
  const clock = systemClock;
  let dht: Dht | undefined;
  if (settings.dht) {
    const stateDir = join(SETTINGS.stateDir.initial, 'fetch');
    mkdirSync(stateDir, { recursive: true });
    dht = stack.use(
      new Dht({
        listen: { host: '0.0.0.0', port },
        port: () => port,
        bootstrap: settings.dhtBootstrap,
        stateDir,
        clock,
        found: (infoHash, peers) => {
          for (const at of peers) torrent.found(at, { infoHash });
        },
        peersIn: () => torrent.peers.length,
      }),
    );
  }
  let lan: Lsd | undefined;
  if (settings.lan) {
    const found = (infoHash: string, addresses: readonly HostPort[]) => {
      for (const at of addresses) torrent.found(at, { infoHash });
    };
    lan = stack.use(new Lsd({ port, clock, found, open: openLsdSockets('::') }));
  }
  return (infoHashes) => {
    dht?.setSwarms(infoHashes);
    lan?.setSwarms(infoHashes);
  };
}

function peersOf(given: TorrentGiven, settings: Settings): HostPort[] {
  const named = 'magnet' in given ? given.magnet.peers.map((text) => parseHostPort(text)) : [];
  return [...settings.peers, ...named.filter((at) => at !== undefined)];
}

/** Gives up when nothing has come for so long. */
function watch(torrent: Torrent, timeoutMs: number, giveUp: (error: Error) => void): Timer {
  let last = -1;
  let sinceMs = systemClock.nowMs();
  return setInterval(
    () => {
      const { haveBytes, partBytes, checkedBytes, phase, sizeBytes } = torrent.status();
      const done = haveBytes + partBytes + checkedBytes + sizeBytes;
      const nowMs = systemClock.nowMs();
      if (done !== last || phase === 'seeding') {
        last = done;
        sinceMs = nowMs;
      } else if (nowMs - sinceMs >= timeoutMs) {
        const what = phase === 'metadata' ? 'nobody has sent what is in the torrent' : 'nothing has come';
        giveUp(new Error(`could not fetch it: ${what} for ${Math.round(timeoutMs / 1000)} s`));
      }
    },
    Math.min(1000, timeoutMs / 4),
  );
}

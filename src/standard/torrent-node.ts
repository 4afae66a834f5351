/** What a standard torrent is given and what it tells: the node that it is part of, its options, its status. Types only. */
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Link } from '../swarm/link.ts';
import type { PieceBuffers } from '../swarm/piece-buffers.ts';
import type { InfoHash, InfoHashV2 } from '../torrent/info-hash.ts';
import type { Metainfo } from '../torrent/metainfo.ts';
import type { Layout } from './layout.ts';
import type { TorrentStorage } from './storage.ts';
import type { Uploads } from './uploads.ts';
import type { WebClient } from './web-seed.ts';

/** The node, as its torrents see it. */
export interface TorrentNode {
  readonly clock: Clock;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly draw: () => number;
  readonly downloadBucket: TokenBucket;
  readonly uploads: Uploads;
  readonly buffers: PieceBuffers;
  /** Without one web seeds aren't asked. */
  readonly web: WebClient | undefined;
  portFor(host: string): number | undefined;
  /** Whether there is room for one more dial now, and nothing against that address. */
  mayDial(at: HostPort): boolean;
  dial(at: HostPort): Promise<Link>;
  isBanned(host: string): boolean;
  ban(host: string, reason: string, isNear: boolean): void;
  sawUs(address: Uint8Array, from: string): void;
  moved(direction: 'up' | 'down', bytes: number, isNear: boolean): void;
}

export interface TorrentOptions {
  readonly node: TorrentNode;
  readonly infoHashV1?: InfoHash | undefined;
  readonly infoHashV2?: InfoHashV2 | undefined;
  /** Undefined: to be had from peers. */
  readonly metainfo?: Metainfo;
  /** Made once it is known what is in it. Throws where the bytes can't be kept. */
  readonly storage: (metainfo: Metainfo, layout: Layout) => TorrentStorage;
  /** Besides those that the torrent names. */
  readonly webSeeds?: readonly string[];
  readonly events?: TorrentEvents;
}

export interface TorrentEvents {
  /** Its metadata is here. */
  known?(metainfo: Metainfo): void;
  /** What was here before has been looked at: it is known what is missing. */
  checked?(): void;
  /** Everything is here. Also at the start. */
  completed?(): void;
  /** It can't go on. */
  failed?(error: Error): void;
}

export interface TorrentStatus {
  readonly phase: 'metadata' | 'checking' | 'fetching' | 'seeding' | 'failed';
  readonly name: string;
  /** Without padding; 0 while that isn't known. */
  readonly sizeBytes: number;
  readonly haveBytes: number;
  /** Of pieces that aren't verified yet. */
  readonly partBytes: number;
  readonly checkedBytes: number;
  readonly peers: number;
  readonly seeds: number;
  readonly webSeeds: number;
  /** Payload since the start. */
  readonly fromPeers: number;
  readonly fromWebSeeds: number;
  readonly uploaded: number;
}

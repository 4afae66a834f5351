/** What a peer of a standard swarm needs of its torrent: peer.ts speaks, the torrent decides. Types and our numbers only. */
import type { Clock } from '../lib/clock.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { BlockRef, HashRange } from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import type { Bitfield } from './bitfield.ts';
import type { Receipt, Work } from './downloads.ts';
import type { Peer } from './peer.ts';

/** Our numbers for extensions. */
export const OUR_ID = { [PEX_EXTENSION]: 1, ut_metadata: 2, lt_donthave: 3 } as const;
export type Extension = keyof typeof OUR_ID;

/** The torrent, as a peer sees it. */
export interface PeerHost {
  readonly clock: Clock;
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly downloadBucket: TokenBucket;
  /** 0 while the metadata is fetched. */
  readonly pieceCount: number;
  readonly have: Bitfield | undefined;
  readonly metadataBytes: number | undefined;
  readonly isUploadOnly: boolean;
  readonly speaksExchange: boolean;
  /** 20 bytes: its name in the v2 swarm, where it has one. */
  readonly infoHashV2: Uint8Array | undefined;
  /** 20 bytes: whether that is one of the torrent's. */
  isOurs(infoHash: Uint8Array): boolean;
  portFor(host: string): number | undefined;
  /** Why it can't stay. */
  shaken(peer: Peer): string | undefined;
  introduced(peer: Peer): void;
  /** What it has has changed in a piece, or in all (undefined). */
  hasChanged(peer: Peer, piece: number | undefined, before: Bitfield | undefined): void;
  chokeChanged(peer: Peer): void;
  interestChanged(): void;
  /** A block of a piece that we have and may be read, and it is unchoked or allowed. */
  wanted(peer: Peer, block: BlockRef): boolean;
  uploadsDrained(peer: Peer): void;
  deliver(peer: Peer): number;
  canGive(piece: number, begin: number, length: number): boolean;
  /** A block has come. */
  received(peer: Peer, receiving: Receipt): void;
  /** A block that it owed won't come. */
  lost(peer: Peer, work: Work, block: number): void;
  metadata(peer: Peer, payload: Uint8Array): void;
  exchanged(peer: Peer, payload: Uint8Array): void;
  hashRequest(peer: Peer, range: HashRange): void;
  hashes(peer: Peer, message: HashRange & { readonly hashes: Uint8Array }): void;
  hashReject(peer: Peer, range: HashRange): void;
  sawUs(address: Uint8Array, from: string): void;
  downloaded(peer: Peer, bytes: number): void;
  blamed(peer: Peer, reason: string): void;
  closed(peer: Peer, reason: string): void;
}

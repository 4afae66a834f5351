/**
 * What one connection needs of the node and is told when it is made: the only way from a Peer up to Swarms.
 * Decides nothing.
 */
import type { Clock } from '../lib/clock.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Handshake } from '../wire/handshake.ts';
import type { KeyLimits } from './key-limits.ts';
import type { Library } from './library.ts';
import type { Link } from './link.ts';
import type { Peer } from './peer.ts';
import type { PieceBuffers } from './piece-buffers.ts';
import type { Privacy } from './privacy.ts';
import type { Provenance } from './provenance.ts';
import type { UploadScheduler } from './upload-scheduler.ts';
import type { Wants } from './wants.ts';

/** A swarm this node is in. */
export interface OwnSwarm {
  readonly infoHash: string;
  /** The canonical info dictionary, for ut_metadata; empty when unknown. */
  readonly info: Uint8Array;
}

/** Who keeps account of how this node is seen from outside. */
export interface Outside {
  /** The port at which IPv4's Internet reaches us. */
  readonly outerPort: number;
  sawUs(address: Uint8Array, from: string): void;
  /** A peer has dialled us. */
  cameIn(from: string): void;
  /** We have dialled one. */
  wentOut(to: string): void;
}

/** Whoever has to do with swarms of another kind, and shares our port. */
export interface Elsewhere {
  /** Whether a handshake with this info-hash (40 hexadecimal digits) is for it. */
  has(infoHash: string): boolean;
  /** Takes over a link; `rest` is what came behind the handshake. */
  accept(link: Link, handshake: Handshake, rest: Uint8Array): boolean;
}

/** What a peer needs of the node. */
export interface PeerNode {
  readonly clock: Clock;
  readonly buffers: PieceBuffers;
  readonly peerId: Uint8Array;
  readonly client: string;
  /** The port that this one and its like can dial; undefined when we don't listen. */
  portFor(host: string): number | undefined;
  readonly uploads: UploadScheduler;
  readonly downloadBucket: TokenBucket;
  readonly library: Library;
  readonly wants: Wants;
  readonly keyLimits: KeyLimits;
  /** What all strangers say besides payload. */
  readonly talkOfAll: TokenBucket;
  readonly privacy: Privacy;
  ownSwarms(): ReadonlyMap<string, OwnSwarm>;
  /** Swarms of another kind at the same port, where there are any. */
  readonly elsewhere: Elsewhere | undefined;
  readyPeers(): Iterable<Peer>;
  /** The handshake is done. False: not wanted (a second connection, ourselves). */
  shaken(peer: Peer): boolean;
  /** The peer speaks dt_archive: it may be asked, or shares more than before. */
  ready(peer: Peer): void;
  /** It says as whom it sees us (BEP 10): 4 or 16 bytes. */
  sawUs(address: Uint8Array, from: string): void;
  /** It speaks of other peers (ut_pex). Throws ProtocolError. */
  exchanged(peer: Peer, payload: Uint8Array): void;
  closed(peer: Peer, reason: string): void;
  ban(peer: Peer, reason: string): void;
  /** It has broken the protocol, and is being closed for it. */
  offended(peer: Peer, reason: string): void;
  moved(peer: Peer, direction: 'up' | 'down', bytes: number): void;
}

export interface PeerOptions {
  readonly link: Link;
  /** The info-hash to ask for when we dialled; undefined for one that came to us. */
  readonly dialled: string | undefined;
  /** How it was met. */
  readonly provenance: Provenance;
  /** It is on the local network. */
  readonly lan: boolean;
}

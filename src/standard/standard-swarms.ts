/**
 * All standard torrents of this node: the port at which others dial them, the limits that they share (dials, connections,
 * rates, bans), and the clock that drives them. A connection that comes in is read as far as its handshake names a
 * torrent; then it is that torrent's. Where the port is somebody else's (the daemon's), `accept` takes over a link whose
 * handshake was read there.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import { Bans } from '../swarm/bans.ts';
import { Knocks } from '../swarm/knocks.ts';
import type { Dial, Link, LinkListener, Listen } from '../swarm/link.ts';
import { type PieceBuffers, pieceBuffers } from '../swarm/piece-buffers.ts';
import { dialTcp, listenTcp } from '../swarm/tcp.ts';
import { type Handshake, HandshakeReader } from '../wire/handshake.ts';
import { Torrent } from './torrent.ts';
import type { TorrentNode, TorrentOptions } from './torrent-node.ts';
import { Uploads } from './uploads.ts';
import type { WebClient } from './web-seed.ts';

export interface StandardSwarmsOptions {
  /** 20 bytes, new at each start. */
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly uploadBuckets: { readonly lan: TokenBucket; readonly wan: TokenBucket };
  readonly downloadBucket: TokenBucket;
  readonly web?: WebClient;
  readonly clock?: Clock;
  readonly dial?: Dial;
  readonly listen?: Listen;
  readonly buffers?: PieceBuffers;
  /** 0 to 1. */
  readonly draw?: () => number;
  readonly bans?: Pick<Bans, 'has' | 'add'>;
  /** The port that others can dial, where it isn't the one we listen on ourselves. */
  readonly portFor?: (host: string) => number | undefined;
  readonly sawUs?: (address: Uint8Array, from: string) => void;
  readonly moved?: (direction: 'up' | 'down', bytes: number, isNear: boolean) => void;
}

const TICK_MS = 1_000;
const DIAL_TIMEOUT_MS = 8_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** In all torrents together. */
const MAX_DIALLING = 16;
const MAX_CONNECTIONS = 300;
/** Connections that haven't shaken hands. */
const MAX_WAITING = 100;

export class StandardSwarms implements TorrentNode, AsyncDisposable {
  readonly clock: Clock;
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly draw: () => number;
  readonly downloadBucket: TokenBucket;
  readonly uploads: Uploads;
  readonly buffers: PieceBuffers;
  readonly web: WebClient | undefined;
  readonly #options: StandardSwarmsOptions;
  readonly #bans: Pick<Bans, 'has' | 'add'>;
  readonly #knocks: Knocks;
  readonly #torrents = new Set<Torrent>();
  /** By each of their info-hashes, 40 hexadecimal digits. */
  readonly #byHash = new Map<string, Torrent>();
  readonly #waiting = new Set<Link>();
  #dialling = 0;
  #listener: LinkListener | undefined;
  #tick: (() => void) | undefined;
  #isStopped = false;

  constructor(options: StandardSwarmsOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.peerId = options.peerId;
    this.client = options.client;
    this.draw = options.draw ?? Math.random;
    this.downloadBucket = options.downloadBucket;
    this.uploads = new Uploads(this.clock, options.uploadBuckets);
    this.buffers = options.buffers ?? pieceBuffers;
    this.web = options.web;
    this.#bans = options.bans ?? new Bans(this.clock);
    this.#knocks = new Knocks(this.clock);
    this.#scheduleTick();
  }

  /** The port that we listen on ourselves. */
  get port(): number | undefined {
    return this.#listener?.address.port;
  }

  get torrents(): readonly Torrent[] {
    return [...this.#torrents];
  }

  /** Starts accepting peers. Throws when the address is taken. */
  listen(at: HostPort): HostPort {
    try {
      this.#listener = (this.#options.listen ?? listenTcp)(at, (link) => this.#knock(link));
    } catch (cause) {
      throw new Error(`could not listen for peers on ${formatHostPort(at)}: ${(cause as Error).message}`, {
        cause,
      });
    }
    return this.#listener.address;
  }

  /** Throws where it is here already. */
  add(options: Omit<TorrentOptions, 'node'>): Torrent {
    const torrent = new Torrent({ ...options, node: this });
    if (torrent.infoHashes.some((hash) => this.#byHash.has(hash))) {
      void torrent.stop();
      throw new Error('this torrent is here already');
    }
    for (const hash of torrent.infoHashes) this.#byHash.set(hash, torrent);
    this.#torrents.add(torrent);
    return torrent;
  }

  /** Resolves when what it has is on the disk. */
  remove(torrent: Torrent): Promise<void> {
    this.#torrents.delete(torrent);
    for (const [hash, other] of this.#byHash) if (other === torrent) this.#byHash.delete(hash);
    return torrent.stop();
  }

  /** Whether a handshake with this info-hash (40 hexadecimal digits) is for one of them. */
  has(infoHash: string): boolean {
    return this.#byHash.has(infoHash);
  }

  /** A link whose handshake somebody else has read. False when it isn't for us. */
  accept(link: Link, handshake: Handshake, rest: Uint8Array): boolean {
    const torrent = this.#byHash.get(handshake.infoHash.toHex());
    if (!torrent || this.#isStopped) return false;
    if (this.#connections >= MAX_CONNECTIONS) {
      refuse(link, 'full');
      return true;
    }
    torrent.accept(link, handshake, rest);
    return true;
  }

  // ---- TorrentNode ----

  portFor(host: string): number | undefined {
    return this.#options.portFor ? this.#options.portFor(host) : this.port;
  }

  mayDial({ host }: HostPort): boolean {
    return (
      this.#dialling < MAX_DIALLING && this.#connections < MAX_CONNECTIONS && !this.#bans.has(host, false)
    );
  }

  async dial(at: HostPort): Promise<Link> {
    this.#dialling += 1;
    try {
      return await (this.#options.dial ?? dialTcp)(at, DIAL_TIMEOUT_MS);
    } finally {
      this.#dialling -= 1;
    }
  }

  isBanned(host: string): boolean {
    return this.#bans.has(host, false);
  }

  ban(host: string, reason: string, isNear: boolean): void {
    this.#bans.add(host, reason, isNear);
  }

  sawUs(address: Uint8Array, from: string): void {
    this.#options.sawUs?.(address, from);
  }

  moved(direction: 'up' | 'down', bytes: number, isNear: boolean): void {
    this.#options.moved?.(direction, bytes, isNear);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.#tick?.();
    this.#listener?.close();
    for (const link of this.#waiting) link.close('stopping');
    this.uploads.stop();
    await Promise.all([...this.#torrents].map((torrent) => torrent.stop()));
  }

  get #connections(): number {
    let count = this.#dialling;
    for (const torrent of this.#torrents) count += torrent.peers.length;
    return count;
  }

  /** Somebody dials: nothing is known but an address. */
  #knock(link: Link): void {
    const { host } = link.remote;
    const isUnwelcome = this.#isStopped || this.isBanned(host) || !this.#knocks.allows(host);
    if (isUnwelcome || this.#waiting.size >= MAX_WAITING) return refuse(link, 'not now');
    const reader = new HandshakeReader();
    this.#waiting.add(link);
    const takeBack = this.clock.after(HANDSHAKE_TIMEOUT_MS, () => link.close('no handshake'));
    const leave = () => {
      this.#waiting.delete(link);
      takeBack();
    };
    link.attach({
      data: (chunk) => {
        try {
          const done = reader.push(chunk);
          if (!done) return;
          leave();
          if (!this.accept(link, done.handshake, done.rest)) link.close('no torrent of ours');
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          link.close(error.message);
        }
      },
      drained: () => {},
      closed: leave,
    });
  }

  #scheduleTick(): void {
    this.#tick = this.clock.after(TICK_MS, () => {
      for (const torrent of [...this.#torrents]) torrent.tick();
      this.#scheduleTick();
    });
  }
}

function refuse(link: Link, reason: string): void {
  link.attach({ data: () => {}, drained: () => {}, closed: () => {} });
  link.close(reason);
}

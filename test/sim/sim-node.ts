/** One machine of a simulated world: the daemon's rooms from store to acquire, put together as daemon.ts does. */
import { Acquirer } from '../../src/acquire/acquirer.ts';
import { Ahead } from '../../src/acquire/ahead.ts';
import type { Hasher } from '../../src/acquire/hasher.ts';
import type { Entry, Location } from '../../src/archive/entry.ts';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import type { Mirror } from '../../src/mirror/mirror.ts';
import { Library } from '../../src/swarm/library.ts';
import type { OwnSwarm } from '../../src/swarm/peer-node.ts';
import { Swarms } from '../../src/swarm/swarms.ts';
import type { Draw } from './draw.ts';
import type { EventClock } from './event-clock.ts';
import type { SimNetwork } from './sim-network.ts';
import { ZeroStore } from './zero-store.ts';
import { zeroBuffers } from './zeros.ts';

const PORT = 9_989;

export interface SimNodeOptions {
  readonly clock: EventClock;
  readonly draw: Draw;
  readonly network: SimNetwork;
  readonly host: string;
  readonly ways: ReturnType<SimNetwork['add']>;
  readonly mirror: Mirror;
  readonly hasher: Hasher;
  /** Reads as zeros. */
  readonly zeroFd: number;
  readonly peerId: Uint8Array;
  readonly swarm: OwnSwarm;
  /** The operator's limit of uploads, bytes a second; 0 = none. */
  readonly uploadLimit: number;
}

export class SimNode {
  readonly host: string;
  readonly swarms: Swarms;
  readonly store: ZeroStore;
  readonly acquirer: Acquirer;
  fromMirrorBytes = 0;
  fromPeersBytes = 0;
  toPeersBytes = 0;
  readonly #network: SimNetwork;
  readonly #ahead: Ahead;
  #likely: readonly Entry[] = [];
  readonly #abort = new AbortController();
  #isGone = false;

  constructor(options: SimNodeOptions) {
    const { clock, draw, ways, mirror, hasher, peerId, swarm } = options;
    this.host = options.host;
    this.#network = options.network;
    this.store = new ZeroStore(options.zeroFd, () => clock.wallMs());
    const library = new Library(this.store, (fd, pieces) => hasher.layer(fd, pieces), clock);
    const unlimited = new TokenBucket(0, clock.nowMs());
    const upload = new TokenBucket(options.uploadLimit, clock.nowMs());
    this.swarms = new Swarms({
      clock,
      draw,
      exchange: false, // the world says who knows whom
      library,
      peerId,
      client: 'DebTorrent sim',
      uploadBuckets: { lan: upload, wan: upload },
      downloadBucket: unlimited,
      buffers: zeroBuffers,
      dial: ways.dial,
      listen: ways.listen,
      moved: (direction, bytes) => {
        if (direction === 'up') this.toPeersBytes += bytes;
        else this.fromPeersBytes += bytes;
      },
    });
    this.swarms.join([swarm]);
    this.swarms.listen({ host: options.host, port: PORT });
    this.acquirer = new Acquirer({
      clock,
      draw,
      library,
      mirror,
      hasher,
      store: this.store,
      swarms: this.swarms,
      downloadBucket: unlimited,
      fromMirror: (bytes) => {
        this.fromMirrorBytes += bytes;
      },
      landed: () => {},
    });
    this.#ahead = new Ahead({
      swarms: this.swarms,
      clock,
      isHere: (key) => this.store.stat(key) !== undefined,
      find: async () => this.#likely,
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** A tracker names them. */
  meet(others: readonly SimNode[], infoHash: string): void {
    this.swarms.found(
      infoHash,
      others.map(({ host }) => ({ host, port: PORT })),
    );
  }

  /** Its lists say that apt will fetch these. */
  lookAhead(likely: readonly Entry[]): void {
    this.#likely = likely;
    this.#ahead.changed();
  }

  /** Reads the whole file as apt would, as fast as it comes. Rejects when it doesn't come. */
  async fetch(entry: Entry, at: Location): Promise<void> {
    const { signal } = this.#abort;
    using content = await this.acquirer.open(entry, at, signal);
    for (let have = content.available; have < content.sizeBytes; )
      have = await content.waitBeyond(have, signal);
  }

  /** The machine is gone at once. `silent`: nobody is told (power failure). */
  crash(silent: boolean): void {
    if (this.#isGone) return;
    this.#network.remove(this.host, silent);
    void this.stop();
  }

  async stop(): Promise<void> {
    this.#isGone = true;
    this.#abort.abort(new Error('gone'));
    this.#ahead[Symbol.dispose]();
    await this.acquirer[Symbol.asyncDispose]();
    await this.swarms[Symbol.asyncDispose]();
  }
}

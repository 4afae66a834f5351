/**
 * One node of ours, honest seeds, and strangers who say what a test has them say, on a network in memory. All time is
 * virtual.
 */
import { expect } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { StandardSwarms } from '../../src/standard/standard-swarms.ts';
import type { Torrent } from '../../src/standard/torrent.ts';
import type { WebClient } from '../../src/standard/web-seed.ts';
import { random } from '../bencode/random.ts';
import { MemoryNetwork, type NodeShape } from '../fixtures/memory-network.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { type Made, MemoryStorage, made } from './made.ts';

export const VICTIM = '10.0.0.1';
const PORT = 6881;

export interface StageOptions {
  readonly what?: Made;
  readonly how?: 'seed' | 'leech' | 'magnet';
  readonly shape?: NodeShape;
  readonly web?: WebClient;
}

export class Stage {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork(this.clock);
  readonly what: Made;
  readonly victim: StandardSwarms;
  readonly torrent: Torrent;
  readonly storage: MemoryStorage;
  failure: Error | undefined;
  readonly #nodes: StandardSwarms[] = [];

  constructor({ what = made({ kind: 'v1', sizes: 300_000 }), how = 'leech', shape, web }: StageOptions) {
    this.what = what;
    if (shape) this.network.shape(VICTIM, shape);
    this.storage = new MemoryStorage(what, how === 'seed');
    this.victim = this.#node(VICTIM, web);
    this.torrent = this.victim.add({
      ...this.#named,
      ...(how !== 'magnet' && { metainfo: what.metainfo }),
      storage: () => this.storage,
      events: {
        failed: (error) => {
          this.failure = error;
        },
      },
    });
  }

  /** The hash by which strangers ask. */
  get swarm(): string {
    return this.torrent.infoHashes[0] as string;
  }

  /** An honest one that has it all; the victim doesn't know of it yet. */
  seed(host: string, uploadLimit = 0): StandardSwarms {
    const node = this.#node(host, undefined, uploadLimit);
    const storage = () => new MemoryStorage(this.what, true);
    node.add({ ...this.#named, metainfo: this.what.metainfo, storage });
    return node;
  }

  find(host: string, options: { readonly isGiven?: boolean } = {}): void {
    this.torrent.found({ host, port: PORT }, options);
  }

  /** Dials the victim; has said nothing yet. */
  async stranger(host: string, id: string | Uint8Array = host.slice(-12)): Promise<RawPeer> {
    const link = await this.clock.until(this.network.node(host).dial({ host: VICTIM, port: PORT }, 1_000));
    return new RawPeer(link, id);
  }

  /** Runs until the victim has it all, which must be within the time. */
  async untilDone(limitMs = 60_000): Promise<void> {
    for (let ms = 0; ms < limitMs && this.torrent.status().phase !== 'seeding'; ms += 250)
      await this.clock.run(250);
    expect(this.failure).toBeUndefined();
    expect(this.torrent.status()).toMatchObject({ phase: 'seeding' });
    const { space } = this.what;
    expect(Buffer.compare(this.storage.space.subarray(0, space.length), space)).toBe(0);
  }

  async end(): Promise<void> {
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    await this.clock.run(1_000);
    expect(this.network.openEnds).toBe(0);
  }

  get #named() {
    const { infoHashV1, infoHashV2 } = this.what.metainfo;
    return { infoHashV1, infoHashV2 };
  }

  #node(host: string, web?: WebClient, uploadLimit = 0): StandardSwarms {
    const number = Number(host.split('.').at(-1));
    const source = random(number);
    const bucket = new TokenBucket(uploadLimit, this.clock.nowMs());
    const node = new StandardSwarms({
      clock: this.clock,
      ...this.network.node(host),
      peerId: new Uint8Array(20).fill(number),
      client: `node ${number}`,
      uploadBuckets: { lan: bucket, wan: bucket },
      downloadBucket: new TokenBucket(0, this.clock.nowMs()),
      draw: () => source.int(1e6) / 1e6,
      ...(web && { web }),
    });
    node.listen({ host, port: PORT });
    this.#nodes.push(node);
    return node;
  }
}

/** Plays on a stage, and sees that nothing is left open behind. */
export async function staged(options: StageOptions, play: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage(options);
  await stage.clock.run(100);
  await play(stage);
  await stage.end();
}

/**
 * The session at the end of docs/protocol.md, spoken by two real nodes (src/swarm) on a network in memory: who sends
 * which bytes, in order. What the nodes look for and ask is written here; what goes over the wire is theirs.
 */

import { sha256Of } from '../../src/lib/sha256.ts';
import type { Link } from '../../src/swarm/link.ts';
import type { Offer } from '../../src/swarm/offer.ts';
import type { Seeker, Want } from '../../src/swarm/wants.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { MemoryNetwork } from '../fixtures/memory-network.ts';
import { AMD64, MemoryNode, type PoolFile } from '../fixtures/memory-node.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

/** One `send` of one side. */
export interface Sent {
  readonly from: 'A' | 'B';
  readonly bytes: Uint8Array;
}

export const PEER_A = '-DT0100-aaaaaaaaaaaa';
export const PEER_B = '-DT0100-bbbbbbbbbbbb';
export const SWARMS: readonly string[] = ['amd64', 'all'].map((architecture) =>
  swarmInfoHash({ ...AMD64, architecture }),
);

export const HELLO: PoolFile = file('hello', Buffer.from('hello\n'));
export const ZEROS: PoolFile = file('zeros', new Uint8Array(614_400));
export const WORLD: PoolFile = file('world', Buffer.from('world\n'));

/** All that both sides send, from the first byte to the last. */
export async function session(): Promise<Sent[]> {
  const sent: Sent[] = [];
  const clock = new VirtualClock();
  const network = new RecordingNetwork(clock, (host, bytes) => {
    sent.push({ from: host === '192.0.2.1' ? 'A' : 'B', bytes });
  });
  const node = (host: string, peerId: string) =>
    new MemoryNode({ host, network, swarms: SWARMS, peerId, client: 'DebTorrent 0.1.0' });
  await using a = node('192.0.2.1', PEER_A);
  await using b = node('192.0.2.2', PEER_B);
  keep(a, HELLO);
  keep(a, ZEROS);
  b.meet(a);
  await clock.run(1_000);

  const look = (who: MemoryNode, { entry }: PoolFile) => {
    const seeker = new Looking();
    seeker.want = who.swarms.look(entry, seeker);
    return seeker;
  };
  const [hello, zeros, worldOfB] = [HELLO, ZEROS, WORLD].map((wanted) => look(b, wanted));
  const worldOfA = look(a, WORLD);
  await clock.run(100);

  await hello?.fetch(clock);
  b.swarms.wants.close(hello?.want as Want);
  await zeros?.layer(clock);
  await zeros?.fetch(clock);
  b.swarms.wants.close(zeros?.want as Want);
  await clock.run(100);

  // Nobody has it: B goes to the mirror and says so.
  for (const peer of b.swarms.fellows(worldOfB?.want as Want))
    peer.claim(worldOfB?.want as Want, [{ first: 0, count: 1 }], 300);
  await clock.run(300);
  keep(b, WORLD);
  b.swarms.wants.close(worldOfB?.want as Want);
  const found = b.library.find(WORLD.entry.key, () => true);
  if (found && !(found instanceof Promise)) b.swarms.offer(found);
  await clock.run(100);
  await worldOfA.fetch(clock);
  a.swarms.wants.close(worldOfA.want as Want);
  await clock.run(100);

  // B looks for a file again, under a new number; A offers it under a new one, and then loses it.
  look(b, HELLO);
  await clock.run(100);
  a.swarms.fileGone(HELLO.entry.key);
  await clock.run(100);
  return sent;
}

/** Asks for what it is offered when it is told to. */
class Looking implements Seeker {
  want: Want | undefined;
  #offer: Offer | undefined;
  #left = 0;

  async layer(clock: VirtualClock): Promise<void> {
    const offer = this.#offer as Offer;
    await clock.until(offer.peer.layer(offer));
  }

  async fetch(clock: VirtualClock): Promise<void> {
    const offer = this.#offer as Offer;
    this.#left = offer.pieces.count;
    for (let piece = 0; piece < offer.pieces.count; piece += 1) offer.peer.ask(offer, piece);
    await clock.run(100);
    if (this.#left > 0) throw new Error(`${this.#left} pieces did not come`);
  }

  offered(offer: Offer): void {
    this.#offer = offer;
  }
  arrived(): void {
    this.#left -= 1;
  }
  gone(): void {}
  answered(): void {}
  fellowsChanged(): void {}
  failed(): void {}
}

/** Tells of every byte that a node sends. */
class RecordingNetwork extends MemoryNetwork {
  readonly #sent: (host: string, bytes: Uint8Array) => void;

  constructor(clock: VirtualClock, sent: (host: string, bytes: Uint8Array) => void) {
    super(clock);
    this.#sent = sent;
  }

  override node(host: string): ReturnType<MemoryNetwork['node']> {
    const { dial, listen } = super.node(host);
    return {
      dial: async (to, timeoutMs) => this.#recorded(host, await dial(to, timeoutMs)),
      listen: (at, accept) => listen(at, (link) => accept(this.#recorded(host, link))),
    };
  }

  #recorded(host: string, link: Link): Link {
    const send = link.send.bind(link);
    link.send = (bytes) => {
      this.#sent(host, bytes.slice());
      send(bytes);
    };
    return link;
  }
}

function file(name: string, bytes: Uint8Array): PoolFile {
  return {
    bytes,
    entry: { key: sha256Of(bytes), sizeBytes: bytes.length, swarms: SWARMS },
    at: { scheme: 'http', host: 'ftp.de.debian.org', path: `/debian/pool/main/${name}` },
  };
}

/** In the store, with its layer. */
function keep({ store }: MemoryNode, { bytes, entry, at }: PoolFile): void {
  const tree = new LayerBuilder(new Pieces(bytes.length));
  tree.update(bytes);
  const partial = store.createPartial(entry.key, bytes.length);
  partial.write(0, bytes);
  partial.commit({ name: at.host + at.path, swarms: entry.swarms, layer: tree.layer() });
  void partial[Symbol.asyncDispose]();
}

/** Hashes of a simulated world's files, which are known beforehand: no thread, no reading (zeros.ts). */
import type { HashAnswer, HashOrder } from '../../src/acquire/hash-worker.ts';
import { Hasher } from '../../src/acquire/hasher.ts';
import { sha256ToBytes } from '../../src/lib/sha256.ts';
import { zeroKey, zeroLayer } from './zeros.ts';

export class ZeroHasher extends Hasher {
  /** Order → how far its file has grown. */
  readonly #grown = new Map<number, number>();

  override order(order: HashOrder): void {
    if (order.op === 'grow') this.#grown.set(order.id, order.to);
  }

  override async ask(order: HashOrder): Promise<HashAnswer> {
    if (order.op === 'layer') return { id: order.id, layer: zeroLayer(order.sizeBytes) };
    const sizeBytes = this.#grown.get(order.id) ?? 0;
    this.#grown.delete(order.id);
    if (order.op === 'finish') return { id: order.id, digest: sha256ToBytes(zeroKey(sizeBytes)) };
    return { id: order.id, dropped: true };
  }
}

/**
 * Fetches piece layers from one peer by BEP 52's hash messages, and checks them against the root that the same peer
 * stated: hashes that don't lead to it are a lie of that peer, told by the caller's ban.
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { verifyHashes } from '../torrent/hash-proof.ts';
import { HASH_BYTES } from '../torrent/merkle.ts';
import type { Pieces } from '../torrent/pieces.ts';
import { encodeHashRequest, type HashRange } from '../wire/message.ts';

const MAX_HASHES_ASKED = 512;
const TIMEOUT_MS = 10_000;
/** Whoever hasn't answered by then is asked last. */
const MUTE_MS = 1_000;

interface Fetch {
  readonly root: Uint8Array;
  readonly pieces: Pieces;
  readonly layer: Uint8Array;
  readonly missing: Set<number>;
  readonly length: number;
  readonly sinceMs: number;
  readonly done: PromiseWithResolvers<Uint8Array>;
}

export class LayerFetch {
  readonly #clock: Clock;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #running = new Map<string, Fetch>();
  /** Its last answer never came. */
  #leftUnanswered = false;

  constructor(clock: Clock, send: (bytes: Uint8Array) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** It doesn't answer, or not in time. */
  get isMute(): boolean {
    const now = this.#clock.nowMs();
    for (const { sinceMs } of this.#running.values()) if (now - sinceMs >= MUTE_MS) return true;
    return this.#leftUnanswered;
  }

  fetch(root: Uint8Array, pieces: Pieces): Promise<Uint8Array> {
    const id = root.toHex();
    const running = this.#running.get(id);
    if (running) return running.done.promise;
    const rowHeight = pieces.treeHeight - pieces.layerHeight;
    const length = Math.min(MAX_HASHES_ASKED, 2 ** rowHeight);
    const fetch: Fetch = {
      root,
      pieces,
      length,
      layer: new Uint8Array(pieces.count * HASH_BYTES),
      missing: new Set(),
      sinceMs: this.#clock.nowMs(),
      done: Promise.withResolvers<Uint8Array>(),
    };
    this.#running.set(id, fetch);
    for (let index = 0; index < pieces.count; index += length) {
      fetch.missing.add(index);
      this.#send(
        encodeHashRequest({
          piecesRoot: root,
          baseLayer: pieces.layerHeight,
          index,
          length,
          proofLayers: rowHeight - 1,
        }),
      );
    }
    return fetch.done.promise;
  }

  /** HASHES. False when they contradict the root that was asked for; true also for an answer to nothing. */
  hashes(message: HashRange & { readonly hashes: Uint8Array }): boolean {
    const fetch = this.#running.get(message.piecesRoot.toHex());
    if (!fetch || message.length !== fetch.length || !fetch.missing.has(message.index)) return true;
    this.#leftUnanswered = false;
    const { pieces, root, layer } = fetch;
    const split = message.length * HASH_BYTES;
    const hashes = message.hashes.subarray(0, split);
    const sound =
      message.hashes.length >= split &&
      verifyHashes({
        root,
        treeHeight: pieces.treeHeight,
        baseLayer: pieces.layerHeight,
        index: message.index,
        hashes,
        uncles: message.hashes.subarray(split),
      });
    if (!sound) {
      this.#end(fetch, new ProtocolError('hashes that contradict the root'));
      return false;
    }
    fetch.missing.delete(message.index);
    layer.set(hashes.subarray(0, layer.length - message.index * HASH_BYTES), message.index * HASH_BYTES);
    if (fetch.missing.size === 0) {
      this.#running.delete(root.toHex());
      fetch.done.resolve(layer);
    }
    return true;
  }

  rejected(range: HashRange): void {
    const fetch = this.#running.get(range.piecesRoot.toHex());
    if (!fetch) return;
    this.#leftUnanswered = false;
    this.#end(fetch, new ProtocolError('refuses the hashes of a root it stated'));
  }

  tick(): void {
    if (this.#running.size === 0) return;
    const now = this.#clock.nowMs();
    for (const fetch of this.#running.values()) {
      if (now - fetch.sinceMs <= TIMEOUT_MS) continue;
      this.#leftUnanswered = true;
      this.#end(fetch, new ProtocolError('hashes did not come'));
    }
  }

  close(reason: string): void {
    for (const fetch of this.#running.values()) this.#end(fetch, new ProtocolError(reason));
  }

  #end(fetch: Fetch, error: Error): void {
    this.#running.delete(fetch.root.toHex());
    fetch.done.reject(error);
  }
}

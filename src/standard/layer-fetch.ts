/**
 * Piece layers that a magnet link doesn't bring: asked of peers by HASH REQUEST, each answer proven by the root that the
 * info dictionary states, so one stretch of a layer may come from anybody. Who sends what doesn't lead there is blamed.
 * Also the answers to what others ask of ours. Source: BEP 52.
 */

import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { answerHashRequest, verifyHashes } from '../torrent/hash-proof.ts';
import { HASH_BYTES } from '../torrent/merkle.ts';
import { BLOCK_BYTES, log2Ceil } from '../torrent/pieces.ts';
import { encodeHashes, encodeHashReject, encodeHashRequest, type HashRange } from '../wire/message.ts';
import type { LayoutFile } from './layout.ts';
import type { PieceCheck } from './piece-check.ts';

const MAX_HASHES_ASKED = 512;
/** Requests that one peer is asked at a time. */
const AT_A_TIME = 16;
const TIMEOUT_MS = 10_000;
/** Hashes computed or sent for one peer: at once, and a second. */
const MOST_AT_ONCE = 200_000;
const A_SECOND = 50_000;
const MAX_UNREAD_BYTES = 1024 * 1024;

export interface HashPeer {
  readonly isV2: boolean;
  readonly isReady: boolean;
  readonly unsentBytes: number;
  send(bytes: Uint8Array): void;
  blamed(reason: string): void;
}

interface Stretch {
  readonly file: LayoutFile;
  readonly index: number;
  askedOf: HashPeer | undefined;
  sinceMs: number;
}

/** The layer of a file, as far as it is here. */
interface Growing {
  readonly file: LayoutFile;
  readonly layer: Uint8Array;
  missing: number;
}

export class LayerFetch {
  readonly #clock: Clock;
  readonly #check: PieceCheck;
  readonly #done: (file: LayoutFile) => void;
  readonly #growing = new Map<string, Growing>();
  /** By root and index. */
  readonly #stretches = new Map<string, Stretch>();
  readonly #refused = new WeakMap<HashPeer, Set<string>>();

  /** `done`: a layer is whole and known to `check`. */
  constructor(clock: Clock, check: PieceCheck, done: (file: LayoutFile) => void) {
    this.#clock = clock;
    this.#check = check;
    this.#done = done;
    for (const file of check.lacking()) this.#add(file);
  }

  get isDone(): boolean {
    return this.#stretches.size === 0;
  }

  /** Asks a peer for what nobody was asked for. */
  ask(peer: HashPeer): void {
    if (!peer.isV2 || !peer.isReady || this.isDone) return;
    let room = AT_A_TIME;
    for (const { askedOf } of this.#stretches.values()) if (askedOf === peer) room -= 1;
    for (const [id, stretch] of this.#stretches) {
      if (room <= 0) return;
      if (stretch.askedOf || this.#refused.get(peer)?.has(id)) continue;
      room -= 1;
      stretch.askedOf = peer;
      stretch.sinceMs = this.#clock.nowMs();
      peer.send(encodeHashRequest(this.#rangeOf(stretch)));
    }
  }

  heard(peer: HashPeer, message: HashRange & { readonly hashes: Uint8Array }): void {
    const id = idOf(message.piecesRoot, message.index);
    const stretch = this.#stretches.get(id);
    if (!stretch) return;
    const isAwaited = stretch.askedOf === peer;
    // It may come after we have lost patience, and is as good then.
    if (!isAwaited && !this.#refused.get(peer)?.has(id)) return;
    const { length, baseLayer } = this.#rangeOf(stretch);
    const split = length * HASH_BYTES;
    const hashes = message.hashes.subarray(0, split);
    const isSound =
      message.length === length &&
      message.baseLayer === baseLayer &&
      message.hashes.length >= split &&
      verifyHashes({
        baseLayer,
        hashes,
        root: message.piecesRoot,
        treeHeight: treeHeightOf(stretch.file),
        index: message.index,
        uncles: message.hashes.subarray(split),
      });
    if (isAwaited) stretch.askedOf = undefined;
    if (!isSound) return peer.blamed('hashes that contradict the root');
    this.#stretches.delete(id);
    this.#grow(message.piecesRoot.toHex(), message.index, hashes);
  }

  rejected(peer: HashPeer, range: HashRange): void {
    const id = idOf(range.piecesRoot, range.index);
    const stretch = this.#stretches.get(id);
    if (!stretch || stretch.askedOf !== peer) return;
    stretch.askedOf = undefined;
    this.#refuse(peer, id);
  }

  /** What a peer doesn't answer is asked of another. */
  tick(): void {
    const now = this.#clock.nowMs();
    for (const [id, stretch] of this.#stretches) {
      const { askedOf } = stretch;
      if (!askedOf || (askedOf.isReady && now - stretch.sinceMs < TIMEOUT_MS)) continue;
      stretch.askedOf = undefined;
      this.#refuse(askedOf, id);
    }
  }

  #refuse(peer: HashPeer, id: string): void {
    const refused = this.#refused.get(peer);
    if (refused) refused.add(id);
    else this.#refused.set(peer, new Set([id]));
  }

  #add(file: LayoutFile): void {
    const root = file.piecesRoot as Uint8Array;
    const rootHex = root.toHex();
    if (this.#growing.has(rootHex)) return;
    const count = Math.ceil(file.sizeBytes / (BLOCK_BYTES * 2 ** this.#check.layerHeight));
    const growing = { file, layer: new Uint8Array(count * HASH_BYTES), missing: 0 };
    this.#growing.set(rootHex, growing);
    for (let index = 0; index < count; index += MAX_HASHES_ASKED) {
      this.#stretches.set(idOf(root, index), { file, index, askedOf: undefined, sinceMs: 0 });
      growing.missing += 1;
    }
  }

  #grow(rootHex: string, index: number, hashes: Uint8Array): void {
    const growing = this.#growing.get(rootHex);
    if (!growing) return;
    const { layer, file } = growing;
    layer.set(hashes.subarray(0, layer.length - index * HASH_BYTES), index * HASH_BYTES);
    growing.missing -= 1;
    if (growing.missing > 0) return;
    this.#growing.delete(rootHex);
    this.#check.addLayer(rootHex, layer);
    this.#done(file);
  }

  #rangeOf({ file, index }: Stretch): HashRange {
    const { layerHeight } = this.#check;
    const rowHeight = treeHeightOf(file) - layerHeight;
    return {
      index,
      piecesRoot: file.piecesRoot as Uint8Array,
      baseLayer: layerHeight,
      length: Math.min(MAX_HASHES_ASKED, 2 ** rowHeight),
      proofLayers: rowHeight - 1,
    };
  }
}

/** Answers to HASH REQUESTs: piece layers, nothing below. */
export class LayerAnswers {
  readonly #check: PieceCheck;
  readonly #files = new Map<string, LayoutFile>();
  readonly #budgets = new WeakMap<HashPeer, Budget>();

  constructor(check: PieceCheck, files: readonly LayoutFile[]) {
    this.#check = check;
    for (const file of files) if (file.piecesRoot) this.#files.set(file.piecesRoot.toHex(), file);
  }

  asked(peer: HashPeer, range: HashRange, nowMs: number): void {
    peer.send(this.#answer(peer, range, nowMs) ?? encodeHashReject(range));
  }

  #answer(peer: HashPeer, range: HashRange, nowMs: number): Uint8Array | undefined {
    const rootHex = range.piecesRoot.toHex();
    const file = this.#files.get(rootHex);
    const layer = this.#check.layer(rootHex);
    const isLayer = range.baseLayer === this.#check.layerHeight && range.length <= MAX_HASHES_ASKED;
    if (!file || !layer || !isLayer || peer.unsentBytes > MAX_UNREAD_BYTES) return undefined;
    let budget = this.#budgets.get(peer);
    if (!budget) {
      budget = new Budget(MOST_AT_ONCE, A_SECOND, nowMs);
      this.#budgets.set(peer, budget);
    }
    if (!budget.spend(layer.length / HASH_BYTES + range.length, nowMs)) return undefined;
    const hashes = answerHashRequest(layer, range, treeHeightOf(file));
    return hashes && encodeHashes(range, hashes);
  }
}

function treeHeightOf({ sizeBytes }: LayoutFile): number {
  return log2Ceil(Math.ceil(sizeBytes / BLOCK_BYTES));
}

function idOf(root: Uint8Array, index: number): string {
  return `${root.toHex()} ${index}`;
}

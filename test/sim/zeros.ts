/**
 * The bytes of a simulated world: every file is zeros, told from others by its length alone. So payload need not be
 * kept, copied or hashed more than once, and yet every hash, key, layer and root is the true one of those bytes.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sha256, sha256FromBytes } from '../../src/lib/sha256.ts';
import type { PieceBuffers } from '../../src/swarm/piece-buffers.ts';
import { HASH_BYTES, PieceHasher } from '../../src/torrent/merkle.ts';
import { Pieces } from '../../src/torrent/pieces.ts';

/** Nothing but zeros is ever written to it. */
export const ZEROS: Uint8Array = new Uint8Array(1024 * 1024);

/**
 * A descriptor that reads as zeros up to `sizeBytes`: a nameless file that is all hole. (/dev/zero won't do: a signal, as
 * a profiler sends them, cuts its reads short, which no file does.)
 */
export class ZeroBytes implements Disposable {
  readonly fd: number;

  constructor(sizeBytes: number) {
    const dir = mkdtempSync(join(tmpdir(), 'debtorrent-zeros-'));
    try {
      this.fd = openSync(join(dir, 'bytes'), 'wx+', 0o600);
      ftruncateSync(this.fd, sizeBytes);
    } finally {
      rmSync(dir, { recursive: true });
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** Pieces on their way to a simulated node: all the same zeros. */
export const zeroBuffers: PieceBuffers = {
  take: (lengthBytes) => zeros(lengthBytes),
  give: () => {},
};

const keys = new Map<number, Sha256>();
const layers = new Map<number, Uint8Array>();

/** The SHA-256 of `sizeBytes` zeros. */
export function zeroKey(sizeBytes: number): Sha256 {
  let key = keys.get(sizeBytes);
  if (key === undefined) {
    const hash = new Bun.CryptoHasher('sha256');
    for (let at = 0; at < sizeBytes; at += ZEROS.length)
      hash.update(zeros(Math.min(ZEROS.length, sizeBytes - at)));
    key = sha256FromBytes(new Uint8Array(hash.digest()));
    keys.set(sizeBytes, key);
  }
  return key;
}

/** The piece layer of `sizeBytes` zeros. */
export function zeroLayer(sizeBytes: number): Uint8Array {
  let layer = layers.get(sizeBytes);
  if (!layer) {
    const pieces = new Pieces(sizeBytes);
    const hasher = new PieceHasher(pieces);
    const first = hasher.hash(new Uint8Array(pieces.size(0)));
    layer = new Uint8Array(pieces.count * HASH_BYTES);
    for (let piece = 0; piece < pieces.count - 1; piece += 1) layer.set(first, piece * HASH_BYTES);
    const last = pieces.count - 1;
    layer.set(hasher.hash(new Uint8Array(pieces.size(last))), last * HASH_BYTES);
    layers.set(sizeBytes, layer);
  }
  return layer;
}

export function zeros(lengthBytes: number): Uint8Array {
  return ZEROS.subarray(0, lengthBytes);
}

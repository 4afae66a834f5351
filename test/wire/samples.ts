/** One message of each kind, and seeded chance, for the tests of this room. */
import type { Message } from '../../src/wire/message.ts';

/** mulberry32: `draw(n)` is a whole number from 0 to n - 1. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function randomBytes(draw: (below: number) => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => draw(256));
}

/** Concatenated. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function everyMessage(): Message[] {
  const block = { index: 3, begin: 0x4000, length: 0x4000 };
  const range = { piecesRoot: new Uint8Array(32).fill(7), baseLayer: 4, index: 8, length: 8, proofLayers: 3 };
  return [
    { type: 'keep-alive' },
    { type: 'choke' },
    { type: 'unchoke' },
    { type: 'interested' },
    { type: 'not-interested' },
    { type: 'have', index: 70_000 },
    { type: 'bitfield', bits: Uint8Array.of(0xf0, 0x0f) },
    { type: 'request', ...block },
    { type: 'piece', index: 3, begin: 0x4000, payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) },
    { type: 'cancel', ...block },
    { type: 'port', port: 6881 },
    { type: 'suggest', index: 5 },
    { type: 'have-all' },
    { type: 'have-none' },
    { type: 'reject', ...block },
    { type: 'allowed-fast', index: 9 },
    { type: 'extended', id: 2, payload: new TextEncoder().encode('d1:t4:helloe') },
    { type: 'hash-request', ...range },
    { type: 'hashes', ...range, hashes: new Uint8Array(11 * 32).fill(1) },
    { type: 'hash-reject', ...range },
    { type: 'unknown', id: 77, payload: Uint8Array.of(1) },
  ];
}

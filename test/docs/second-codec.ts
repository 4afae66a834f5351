/**
 * What second-node.ts needs to read and write: bencoding, names of swarms, pieces, hash trees and whole messages, written
 * from docs/protocol.md and the BEPs that it names alone. Imports nothing of src/. Raw strings are Buffers,
 * dictionaries Maps.
 */
import { createHash } from 'node:crypto';

export const BLOCK = 16 * 1024;

export type Value = number | Buffer | Value[] | Map<string, Value>;

export function bencode(value: Value | string): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('l'), ...value.map(bencode), Buffer.from('e')]);
  const entries = [...value].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Buffer.concat([
    Buffer.from('d'),
    ...entries.flatMap(([k, v]) => [bencode(k), bencode(v)]),
    Buffer.from('e'),
  ]);
}

export function bdecode(bytes: Buffer): Value {
  let at = 0;
  const string = (): Buffer => {
    const colon = bytes.indexOf(0x3a, at);
    const length = Number(bytes.toString('latin1', at, colon));
    at = colon + 1 + length;
    return bytes.subarray(colon + 1, at);
  };
  const next = (): Value => {
    const kind = String.fromCharCode(bytes[at] as number);
    if (kind === 'i') {
      const end = bytes.indexOf(0x65, at);
      const value = Number(bytes.toString('latin1', at + 1, end));
      at = end + 1;
      return value;
    }
    if (kind !== 'l' && kind !== 'd') return string();
    at += 1;
    const list: Value[] = [];
    const dict = new Map<string, Value>();
    while (bytes[at] !== 0x65) {
      if (kind === 'l') list.push(next());
      else dict.set(String(string()), next());
    }
    at += 1;
    return kind === 'l' ? list : dict;
  };
  return next();
}

export const dict = (fields: Record<string, Value | string>) =>
  new Map(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' ? Buffer.from(value) : value,
    ]),
  );
export const field = <T extends Value>(value: Value | undefined, key: string) =>
  (value as Map<string, Value>).get(key) as T;

// ---- "Swarms" and "Pieces" ----

const hash = (algorithm: 'sha1' | 'sha256', ...parts: Uint8Array[]) => {
  const hasher = createHash(algorithm);
  for (const part of parts) hasher.update(part);
  return hasher.digest();
};
export const sha256 = (...parts: Uint8Array[]) => hash('sha256', ...parts);

export function infoHash(origin: string, codename: string, architecture: string): Buffer {
  const archive = dict({ origin, codename, architecture });
  return hash('sha1', bencode(dict({ archive, name: `${origin} ${codename} ${architecture}`, version: 1 })));
}

export function geometry(size: number) {
  const length = size <= 524_288 ? 524_288 : Math.max(262_144, 2 ** Math.ceil(Math.log2(size / 2048)));
  const pieces = Math.ceil(size / length);
  const layerHeight = Math.log2(length / BLOCK);
  const treeHeight = Math.ceil(Math.log2(Math.ceil(size / BLOCK)));
  const sizeOf = (piece: number) => Math.min(length, size - piece * length);
  return { size, length, pieces, layerHeight, treeHeight, sizeOf };
}

export const zeroTree = (height: number): Buffer =>
  height === 0 ? Buffer.alloc(32) : sha256(zeroTree(height - 1), zeroTree(height - 1));

/** The node `levels` above a row of hashes at `height`, padded. */
export function above(row: readonly Buffer[], height: number, levels: number): Buffer {
  if (levels === 0) return row[0] ?? zeroTree(height);
  const parents: Buffer[] = [];
  for (let i = 0; i < row.length; i += 2)
    parents.push(sha256(row[i] as Buffer, row[i + 1] ?? zeroTree(height)));
  return above(parents, height + 1, levels - 1);
}

export function pieceHash(bytes: Buffer, layerHeight: number): Buffer {
  const leaves: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK) leaves.push(sha256(bytes.subarray(at, at + BLOCK)));
  return above(leaves, 0, layerHeight);
}

export const split = (bytes: Buffer, length: number) =>
  Array.from({ length: bytes.length / length }, (_, i) => bytes.subarray(i * length, (i + 1) * length));

// ---- messages ----

export const u32 = (...numbers: number[]) => {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * i);
  return bytes;
};
export const message = (id: number, ...parts: Uint8Array[]) => {
  const body = Buffer.concat([Buffer.of(id), ...parts]);
  return Buffer.concat([u32(body.length), body]);
};

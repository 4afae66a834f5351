/**
 * The journal beside a partial file: which of its pieces are here, with the hash that their bytes had, and on whose
 * word. Written by appending, one record a piece, and never waited for: a process that is killed loses nothing of it,
 * a power cut may lose or tear its end, and may lose bytes that it speaks of. So what a journal says is a claim that
 * the bytes must bear out before they count (acquire/kept-pieces.ts); it can cost a fetch, never make a wrong file.
 *
 * Pure: bytes to pieces and back. Anything decodes; what isn't a whole record of this very journal is passed over.
 * Layout, big endian. Head, 56 bytes: magic (8), key (32), size (u64), piece length (u32), CRC-32 of what was before.
 * Records, 44 bytes: index (u32), kind (u8), zeros (3), hash (32), CRC-32 of the head's CRC and what was before. Of two
 * records for one piece the later one holds.
 */
import { crc32 } from 'node:zlib';
import { type Sha256, sha256ToBytes } from '../lib/sha256.ts';
import type { Kept, KeptPiece, PieceGrade } from './store.ts';

/** What a journal is the journal of. */
export interface JournalHead {
  readonly key: Sha256;
  readonly sizeBytes: number;
  readonly pieceLength: number;
}

export type JournalRecord =
  | ({ readonly kind: 'piece' } & KeptPiece)
  /** It isn't here any more. */
  | { readonly kind: 'gone'; readonly index: number }
  /** What the mirror answered as Last-Modified. */
  | { readonly kind: 'dated'; readonly lastModifiedMs: number };

export const HEAD_BYTES = 56;
export const RECORD_BYTES = 44;

const MAGIC = new TextEncoder().encode('DTpart1\n');
const GONE = 0;
const DATED = 255;
const KIND_OF_GRADE: Readonly<Record<PieceGrade, number>> = { mirror: 1, signed: 2, peer: 3 };
const GRADE_OF_KIND = new Map(
  Object.entries(KIND_OF_GRADE).map(([grade, kind]) => [kind, grade as PieceGrade] as const),
);

export function encodeHead({ key, sizeBytes, pieceLength }: JournalHead): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  bytes.set(sha256ToBytes(key), 8);
  view.setBigUint64(40, BigInt(sizeBytes));
  view.setUint32(48, pieceLength);
  view.setUint32(52, crc32(bytes.subarray(0, 52)));
  return bytes;
}

/** `head` is the encoded one. */
export function encodeRecord(head: Uint8Array, record: JournalRecord): Uint8Array {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  if (record.kind === 'dated') {
    bytes[4] = DATED;
    view.setFloat64(8, record.lastModifiedMs);
  } else {
    view.setUint32(0, record.index);
    bytes[4] = record.kind === 'gone' ? GONE : KIND_OF_GRADE[record.grade];
    if (record.kind === 'piece') bytes.set(record.hash, 8);
  }
  view.setUint32(40, checkOf(head, bytes));
  return bytes;
}

/** The whole journal of what is kept. */
export function encodeJournal(of: JournalHead, kept: Kept): Uint8Array {
  const head = encodeHead(of);
  const records = kept.pieces.map((piece) => encodeRecord(head, { kind: 'piece', ...piece }));
  const { lastModifiedMs } = kept;
  if (lastModifiedMs !== undefined) records.push(encodeRecord(head, { kind: 'dated', lastModifiedMs }));
  return Buffer.concat([head, ...records]);
}

/** What these bytes claim of that file, pieces in order; undefined when they are another file's journal or none. */
export function decodeJournal(bytes: Uint8Array, of: JournalHead): Kept | undefined {
  const head = encodeHead(of);
  if (Buffer.compare(bytes.subarray(0, HEAD_BYTES), head) !== 0) return undefined;
  const count = Math.ceil(of.sizeBytes / of.pieceLength);
  const pieces = new Map<number, KeptPiece>();
  let lastModifiedMs: number | undefined;
  for (let at = HEAD_BYTES; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const record = bytes.subarray(at, at + RECORD_BYTES);
    const view = new DataView(record.buffer, record.byteOffset, RECORD_BYTES);
    if (view.getUint32(40) !== checkOf(head, record)) continue;
    const index = view.getUint32(0);
    const kind = record[4] as number;
    const grade = GRADE_OF_KIND.get(kind);
    if (kind === DATED) lastModifiedMs = dateOf(view.getFloat64(8)) ?? lastModifiedMs;
    else if (kind === GONE) pieces.delete(index);
    else if (grade && index < count) pieces.set(index, { index, hash: record.slice(8, 40), grade });
  }
  return {
    pieces: [...pieces.values()].sort((a, b) => a.index - b.index),
    ...(lastModifiedMs !== undefined && { lastModifiedMs }),
  };
}

function checkOf(head: Uint8Array, record: Uint8Array): number {
  return crc32(record.subarray(0, 40), crc32(head));
}

function dateOf(ms: number): number | undefined {
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}

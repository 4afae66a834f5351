/**
 * `dt_archive`, the extension that makes peers of an archive swarm: bencoded dictionaries, one an EXTENDED message,
 * by kind `t` (protocol.md §3). Decides what the bytes say and that every length and number is within the limits
 * below; not whether a want number or piece number was ever given (that is the connection's). Unknown kinds give
 * undefined and unknown fields are ignored, so that the protocol can grow; a wrong type is a ProtocolError.
 * Sizes in bytes, hashes raw, keys as the program's Sha256.
 */
import { decodeDict, isDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { findBytes, getBytes, getInt, getList, getText } from '../bencode/fields.ts';
import type { BDict, BInputDict } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import { type Sha256, sha256FromBytes, sha256ToBytes } from '../lib/sha256.ts';
import { BLOCK_BYTES, MAX_REQUEST_BYTES } from './message.ts';
import { readU32, writeU32 } from './u32.ts';

/** The extension's name in the extended handshake (BEP 10 `m`). */
export const ARCHIVE_EXTENSION = 'dt_archive';
export const ARCHIVE_VERSION = 1;

export const MAX_ARCHIVE_MESSAGE_BYTES = 64 * 1024;
export const MAX_HELLO_SWARMS = 64;
export const MAX_WANT_KEYS = 1024;
export const MAX_HAVE_ENTRIES = 256;
export const MAX_CLAIM_ENTRIES = 256;
export const MAX_RANGES = 1024;
/**
 * Most numbers that the ranges of one message (one claim) may name together, as every one of them is looked at: no file
 * has more pieces, no connection more open wants.
 */
export const MAX_RANGE_NUMBERS = 2048;
/** Want numbers and piece numbers are below this. */
export const NUMBER_LIMIT = 2 ** 31;
export const MAX_FILE_BYTES = 2 ** 40;

const HASH_BYTES = 32;
const PIECE_HASH_BYTES = 4 + HASH_BYTES;
const LIMITS = { maxBytes: MAX_ARCHIVE_MESSAGE_BYTES, maxDepth: 5 };

/** `count` (at least 1) numbers from `first` on. */
export interface NumberRange {
  readonly first: number;
  readonly count: number;
}

/** How the sender knows the file's pieces (protocol.md, "What a hash of a part is worth"). */
export const Grade = { whole: 0, relayed: 1, firstHand: 2, signed: 3 } as const;
export type Grade = (typeof Grade)[keyof typeof Grade];

/** The hash of one piece, as the sender had it from the mirror itself, or as another peer stated it. */
export interface PieceHash {
  /** The piece, counted from the file's first one. */
  readonly pieceOffset: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

export interface HaveEntry {
  /** The receiver's number for the key. */
  readonly want: number;
  readonly sizeBytes: number;
  /** The sender's number for the file's first piece; the others follow it. */
  readonly firstPiece: number;
  readonly grade: Grade;
  /** 32 bytes; absent for a file of one piece, whose hash is its key, and while no root is known. */
  readonly root?: Uint8Array;
  /** One bit a piece, the first in the high bit (as BITFIELD, BEP 3); absent: all. */
  readonly pieces?: Uint8Array;
  /** Of pieces that the sender itself had from the mirror: its own word. Only with grade firstHand. */
  readonly firstHand?: readonly PieceHash[];
  /** Of pieces that it had from other peers, with the hash that they stated: hearsay. Only with grade firstHand. */
  readonly secondHand?: readonly PieceHash[];
}

export interface ClaimEntry {
  /** The *sender's* own number for the key. */
  readonly want: number;
  /** Pieces counted from the file's first one. */
  readonly pieces: readonly NumberRange[];
  /** When the last of them will be there, from now. */
  readonly etaMs: number;
}

export type ArchiveMessage =
  /** `swarms`: `blindSwarm` of each swarm that the sender is in; replaces what an earlier hello said. */
  | {
      readonly kind: 'hello';
      readonly version: number;
      readonly swarms: readonly Uint8Array[];
      /** Most bytes of one REQUEST that the sender answers: a multiple of 16 KiB up to 256 KiB. */
      readonly maxRequestBytes: number;
    }
  /** The sender looks for `keys` and numbers them first, first + 1, …; `ahead`: it will fetch them later, perhaps. */
  | {
      readonly kind: 'want';
      readonly first: number;
      readonly keys: readonly Sha256[];
      readonly ahead?: boolean;
    }
  /** unwant: the sender's own want numbers; none: the receiver's. */
  | { readonly kind: 'unwant' | 'none'; readonly ranges: readonly NumberRange[] }
  | { readonly kind: 'have'; readonly entries: readonly HaveEntry[] }
  | { readonly kind: 'claim'; readonly entries: readonly ClaimEntry[] };

/** The payload, canonical. Throws RangeError when it breaks a limit that the receiver would close for. */
export function encodeArchiveMessage(message: ArchiveMessage): Uint8Array {
  const payload = encode(toDict(message));
  if (payload.length > MAX_ARCHIVE_MESSAGE_BYTES) {
    throw new RangeError(`could not encode ${message.kind}: ${payload.length} bytes`);
  }
  return payload;
}

/** Undefined for a kind that we don't know. Throws ProtocolError and nothing else. */
export function decodeArchiveMessage(payload: Uint8Array): ArchiveMessage | undefined {
  const dict = decodeDict(payload, LIMITS);
  const kind = getText(dict, 't');
  switch (kind) {
    case 'hello':
      return readHello(dict);
    case 'want': {
      const first = getNumber(dict, 'n');
      const keys = chunks(getBytes(dict, 'k'), HASH_BYTES, MAX_WANT_KEYS, 'k').map(sha256FromBytes);
      if (first + keys.length > NUMBER_LIMIT) throw new ProtocolError('want numbers too high');
      return dict.a === undefined || getInt(dict, 'a', 0, 1) === 0
        ? { kind, first, keys }
        : { kind, first, keys, ahead: true };
    }
    case 'unwant':
    case 'none':
      return { kind, ranges: getRanges(dict, 'r') };
    case 'have':
      return { kind, entries: getDicts(dict, 'h', MAX_HAVE_ENTRIES).map(readHave) };
    case 'claim':
      return { kind, entries: getDicts(dict, 'c', MAX_CLAIM_ENTRIES).map(readClaim) };
    default:
      return undefined;
  }
}

/** The payloads of as few `have` messages as hold `entries` within the limits, in order. */
export function packHaves(entries: readonly HaveEntry[]): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  let batch: HaveEntry[] = [];
  let batchBytes = 0;
  for (const entry of entries) {
    const bytes = haveBytesAtMost(entry);
    const full = batch.length === MAX_HAVE_ENTRIES || batchBytes + bytes > MAX_ARCHIVE_MESSAGE_BYTES - 64;
    if (full && batch.length > 0) {
      payloads.push(encodeArchiveMessage({ kind: 'have', entries: batch }));
      batch = [];
      batchBytes = 0;
    }
    batch.push(entry);
    batchBytes += bytes;
  }
  if (batch.length > 0) payloads.push(encodeArchiveMessage({ kind: 'have', entries: batch }));
  return payloads;
}

/**
 * What stands for a swarm in `hello`: SHA-256(info-hash ‖ lower peer id ‖ higher peer id), 32 bytes. Both ends of a
 * connection compute the same, nobody else can recognise it, and it discloses no swarm that the other isn't in.
 */
export function blindSwarm(infoHash: Uint8Array, peerIdA: Uint8Array, peerIdB: Uint8Array): Uint8Array {
  const [lower, higher] = Buffer.compare(peerIdA, peerIdB) <= 0 ? [peerIdA, peerIdB] : [peerIdB, peerIdA];
  const digest = new Bun.CryptoHasher('sha256').update(infoHash).update(lower).update(higher).digest();
  return new Uint8Array(digest);
}

function toDict(message: ArchiveMessage): BInputDict {
  const t = message.kind;
  switch (message.kind) {
    case 'hello':
      return { t, v: message.version, q: message.maxRequestBytes, s: Buffer.concat(message.swarms) };
    case 'want':
      return {
        t,
        a: message.ahead ? 1 : undefined,
        n: message.first,
        k: Buffer.concat(message.keys.map(sha256ToBytes)),
      };
    case 'unwant':
    case 'none':
      return { t, r: flatten(message.ranges) };
    case 'have':
      return { t, h: message.entries.map(haveDict) };
    case 'claim':
      return {
        t,
        c: message.entries.map(({ want, pieces, etaMs }) => ({ n: want, r: flatten(pieces), e: etaMs })),
      };
  }
}

function haveDict(entry: HaveEntry): BInputDict {
  return {
    n: entry.want,
    s: entry.sizeBytes,
    p: entry.firstPiece,
    g: entry.grade,
    r: entry.root,
    b: entry.pieces,
    f: entry.firstHand && joinHashes(entry.firstHand),
    q: entry.secondHand && joinHashes(entry.secondHand),
  };
}

/** Numbers of at most 13 digits and their keys take less than 100 bytes. */
function haveBytesAtMost({ pieces, firstHand, secondHand }: HaveEntry): number {
  const hashes = (firstHand?.length ?? 0) + (secondHand?.length ?? 0);
  return 180 + (pieces?.length ?? 0) + hashes * PIECE_HASH_BYTES;
}

function readHello(dict: BDict): ArchiveMessage {
  const maxRequestBytes = getInt(dict, 'q', BLOCK_BYTES, MAX_REQUEST_BYTES);
  if (maxRequestBytes % BLOCK_BYTES !== 0) throw new ProtocolError(`"q" is not a multiple of ${BLOCK_BYTES}`);
  return {
    kind: 'hello',
    version: getInt(dict, 'v', 1, NUMBER_LIMIT - 1),
    swarms: chunks(getBytes(dict, 's'), HASH_BYTES, MAX_HELLO_SWARMS, 's'),
    maxRequestBytes,
  };
}

function readHave(dict: BDict): HaveEntry {
  const grade = getInt(dict, 'g', 0, 3) as Grade;
  const root = findBytes(dict, 'r', HASH_BYTES);
  const pieces = findBytes(dict, 'b');
  const firstHand = findBytes(dict, 'f');
  const secondHand = findBytes(dict, 'q');
  if ((firstHand || secondHand) && grade !== Grade.firstHand) {
    throw new ProtocolError('hashes of pieces in another grade than first-hand');
  }
  return {
    want: getNumber(dict, 'n'),
    sizeBytes: getInt(dict, 's', 0, MAX_FILE_BYTES),
    firstPiece: getNumber(dict, 'p'),
    grade,
    ...(root && { root }),
    ...(pieces && { pieces }),
    ...(firstHand && { firstHand: splitHashes(firstHand, 'f') }),
    ...(secondHand && { secondHand: splitHashes(secondHand, 'q') }),
  };
}

function readClaim(dict: BDict): ClaimEntry {
  return {
    want: getNumber(dict, 'n'),
    pieces: getRanges(dict, 'r'),
    etaMs: getInt(dict, 'e', 0, NUMBER_LIMIT - 1),
  };
}

function getNumber(dict: BDict, key: string): number {
  return getInt(dict, key, 0, NUMBER_LIMIT - 1);
}

function getDicts(dict: BDict, key: string, max: number): BDict[] {
  const list = getList(dict, key);
  if (list.length > max) throw new ProtocolError(`"${key}" has more than ${max} entries`);
  return list.map((item) => {
    if (!isDict(item)) throw new ProtocolError(`"${key}" holds something else than dictionaries`);
    return item;
  });
}

function flatten(ranges: readonly NumberRange[]): number[] {
  return ranges.flatMap(({ first, count }) => [first, count]);
}

function getRanges(dict: BDict, key: string): NumberRange[] {
  const list = getList(dict, key);
  if (list.length % 2 !== 0 || list.length > 2 * MAX_RANGES) {
    throw new ProtocolError(`"${key}" is not a list of at most ${MAX_RANGES} ranges`);
  }
  const ranges: NumberRange[] = [];
  let numbers = 0;
  for (let i = 0; i < list.length; i += 2) {
    const first = list[i];
    const count = list[i + 1];
    const fits = isWhole(first) && isWhole(count) && count >= 1 && first + count <= NUMBER_LIMIT;
    if (!fits) throw new ProtocolError(`"${key}" holds something else than ranges`);
    numbers += count;
    ranges.push({ first, count });
  }
  if (numbers > MAX_RANGE_NUMBERS)
    throw new ProtocolError(`"${key}" names more than ${MAX_RANGE_NUMBERS} numbers`);
  return ranges;
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function joinHashes(hashes: readonly PieceHash[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * PIECE_HASH_BYTES);
  hashes.forEach(({ pieceOffset, hash }, i) => {
    writeU32(bytes, i * PIECE_HASH_BYTES, pieceOffset);
    bytes.set(hash, i * PIECE_HASH_BYTES + 4);
  });
  return bytes;
}

function splitHashes(bytes: Uint8Array, key: string): PieceHash[] {
  return chunks(bytes, PIECE_HASH_BYTES, Number.POSITIVE_INFINITY, key).map((chunk) => {
    const pieceOffset = readU32(chunk, 0);
    if (pieceOffset >= NUMBER_LIMIT) throw new ProtocolError(`"${key}" names a piece number too high`);
    return { pieceOffset, hash: chunk.subarray(4) };
  });
}

/** Copies of `size` bytes each, so that one that is kept does not keep the message. */
function chunks(bytes: Uint8Array, size: number, max: number, key: string): Uint8Array[] {
  const count = bytes.length / size;
  if (!Number.isInteger(count) || count > max) throw new ProtocolError(`"${key}" has ${bytes.length} bytes`);
  return Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

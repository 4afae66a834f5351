/**
 * Peer messages, byte by byte: BEP 3 (core), BEP 5 (port), BEP 6 (fast), BEP 10 (extended), BEP 52 (hashes).
 * A message is a length (4 bytes), then that many bytes of body: an id and its fields; a keep-alive has no body.
 * Decides what bytes mean and whether their shape is right; not whether the message makes sense now.
 * Decoders throw ProtocolError and nothing else, and what decodes re-encodes to the same bytes. Unknown ids are
 * kept as `unknown` for the receiver to ignore. A decoded message owns its bytes (nothing is a view of the input).
 */
import { ProtocolError } from '../lib/errors.ts';
import { readU32, writeU32 } from './u32.ts';

/** The unit of transfer (BEP 3); a request to a DebTorrent node may ask for a multiple of it. */
export const BLOCK_BYTES = 16 * 1024;
/** The most that one request may ask for, and so the most that one PIECE carries. */
export const MAX_REQUEST_BYTES = 256 * 1024;
/** Most hashes in one HASHES message: 512 of the layer (swarm protocol §3) and 64 of the proof. */
export const MAX_HASHES = 512 + 64;

export const MessageId = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20,
  hashRequest: 21,
  hashes: 22,
  hashReject: 23,
} as const;

const PIECE_HEADER_BYTES = 13;
const HASH_BODY_BYTES = 49;
const EXTENDED_BODY_LIMIT = 64 * 1024 + 1024;

/** Largest body (id and fields) by id; the decoder then asks for the exact length. What is ignored is bounded like EXTENDED. */
const BODY_LIMIT = new Uint32Array(256).fill(EXTENDED_BODY_LIMIT);
BODY_LIMIT[MessageId.piece] = 9 + MAX_REQUEST_BYTES;
BODY_LIMIT[MessageId.hashes] = HASH_BODY_BYTES + MAX_HASHES * 32;
for (const id of [0, 1, 2, 3, 14, 15]) BODY_LIMIT[id] = 1;
for (const id of [4, 13, 17]) BODY_LIMIT[id] = 5;
for (const id of [6, 8, 16]) BODY_LIMIT[id] = 13;
BODY_LIMIT[MessageId.port] = 3;
BODY_LIMIT[MessageId.hashRequest] = HASH_BODY_BYTES;
BODY_LIMIT[MessageId.hashReject] = HASH_BODY_BYTES;

/** Part of a piece, as REQUEST, CANCEL and REJECT name it. Bytes; every field is 32 bits. */
export interface BlockRef {
  readonly index: number;
  readonly begin: number;
  readonly length: number;
}

/** Which hashes of a file's tree, as BEP 52's messages name them. */
export interface HashRange {
  /** The file's root, 32 bytes. */
  readonly piecesRoot: Uint8Array;
  /** Layer of the hashes asked for; 0 is the leaves (16 KiB). */
  readonly baseLayer: number;
  /** First hash in that layer. */
  readonly index: number;
  /** Number of hashes in that layer. */
  readonly length: number;
  /** Layers above it to be proven by uncle hashes. */
  readonly proofLayers: number;
}

export type Message =
  | { readonly type: 'keep-alive' | 'choke' | 'unchoke' | 'interested' | 'not-interested' }
  | { readonly type: 'have-all' | 'have-none' }
  | { readonly type: 'have' | 'suggest' | 'allowed-fast'; readonly index: number }
  | { readonly type: 'bitfield'; readonly bits: Uint8Array }
  | ({ readonly type: 'request' | 'cancel' | 'reject' } & BlockRef)
  | { readonly type: 'piece'; readonly index: number; readonly begin: number; readonly payload: Uint8Array }
  | { readonly type: 'port'; readonly port: number }
  | { readonly type: 'extended'; readonly id: number; readonly payload: Uint8Array }
  | ({ readonly type: 'hash-request' | 'hash-reject' } & HashRange)
  /** `hashes`: concatenated 32-byte hashes, those of the layer first, then the proof's. */
  | ({ readonly type: 'hashes'; readonly hashes: Uint8Array } & HashRange)
  | { readonly type: 'unknown'; readonly id: number; readonly payload: Uint8Array };

/** Most bytes that a body with this id may have. */
export function maxBodyBytes(id: number): number {
  return BODY_LIMIT[id] as number;
}

export const encodeKeepAlive = (): Uint8Array => new Uint8Array(4);
export const encodeChoke = (): Uint8Array => bare(MessageId.choke);
export const encodeUnchoke = (): Uint8Array => bare(MessageId.unchoke);
export const encodeInterested = (): Uint8Array => bare(MessageId.interested);
export const encodeNotInterested = (): Uint8Array => bare(MessageId.notInterested);
export const encodeHaveAll = (): Uint8Array => bare(MessageId.haveAll);
export const encodeHaveNone = (): Uint8Array => bare(MessageId.haveNone);
export const encodeHave = (index: number): Uint8Array => withIndex(MessageId.have, index);
export const encodeSuggest = (index: number): Uint8Array => withIndex(MessageId.suggest, index);
export const encodeAllowedFast = (index: number): Uint8Array => withIndex(MessageId.allowedFast, index);
export const encodeBitfield = (bits: Uint8Array): Uint8Array => withPayload(MessageId.bitfield, bits);
export const encodeRequest = (block: BlockRef): Uint8Array => withBlock(MessageId.request, block);
export const encodeCancel = (block: BlockRef): Uint8Array => withBlock(MessageId.cancel, block);
export const encodeReject = (block: BlockRef): Uint8Array => withBlock(MessageId.reject, block);

/** The 13 bytes before a PIECE's payload of `length` bytes. */
export function encodePieceHeader(index: number, begin: number, length: number): Uint8Array {
  return writePieceHeader(new Uint8Array(PIECE_HEADER_BYTES), index, begin, length);
}

/**
 * A whole PIECE in one buffer, its payload (a view of `length` bytes) still to be filled by the caller: the block
 * is read from disk to where it is sent from. Until then the payload holds whatever was in memory (zeroing costs as
 * much as a fifth of the copy): send it only after all of it was written, and drop it when a read comes short.
 */
export function allocPiece(
  index: number,
  begin: number,
  length: number,
): { message: Uint8Array; payload: Uint8Array } {
  const message = Buffer.allocUnsafeSlow(PIECE_HEADER_BYTES + length);
  writePieceHeader(message, index, begin, length);
  return { message, payload: message.subarray(PIECE_HEADER_BYTES) };
}

/** A whole PIECE with a copy of `payload`. */
export function encodePiece(index: number, begin: number, payload: Uint8Array): Uint8Array {
  const piece = allocPiece(index, begin, payload.length);
  piece.payload.set(payload);
  return piece.message;
}

export function encodePort(port: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 3, MessageId.port, port >>> 8, port);
}

/** `id` is the number the *receiver* gave the extension in its extended handshake; 0 is that handshake. */
export function encodeExtended(id: number, payload: Uint8Array): Uint8Array {
  const message = start(MessageId.extended, 1 + payload.length);
  message[5] = id;
  message.set(payload, 6);
  return message;
}

export const encodeHashRequest = (range: HashRange): Uint8Array =>
  withHashRange(MessageId.hashRequest, range);
export const encodeHashReject = (range: HashRange): Uint8Array => withHashRange(MessageId.hashReject, range);

/** `hashes`: concatenated, at most MAX_HASHES. */
export function encodeHashes(range: HashRange, hashes: Uint8Array): Uint8Array {
  const message = withHashRange(MessageId.hashes, range, hashes.length);
  message.set(hashes, 4 + HASH_BODY_BYTES);
  return message;
}

/** Any message, length prefix included. */
export function encodeMessage(message: Message): Uint8Array {
  switch (message.type) {
    case 'keep-alive':
      return encodeKeepAlive();
    case 'choke':
      return encodeChoke();
    case 'unchoke':
      return encodeUnchoke();
    case 'interested':
      return encodeInterested();
    case 'not-interested':
      return encodeNotInterested();
    case 'have-all':
      return encodeHaveAll();
    case 'have-none':
      return encodeHaveNone();
    case 'have':
      return encodeHave(message.index);
    case 'suggest':
      return encodeSuggest(message.index);
    case 'allowed-fast':
      return encodeAllowedFast(message.index);
    case 'bitfield':
      return encodeBitfield(message.bits);
    case 'request':
      return encodeRequest(message);
    case 'cancel':
      return encodeCancel(message);
    case 'reject':
      return encodeReject(message);
    case 'piece':
      return encodePiece(message.index, message.begin, message.payload);
    case 'port':
      return encodePort(message.port);
    case 'extended':
      return encodeExtended(message.id, message.payload);
    case 'hash-request':
      return encodeHashRequest(message);
    case 'hash-reject':
      return encodeHashReject(message);
    case 'hashes':
      return encodeHashes(message, message.hashes);
    case 'unknown':
      return withPayload(message.id, message.payload);
  }
}

/** One body (without its length prefix) to a message. Throws ProtocolError when its length doesn't fit its id. */
export function decodeMessage(body: Uint8Array): Message {
  const id = body[0];
  if (id === undefined) return { type: 'keep-alive' };
  if (body.length > maxBodyBytes(id)) throw badLength(id, body.length);
  switch (id) {
    case MessageId.choke:
      return { type: 'choke' };
    case MessageId.unchoke:
      return { type: 'unchoke' };
    case MessageId.interested:
      return { type: 'interested' };
    case MessageId.notInterested:
      return { type: 'not-interested' };
    case MessageId.haveAll:
      return { type: 'have-all' };
    case MessageId.haveNone:
      return { type: 'have-none' };
    case MessageId.have:
      return { type: 'have', index: readIndex(body) };
    case MessageId.suggest:
      return { type: 'suggest', index: readIndex(body) };
    case MessageId.allowedFast:
      return { type: 'allowed-fast', index: readIndex(body) };
    case MessageId.bitfield:
      return { type: 'bitfield', bits: body.slice(1) };
    case MessageId.request:
      return { type: 'request', ...readBlock(body) };
    case MessageId.cancel:
      return { type: 'cancel', ...readBlock(body) };
    case MessageId.reject:
      return { type: 'reject', ...readBlock(body) };
    case MessageId.piece:
      atLeast(body, 9);
      return { type: 'piece', index: readU32(body, 1), begin: readU32(body, 5), payload: body.slice(9) };
    case MessageId.port:
      atLeast(body, 3);
      return { type: 'port', port: ((body[1] as number) << 8) | (body[2] as number) };
    case MessageId.extended:
      atLeast(body, 2);
      return { type: 'extended', id: body[1] as number, payload: body.slice(2) };
    case MessageId.hashRequest:
      return { type: 'hash-request', ...readHashRange(body) };
    case MessageId.hashReject:
      return { type: 'hash-reject', ...readHashRange(body) };
    case MessageId.hashes:
      if ((body.length - HASH_BODY_BYTES) % 32 !== 0) throw badLength(id, body.length);
      return { type: 'hashes', ...readHashRange(body), hashes: body.slice(HASH_BODY_BYTES) };
    default:
      return { type: 'unknown', id, payload: body.slice(1) };
  }
}

/** A message of `fieldBytes` bytes after its id, zeroed but for length and id. */
function start(id: number, fieldBytes: number): Uint8Array {
  const message = new Uint8Array(5 + fieldBytes);
  writeU32(message, 0, 1 + fieldBytes);
  message[4] = id;
  return message;
}

function bare(id: number): Uint8Array {
  return start(id, 0);
}

function withIndex(id: number, index: number): Uint8Array {
  const message = start(id, 4);
  writeU32(message, 5, index);
  return message;
}

function withBlock(id: number, { index, begin, length }: BlockRef): Uint8Array {
  const message = start(id, 12);
  writeU32(message, 5, index);
  writeU32(message, 9, begin);
  writeU32(message, 13, length);
  return message;
}

function withPayload(id: number, payload: Uint8Array): Uint8Array {
  const message = start(id, payload.length);
  message.set(payload, 5);
  return message;
}

function withHashRange(id: number, range: HashRange, extraBytes = 0): Uint8Array {
  if (range.piecesRoot.length !== 32) throw new RangeError('a pieces root has 32 bytes');
  const message = start(id, HASH_BODY_BYTES - 1 + extraBytes);
  message.set(range.piecesRoot, 5);
  writeU32(message, 37, range.baseLayer);
  writeU32(message, 41, range.index);
  writeU32(message, 45, range.length);
  writeU32(message, 49, range.proofLayers);
  return message;
}

function writePieceHeader(message: Uint8Array, index: number, begin: number, length: number): Uint8Array {
  writeU32(message, 0, 9 + length);
  message[4] = MessageId.piece;
  writeU32(message, 5, index);
  writeU32(message, 9, begin);
  return message;
}

function readIndex(body: Uint8Array): number {
  atLeast(body, 5);
  return readU32(body, 1);
}

function readBlock(body: Uint8Array): BlockRef {
  atLeast(body, 13);
  return { index: readU32(body, 1), begin: readU32(body, 5), length: readU32(body, 9) };
}

function readHashRange(body: Uint8Array): HashRange {
  atLeast(body, HASH_BODY_BYTES);
  return {
    piecesRoot: body.slice(1, 33),
    baseLayer: readU32(body, 33),
    index: readU32(body, 37),
    length: readU32(body, 41),
    proofLayers: readU32(body, 45),
  };
}

function atLeast(body: Uint8Array, bytes: number): void {
  if (body.length < bytes) throw badLength(body[0] as number, body.length);
}

function badLength(id: number, length: number): ProtocolError {
  return new ProtocolError(`could not read message ${id}: a body of ${length} bytes`);
}

/**
 * The payloads of EXTENDED messages that every client speaks: the extended handshake (BEP 10, with upload_only of
 * BEP 21 and metadata_size of BEP 9) and ut_metadata (BEP 9). Decides what the bytes say; not which extension has
 * which number (that is in the handshake) nor whether an address in it may be dialled. Unknown fields are ignored,
 * a known field of a wrong type is a ProtocolError. Limit: 64 KiB a payload, 16 KiB of metadata a piece.
 */
import { decodeDict, decodePrefix, isDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { findBytes, findDict, findInt, getInt } from '../bencode/fields.ts';
import type { BDict } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';

export const EXTENDED_HANDSHAKE_ID = 0;
/** Metadata goes in pieces of this size, the last one shorter (BEP 9). */
export const METADATA_PIECE_BYTES = 16 * 1024;

/** Other clients write these, too, and not all sort their keys. */
const LIMITS = { maxBytes: 64 * 1024, maxDepth: 8, maxItems: 1024, anyKeyOrder: true };
const MAX_U31 = 2 ** 31 - 1;
/** Longest client name that is kept, in characters. */
const MAX_CLIENT_NAME = 128;

export interface ExtendedHandshake {
  /** Extension name → the number under which the sender wants its messages (1 to 255); 0 takes it back. */
  readonly extensions: ReadonlyMap<string, number>;
  /** Name and version of the client (`v`), remote text. */
  readonly client?: string;
  /** TCP port on which the sender listens (`p`). */
  readonly port?: number;
  /** Requests that the sender queues before it drops some (`reqq`). */
  readonly requestQueue?: number;
  /** Bytes of the info dictionary (`metadata_size`). */
  readonly metadataSizeBytes?: number;
  /** How the sender sees the receiver: 4 or 16 bytes. */
  readonly yourIp?: Uint8Array;
  /** The sender's own other addresses: 4 and 16 bytes. */
  readonly ipv4?: Uint8Array;
  readonly ipv6?: Uint8Array;
  /** The sender has nothing left to download (BEP 21). */
  readonly uploadOnly?: boolean;
}

/** The payload of EXTENDED 0. */
export function encodeExtendedHandshake(handshake: ExtendedHandshake): Uint8Array {
  return encode({
    m: Object.fromEntries(handshake.extensions),
    v: handshake.client,
    p: handshake.port,
    reqq: handshake.requestQueue,
    metadata_size: handshake.metadataSizeBytes,
    yourip: handshake.yourIp,
    ipv4: handshake.ipv4,
    ipv6: handshake.ipv6,
    upload_only: handshake.uploadOnly === undefined ? undefined : Number(handshake.uploadOnly),
  });
}

/** Throws ProtocolError. Addresses of a wrong length are left out, as some clients send text there. */
export function decodeExtendedHandshake(payload: Uint8Array): ExtendedHandshake {
  const dict = decodeDict(payload, LIMITS);
  const client = findBytes(dict, 'v');
  const uploadOnly = findInt(dict, 'upload_only');
  return defined({
    extensions: readExtensions(findDict(dict, 'm')),
    client: client && new TextDecoder().decode(client).slice(0, MAX_CLIENT_NAME),
    port: findInt(dict, 'p', 0, 65535),
    requestQueue: findInt(dict, 'reqq', 0, MAX_U31),
    metadataSizeBytes: findInt(dict, 'metadata_size', 0, MAX_U31),
    yourIp: findAddress(dict, 'yourip', 4, 16),
    ipv4: findAddress(dict, 'ipv4', 4),
    ipv6: findAddress(dict, 'ipv6', 16),
    uploadOnly: uploadOnly === undefined ? undefined : uploadOnly !== 0,
  });
}

export type MetadataMessage =
  | { readonly type: 'request' | 'reject'; readonly piece: number }
  /** `bytes`: that piece of the info dictionary, up to 16 KiB; `totalSizeBytes`: of all of it. */
  | {
      readonly type: 'data';
      readonly piece: number;
      readonly totalSizeBytes: number;
      readonly bytes: Uint8Array;
    };

/** The payload of a ut_metadata message. */
export function encodeMetadataMessage(message: MetadataMessage): Uint8Array {
  if (message.type !== 'data') {
    return encode({ msg_type: message.type === 'request' ? 0 : 2, piece: message.piece });
  }
  const head = encode({ msg_type: 1, piece: message.piece, total_size: message.totalSizeBytes });
  const payload = new Uint8Array(head.length + message.bytes.length);
  payload.set(head);
  payload.set(message.bytes, head.length);
  return payload;
}

/** Undefined for a kind to be ignored (BEP 9 wants that). Throws ProtocolError. */
export function decodeMetadataMessage(payload: Uint8Array): MetadataMessage | undefined {
  const { value: dict, bytesUsed } = decodePrefix(payload, LIMITS);
  if (!isDict(dict)) throw new ProtocolError('could not read ut_metadata: not a dictionary');
  const kind = getInt(dict, 'msg_type');
  if (kind > 2) return undefined;
  const piece = getInt(dict, 'piece', 0, MAX_U31);
  const bytes = payload.slice(bytesUsed);
  if (kind === 1) {
    if (bytes.length > METADATA_PIECE_BYTES)
      throw new ProtocolError('could not read ut_metadata: piece too long');
    return { type: 'data', piece, totalSizeBytes: getInt(dict, 'total_size', 0, MAX_U31), bytes };
  }
  if (bytes.length > 0) throw new ProtocolError('could not read ut_metadata: trailing bytes');
  return { type: kind === 0 ? 'request' : 'reject', piece };
}

function readExtensions(m: BDict | undefined): ReadonlyMap<string, number> {
  return new Map(Object.keys(m ?? {}).map((name) => [name, getInt(m as BDict, name, 0, 255)]));
}

function findAddress(dict: BDict, key: string, ...lengths: readonly number[]): Uint8Array | undefined {
  const bytes = findBytes(dict, key);
  return bytes && lengths.includes(bytes.length) ? bytes : undefined;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are undefined, so that what isn't said isn't there. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

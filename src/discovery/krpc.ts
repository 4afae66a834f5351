/**
 * KRPC messages as they may come from anybody, read strictly: what isn't of the right kind and length is refused here,
 * before the library that speaks KRPC sees it (it throws on a token that is a number). Lists a stranger fills are cut:
 * 8 nodes, 16 values. Only the four methods of BEP 5 are known. Pure. Specs: BEP 5, BEP 42 (`ip`), BEP 43 (`ro`).
 */
import { COMPACT_IPV4_BYTES } from '../announce/compact-peers.ts';
import { decodeDict } from '../bencode/decode.ts';
import {
  findBytes,
  findInt,
  findList,
  getBytes,
  getDict,
  getInt,
  getList,
  getText,
} from '../bencode/fields.ts';
import type { BDict, BInputDict } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';

/** Longest datagram that is read; an honest answer has some hundred bytes. */
export const MAX_DATAGRAM_BYTES = 2048;
/** Nodes that one answer may name to us (BEP 5: 8). More would let one liar hide the honest ones near an info-hash. */
export const MAX_NODES_HEARD = 8;
/** Peers that one answer may name to us. */
export const MAX_VALUES_HEARD = 16;
export const NODE_ID_BYTES = 20;
/** A node in compact form: its id, then its address and port. */
export const COMPACT_NODE_BYTES = NODE_ID_BYTES + COMPACT_IPV4_BYTES;

const MAX_TRANSACTION_BYTES = 20;
const MAX_TOKEN_BYTES = 64;
const LIMITS = { maxBytes: MAX_DATAGRAM_BYTES, maxDepth: 6, maxItems: 512, anyKeyOrder: true };

export interface HeardQuery {
  readonly kind: 'query';
  /** What the answer must repeat. */
  readonly transaction: Uint8Array;
  readonly method: 'ping' | 'find_node' | 'get_peers' | 'announce_peer';
  /** The sender's own id. */
  readonly id: Uint8Array;
  /** It can't be asked (BEP 43). */
  readonly readOnly: boolean;
  /** The method's arguments, without `id`. */
  readonly fields: BInputDict;
}

export interface HeardAnswer {
  readonly kind: 'answer';
  readonly transaction: Uint8Array;
  readonly id: Uint8Array;
  /** Whole compact nodes. */
  readonly nodes: readonly Uint8Array[];
  /** Compact IPv4 peers. */
  readonly values: readonly Uint8Array[];
  readonly token: Uint8Array | undefined;
  /** Our address as the sender sees it, IPv4 only (BEP 42). */
  readonly ourAddress: Uint8Array | undefined;
}

export interface HeardError {
  readonly kind: 'error';
  readonly transaction: Uint8Array;
  readonly code: number;
}

export type Heard = HeardQuery | HeardAnswer | HeardError;

/** Throws ProtocolError for whatever isn't a sound message. */
export function decodeKrpc(datagram: Uint8Array): Heard {
  const message = decodeDict(datagram, LIMITS);
  const transaction = getBytes(message, 't');
  if (transaction.length > MAX_TRANSACTION_BYTES) throw new ProtocolError('"t" is too long');
  switch (getText(message, 'y')) {
    case 'q':
      return { kind: 'query', transaction, readOnly: findInt(message, 'ro') === 1, ...queryOf(message) };
    case 'r':
      return { kind: 'answer', transaction, ...answerOf(message) };
    case 'e': {
      const [code] = getList(message, 'e');
      return { kind: 'error', transaction, code: typeof code === 'number' ? code : 0 };
    }
    default:
      throw new ProtocolError('"y" is none of q, r, e');
  }
}

function queryOf(message: BDict): Pick<HeardQuery, 'method' | 'id' | 'fields'> {
  const method = getText(message, 'q');
  const a = getDict(message, 'a');
  const id = getBytes(a, 'id', NODE_ID_BYTES);
  switch (method) {
    case 'ping':
      return { method, id, fields: {} };
    case 'find_node':
      return { method, id, fields: { target: getBytes(a, 'target', NODE_ID_BYTES) } };
    case 'get_peers':
      return { method, id, fields: { info_hash: getBytes(a, 'info_hash', NODE_ID_BYTES) } };
    case 'announce_peer':
      return { method, id, fields: announcementOf(a) };
    default:
      throw new ProtocolError('unknown method');
  }
}

function announcementOf(a: BDict): BInputDict {
  const implied = findInt(a, 'implied_port') === 1;
  const port = implied ? 0 : getInt(a, 'port', 1, 65535);
  return {
    info_hash: getBytes(a, 'info_hash', NODE_ID_BYTES),
    token: tokenOf(a) ?? missingToken(),
    port,
    implied_port: implied ? 1 : 0,
  };
}

function answerOf(message: BDict): Omit<HeardAnswer, 'kind' | 'transaction'> {
  const r = getDict(message, 'r');
  const nodes = findBytes(r, 'nodes') ?? new Uint8Array();
  const values = (findList(r, 'values') ?? []).filter(
    (value) => value instanceof Uint8Array && value.length === COMPACT_IPV4_BYTES,
  );
  const ip = findBytes(message, 'ip');
  return {
    id: getBytes(r, 'id', NODE_ID_BYTES),
    nodes: chunksOf(nodes, COMPACT_NODE_BYTES, MAX_NODES_HEARD),
    values: values.slice(0, MAX_VALUES_HEARD) as Uint8Array[],
    token: tokenOf(r),
    ourAddress: ip && (ip.length === 4 || ip.length === COMPACT_IPV4_BYTES) ? ip.slice(0, 4) : undefined,
  };
}

function tokenOf(dict: BDict): Uint8Array | undefined {
  const token = findBytes(dict, 'token');
  return token && token.length >= 1 && token.length <= MAX_TOKEN_BYTES ? token : undefined;
}

function missingToken(): never {
  throw new ProtocolError('"token" is missing');
}

/** The first `max` whole chunks. */
export function chunksOf(bytes: Uint8Array, chunkBytes: number, max: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at + chunkBytes <= bytes.length && chunks.length < max; at += chunkBytes) {
    chunks.push(bytes.subarray(at, at + chunkBytes));
  }
  return chunks;
}

/**
 * The 68 bytes that open every peer connection (BEP 3): 19, "BitTorrent protocol", eight reserved bytes, the
 * info-hash, the peer id. Decides whether bytes are such a handshake, as early as they show that they aren't;
 * not whether we know the swarm. Reserved bits we have no name for are kept, so what decodes re-encodes alike.
 */
import { ProtocolError } from '../lib/errors.ts';

export const HANDSHAKE_BYTES = 68;

const PREFIX = new TextEncoder().encode('\x13BitTorrent protocol');
const RESERVED_AT = 20;
const INFO_HASH_AT = 28;
const PEER_ID_AT = 48;

/** What a peer says it speaks, by its bit in the reserved bytes: [byte, mask]. */
const FEATURE_BIT = {
  /** Extension protocol, BEP 10. */
  extended: [5, 0x10],
  /** DHT (PORT messages), BEP 5. */
  dht: [7, 0x01],
  /** Fast extension, BEP 6. */
  fast: [7, 0x04],
  /** BitTorrent v2 upgrade, BEP 52. */
  v2: [7, 0x10],
} as const;
export type Feature = keyof typeof FEATURE_BIT;

export interface Handshake {
  /** 8 bytes; read them with `hasFeature`, make them with `reservedBytes`. */
  readonly reserved: Uint8Array;
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
}

/** The eight reserved bytes that announce `features`. */
export function reservedBytes(...features: readonly Feature[]): Uint8Array {
  const reserved = new Uint8Array(8);
  for (const feature of features) {
    const [byte, mask] = FEATURE_BIT[feature];
    reserved[byte] = (reserved[byte] as number) | mask;
  }
  return reserved;
}

export function hasFeature(reserved: Uint8Array, feature: Feature): boolean {
  const [byte, mask] = FEATURE_BIT[feature];
  return ((reserved[byte] ?? 0) & mask) !== 0;
}

/** 68 bytes. Throws RangeError when a field has the wrong length. */
export function encodeHandshake({ reserved, infoHash, peerId }: Handshake): Uint8Array {
  if (reserved.length !== 8) throw new RangeError('reserved has 8 bytes');
  if (infoHash.length !== 20) throw new RangeError('an info-hash has 20 bytes');
  if (peerId.length !== 20) throw new RangeError('a peer id has 20 bytes');
  const bytes = new Uint8Array(HANDSHAKE_BYTES);
  bytes.set(PREFIX);
  bytes.set(reserved, RESERVED_AT);
  bytes.set(infoHash, INFO_HASH_AT);
  bytes.set(peerId, PEER_ID_AT);
  return bytes;
}

/** Exactly 68 bytes to a handshake that owns its bytes. Throws ProtocolError. */
export function decodeHandshake(bytes: Uint8Array): Handshake {
  if (bytes.length !== HANDSHAKE_BYTES) {
    throw new ProtocolError(`could not read handshake: ${bytes.length} bytes, not ${HANDSHAKE_BYTES}`);
  }
  checkPrefix(bytes);
  return {
    reserved: bytes.slice(RESERVED_AT, INFO_HASH_AT),
    infoHash: bytes.slice(INFO_HASH_AT, PEER_ID_AT),
    peerId: bytes.slice(PEER_ID_AT, HANDSHAKE_BYTES),
  };
}

/** Collects a handshake from the start of a TCP stream, in chunks of any size. */
export class HandshakeReader {
  readonly #bytes = new Uint8Array(HANDSHAKE_BYTES);
  #have = 0;

  /**
   * Undefined while more bytes are needed; then the handshake, and `rest`: what follows it in this chunk (a view,
   * often empty), for the framer. Don't push after that. Throws ProtocolError at the first byte that can't belong
   * to a handshake, so that an HTTP or TLS client is closed at once and not waited for.
   */
  push(chunk: Uint8Array): { handshake: Handshake; rest: Uint8Array } | undefined {
    const taken = Math.min(chunk.length, HANDSHAKE_BYTES - this.#have);
    this.#bytes.set(chunk.subarray(0, taken), this.#have);
    this.#have += taken;
    checkPrefix(this.#bytes.subarray(0, this.#have));
    if (this.#have < HANDSHAKE_BYTES) return undefined;
    return { handshake: decodeHandshake(this.#bytes), rest: chunk.subarray(taken) };
  }
}

function checkPrefix(bytes: Uint8Array): void {
  const length = Math.min(bytes.length, PREFIX.length);
  for (let i = 0; i < length; i += 1) {
    if (bytes[i] !== PREFIX[i]) throw new ProtocolError('could not read handshake: not BitTorrent');
  }
}

/**
 * `ut_pex`, peer exchange: who has been met and who is gone, as one bencoded dictionary an EXTENDED message.
 * Decides what the bytes say and how many of them are read; not whether an address may be dialled or told of (that is
 * swarm/peer-exchange.ts). One field is our own: `s`, the swarm that is meant, blinded as in `hello`, as one connection
 * serves all swarms that both ends share; without it the handshake's is meant, which is what BEP 11 says.
 * Unknown fields are ignored, a known field of a wrong type is a ProtocolError. Spec: BEP 11.
 */
import {
  COMPACT_IPV4_BYTES,
  COMPACT_IPV6_BYTES,
  decodeCompactPeers,
  encodeCompactPeers,
} from '../announce/compact-peers.ts';
import { parseIp } from '../announce/ip-address.ts';
import { decodeDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { findBytes } from '../bencode/fields.ts';
import type { BDict } from '../bencode/value.ts';
import type { HostPort } from '../lib/host-port.ts';

/** The extension's name in the extended handshake (BEP 10 `m`). */
export const PEX_EXTENSION = 'ut_pex';
/** Most peers that a message names as met, both families together, and most that it names as gone (BEP 11). */
export const MAX_PEX_PEERS = 50;
/** Of each field so many are read; other programs' first message may hold more than 50 (BEP 11). */
export const MAX_PEX_READ = 100;
export const MAX_PEX_BYTES = 16 * 1024;

const SWARM_BYTES = 32;
/** Other programs write these, too, and not all sort their keys. */
const LIMITS = { maxBytes: MAX_PEX_BYTES, maxDepth: 4, maxItems: 64, anyKeyOrder: true };

/** Bits of `added.f` (BEP 11). */
export const PexFlag = {
  prefersEncryption: 0x01,
  uploadOnly: 0x02,
  speaksUtp: 0x04,
  speaksHolepunch: 0x08,
  /** The sender dialled it: it can be reached. */
  reachable: 0x10,
} as const;

export interface PexPeer extends HostPort {
  /** Sum of `PexFlag`s; 0 when nothing is said. */
  readonly flags: number;
}

export interface PexMessage {
  /** 32 bytes: the swarm that is meant, blinded (`blindSwarm`); undefined: the handshake's. */
  readonly swarm?: Uint8Array;
  readonly added: readonly PexPeer[];
  readonly dropped: readonly HostPort[];
}

/** The payload, canonical. Throws RangeError when it names too many peers. */
export function encodePex({ swarm, added, dropped }: PexMessage): Uint8Array {
  if (added.length > MAX_PEX_PEERS || dropped.length > MAX_PEX_PEERS)
    throw new RangeError(`could not encode ut_pex: ${added.length} added, ${dropped.length} dropped`);
  const ipv4 = added.filter(({ host }) => parseIp(host)?.length === 4);
  const ipv6 = added.filter(({ host }) => parseIp(host)?.length === 16);
  const gone = encodeCompactPeers(dropped);
  return encode({
    added: encodeCompactPeers(ipv4).peers,
    'added.f': flagsOf(ipv4),
    added6: encodeCompactPeers(ipv6).peers6,
    'added6.f': flagsOf(ipv6),
    dropped: gone.peers,
    dropped6: gone.peers6,
    s: swarm,
  });
}

/** What is beyond the limit of a field is left out. Throws ProtocolError and nothing else. */
export function decodePex(payload: Uint8Array): PexMessage {
  const dict = decodeDict(payload, LIMITS);
  const swarm = findBytes(dict, 's', SWARM_BYTES);
  return {
    ...(swarm && { swarm }),
    added: [
      ...readAdded(dict, 'added', COMPACT_IPV4_BYTES),
      ...readAdded(dict, 'added6', COMPACT_IPV6_BYTES),
    ],
    dropped: [
      ...readPeers(dict, 'dropped', COMPACT_IPV4_BYTES),
      ...readPeers(dict, 'dropped6', COMPACT_IPV6_BYTES),
    ],
  };
}

type PeerBytes = typeof COMPACT_IPV4_BYTES | typeof COMPACT_IPV6_BYTES;

function readPeers(dict: BDict, key: string, bytesPerPeer: PeerBytes): HostPort[] {
  return decodeCompactPeers(findBytes(dict, key) ?? new Uint8Array(0), bytesPerPeer, MAX_PEX_READ);
}

function readAdded(dict: BDict, key: string, bytesPerPeer: PeerBytes): PexPeer[] {
  const flags = findBytes(dict, `${key}.f`);
  return readPeers(dict, key, bytesPerPeer).map((peer, i) => ({ ...peer, flags: flags?.[i] ?? 0 }));
}

function flagsOf(peers: readonly PexPeer[]): Uint8Array {
  return Uint8Array.from(peers, ({ flags }) => flags);
}

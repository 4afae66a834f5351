/**
 * The UDP tracker protocol's requests, for both ends: connect, announce and scrape (BEP 15), and the options behind
 * an announce (BEP 41); answers are in udp-answer.ts. Decides what a datagram says, not whether its connection id
 * holds nor whom to answer. What decodes re-encodes, to the same bytes where they were canonical: whole items, no
 * unknown options, the address field zero. Longer datagrams than expected are read as far as they are understood, as
 * BEP 15 asks. The decoder throws ProtocolError and nothing else; what it gives are copies.
 */
import { ProtocolError } from '../lib/errors.ts';
import {
  ANNOUNCE,
  CONNECT,
  cutShort,
  MAX_U31,
  readU32,
  SCRAPE,
  U32,
  writeU16,
  writeU32,
} from './datagram.ts';
import type { AnnounceEvent, AnnounceRequest, Writable } from './http.ts';
import { MAX_SCRAPE_HASHES } from './scrape.ts';

/** The first 8 bytes of a connect request. */
const PROTOCOL_ID = Uint8Array.of(0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80);
const EVENTS = [undefined, 'completed', 'started', 'stopped'] as const;
/** BEP 21's "paused", which like no event is one of the regular announces. */
const PAUSED = 4;
const END_OF_OPTIONS = 0;
const NOP = 1;
const URL_DATA = 2;

const REQUEST_HEAD_BYTES = 16;
const ANNOUNCE_BYTES = 98;
/** Longest path and query that is sent or looked at. */
const MAX_URL_DATA = 2048;

/** Opaque to the client; 8 bytes. */
export type ConnectionId = Uint8Array;

export interface UdpConnect {
  readonly action: 'connect';
  /** 32 bits without sign, the client's choice; the answer has the same. */
  readonly transactionId: number;
}

export interface UdpAnnounce {
  readonly action: 'announce';
  readonly connectionId: ConnectionId;
  readonly transactionId: number;
  /** Its `key` has 8 hexadecimal digits (32 bits); `trackerId` and `ipv6` have no place in a datagram. */
  readonly announce: AnnounceRequest;
  /** Path and query of the tracker's URL (BEP 41), raw; none when empty. */
  readonly urlData?: Uint8Array;
}

export interface UdpScrape {
  readonly action: 'scrape';
  readonly connectionId: ConnectionId;
  readonly transactionId: number;
  /** 1 to 74, each 20 bytes. */
  readonly infoHashes: readonly Uint8Array[];
}

export type UdpRequest = UdpConnect | UdpAnnounce | UdpScrape;

/** The datagram of a request. Throws RangeError for more than 74 info-hashes, a key of another form, or over-long URL data. */
export function encodeUdpRequest(request: UdpRequest): Uint8Array {
  const { transactionId } = request;
  if (request.action === 'connect') return withHead(PROTOCOL_ID, CONNECT, transactionId, REQUEST_HEAD_BYTES);
  const { connectionId } = request;
  if (request.action === 'announce') return encodeAnnounce(request);
  const { infoHashes } = request;
  if (infoHashes.length < 1 || infoHashes.length > MAX_SCRAPE_HASHES)
    throw new RangeError(`a scrape asks for 1 to ${MAX_SCRAPE_HASHES} info-hashes, not ${infoHashes.length}`);
  const length = REQUEST_HEAD_BYTES + 20 * infoHashes.length;
  const bytes = withHead(connectionId, SCRAPE, transactionId, length);
  for (const [i, infoHash] of infoHashes.entries()) bytes.set(infoHash, REQUEST_HEAD_BYTES + 20 * i);
  return bytes;
}

/** What a client's datagram asks. Throws ProtocolError. */
export function decodeUdpRequest(bytes: Uint8Array): UdpRequest {
  if (bytes.length < REQUEST_HEAD_BYTES) throw cutShort('request');
  const action = readU32(bytes, 8);
  const transactionId = readU32(bytes, 12);
  if (action === CONNECT) {
    if (!PROTOCOL_ID.every((byte, i) => bytes[i] === byte)) throw new ProtocolError('not a connect request');
    return { action: 'connect', transactionId };
  }
  const connectionId = bytes.slice(0, 8);
  if (action === ANNOUNCE) {
    if (bytes.length < ANNOUNCE_BYTES) throw cutShort('announce');
    const urlData = bytes.length > ANNOUNCE_BYTES ? readUrlData(bytes) : undefined;
    const announce = readAnnounce(bytes);
    if (!urlData) return { action: 'announce', connectionId, transactionId, announce };
    return { action: 'announce', connectionId, transactionId, announce, urlData };
  }
  if (action === SCRAPE) {
    const count = Math.floor((bytes.length - REQUEST_HEAD_BYTES) / 20);
    if (count < 1) throw cutShort('scrape');
    if (count > MAX_SCRAPE_HASHES) throw new ProtocolError(`more than ${MAX_SCRAPE_HASHES} info-hashes`);
    const infoHashes = Array.from({ length: count }, (_, i) => {
      const at = REQUEST_HEAD_BYTES + 20 * i;
      return bytes.subarray(at, at + 20);
    });
    return { action: 'scrape', connectionId, transactionId, infoHashes };
  }
  throw new ProtocolError('the action is unknown');
}

function encodeAnnounce({ connectionId, transactionId, announce, urlData }: UdpAnnounce): Uint8Array {
  const { key = '00000000', leftBytes, numWant, event } = announce;
  if (!/^[0-9a-f]{8}$/i.test(key)) throw new RangeError('a key has 8 hexadecimal digits in a datagram');
  const options = encodeUrlData(urlData ?? new Uint8Array(0));
  const bytes = withHead(connectionId, ANNOUNCE, transactionId, ANNOUNCE_BYTES + options.length);
  bytes.set(announce.infoHash, 16);
  bytes.set(announce.peerId, 36);
  writeCount(bytes, 56, announce.downloadedBytes);
  // All ones: not known yet.
  if (leftBytes === undefined) bytes.fill(0xff, 64, 72);
  else writeCount(bytes, 64, leftBytes);
  writeCount(bytes, 72, announce.uploadedBytes);
  writeU32(bytes, 80, EVENTS.indexOf(event));
  // 84: an address for the tracker to believe instead of the socket's; never sent, never read.
  writeU32(bytes, 88, Number.parseInt(key, 16));
  writeU32(bytes, 92, numWant === undefined ? U32 - 1 : Math.min(numWant, MAX_U31));
  writeU16(bytes, 96, announce.port);
  bytes.set(options, ANNOUNCE_BYTES);
  return bytes;
}

function readAnnounce(bytes: Uint8Array): AnnounceRequest {
  const event = readEvent(readU32(bytes, 80));
  const key = readU32(bytes, 88);
  const numWant = readU32(bytes, 92);
  const port = ((bytes[96] as number) << 8) | (bytes[97] as number);
  if (port === 0) throw new ProtocolError('port is not within 1…65535');
  // No spreading of objects and no views here: both cost more than all the rest.
  const request: Writable<AnnounceRequest> = {
    infoHash: bytes.slice(16, 36),
    peerId: bytes.slice(36, 56),
    port,
    uploadedBytes: readCount(bytes, 72),
    downloadedBytes: readCount(bytes, 56),
  };
  const isLeftKnown = readU32(bytes, 64) !== U32 - 1 || readU32(bytes, 68) !== U32 - 1;
  if (isLeftKnown) request.leftBytes = readCount(bytes, 64);
  if (event) request.event = event;
  // Negative: as many as the tracker likes.
  if (numWant <= MAX_U31) request.numWant = numWant;
  if (key !== 0) request.key = key.toString(16).padStart(8, '0');
  return request;
}

function readEvent(code: number): AnnounceEvent | undefined {
  if (code > PAUSED) throw new ProtocolError('event is unknown');
  return EVENTS[code];
}

/** Options that carry `urlData`, 255 bytes each; nothing when it is empty. */
function encodeUrlData(urlData: Uint8Array): Uint8Array {
  if (urlData.length > MAX_URL_DATA)
    throw new RangeError(`more than ${MAX_URL_DATA} bytes of path and query`);
  const options: number[] = [];
  for (let at = 0; at < urlData.length; at += 255) {
    const part = urlData.subarray(at, at + 255);
    options.push(URL_DATA, part.length, ...part);
  }
  return Uint8Array.from(options);
}

/** All URL data behind an announce, joined; unknown options are skipped, and what is cut short isn't read. */
function readUrlData(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let total = 0;
  let at = ANNOUNCE_BYTES;
  while (at < bytes.length) {
    const type = bytes[at] as number;
    if (type === END_OF_OPTIONS) break;
    at += 1;
    if (type === NOP) continue;
    const end = at + 1 + (bytes[at] ?? bytes.length);
    if (end > bytes.length) break;
    if (type === URL_DATA && total < MAX_URL_DATA) {
      const part = bytes.subarray(at + 1, Math.min(end, at + 1 + MAX_URL_DATA - total));
      parts.push(part);
      total += part.length;
    }
    at = end;
  }
  return total > 0 ? new Uint8Array(Buffer.concat(parts)) : undefined;
}

/** `first` is the protocol's or the connection's id. */
function withHead(first: Uint8Array, action: number, transactionId: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(first);
  writeU32(bytes, 8, action);
  writeU32(bytes, 12, transactionId);
  return bytes;
}

/** 64 bits; beyond 2^53 - 1 it is that. */
function readCount(bytes: Uint8Array, at: number): number {
  return Math.min(readU32(bytes, at) * U32 + readU32(bytes, at + 4), Number.MAX_SAFE_INTEGER);
}

function writeCount(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / U32));
  writeU32(bytes, at + 4, value % U32);
}

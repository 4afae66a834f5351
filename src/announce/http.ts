/**
 * The HTTP tracker protocol's announce, for both ends: the query that a client sends and the bencoded answer.
 * BEP 3, 7 (IPv6), 23 (compact peers), 24 (external ip). Decides what the bytes say; a tracker must not believe the addresses in a
 * query, and a client must not dial every address in an answer. Decoders throw ProtocolError and nothing else; their
 * messages may be shown to the other end. An answer's peers stay compact: a tracker builds, and a client filters, many.
 */
import { decodeDict, isDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { asText, findBytes, findInt, getInt } from '../bencode/fields.ts';
import type { BDict, BValue } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import {
  COMPACT_IPV4_BYTES,
  COMPACT_IPV6_BYTES,
  checkCompactPeers,
  decodeCompactPeers,
  encodeCompactPeers,
} from './compact-peers.ts';
import { forEachParameter, percentDecode, percentEncode } from './query.ts';

/** Longest answer that is looked at. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Of a tracker's answer: many trackers don't sort their keys. */
export const ANSWER_LIMITS = { maxBytes: MAX_ANSWER_BYTES, maxDepth: 8, anyKeyOrder: true };
const MAX_TEXT = 500;
const MAX_U31 = 2 ** 31 - 1;

const EVENTS = ['started', 'completed', 'stopped'] as const;
export type AnnounceEvent = (typeof EVENTS)[number];

export interface AnnounceRequest {
  /** 20 bytes each. */
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  /** TCP port on which the peer listens, 1 to 65535. */
  readonly port: number;
  /** Payload since `started`, in bytes. */
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  /** What is still missing; 0 means that the peer has all. */
  readonly leftBytes?: number;
  /** None: one of the regular announces. */
  readonly event?: AnnounceEvent;
  /** Most peers wanted in the answer. */
  readonly numWant?: number;
  /** Proves to the tracker, not to peers, that a peer with a new address is the same. */
  readonly key?: string;
  /** What the tracker's last answer gave. */
  readonly trackerId?: Uint8Array;
  /** The peer's own IPv6 address when it announces over IPv4 (BEP 7). */
  readonly ipv6?: string;
  /** False: the client said that it can't read compact peers (BEP 23). */
  readonly compact?: false;
}

export interface AnnounceAnswer {
  readonly intervalSeconds: number;
  readonly minIntervalSeconds?: number;
  readonly trackerId?: Uint8Array;
  /** Text for the operator; remote. */
  readonly warning?: string;
  /** Peers that have all, and the others. */
  readonly complete?: number;
  readonly incomplete?: number;
  /** Compact, 6 and 18 bytes a peer; `peersOf` reads them. */
  readonly peers: Uint8Array;
  readonly peers6: Uint8Array;
  /** The asker's own address as the tracker sees it (BEP 24), 4 or 16 bytes. */
  readonly externalIp?: Uint8Array;
}

/** The tracker's "failure reason": remote text. */
export interface AnnounceFailure {
  readonly failure: string;
}

/** `trackerUrl` with the announce's parameters behind any that it has itself. */
export function announceUrl(trackerUrl: string, request: AnnounceRequest): string {
  const parameters = [
    `info_hash=${percentEncode(request.infoHash)}`,
    `peer_id=${percentEncode(request.peerId)}`,
    `port=${request.port}`,
    `uploaded=${request.uploadedBytes}`,
    `downloaded=${request.downloadedBytes}`,
  ];
  if (request.leftBytes !== undefined) parameters.push(`left=${request.leftBytes}`);
  parameters.push('compact=1');
  if (request.event) parameters.push(`event=${request.event}`);
  if (request.numWant !== undefined) parameters.push(`numwant=${request.numWant}`);
  if (request.key !== undefined) parameters.push(`key=${percentEncode(Buffer.from(request.key))}`);
  if (request.trackerId) parameters.push(`trackerid=${percentEncode(request.trackerId)}`);
  if (request.ipv6 !== undefined) parameters.push(`ipv6=${percentEncode(Buffer.from(request.ipv6))}`);
  return withQuery(trackerUrl, parameters.join('&'));
}

/** A URL without its fragment and with `query` added to its own. */
export function withQuery(url: string, query: string): string {
  const base = url.replace(/#.*$/s, '');
  return `${base}${base.includes('?') ? '&' : '?'}${query}`;
}

/**
 * What a client asked; its addresses (`ip`, `ipv4`) are not read at all, `ipv6` only as text. Of a parameter that comes
 * more than once the first counts. `no_peer_id` is not looked at, as no answer of ours has peer ids. Throws
 * ProtocolError. In one pass: most of what a busy tracker does is reading these.
 */
export function parseAnnounceQuery(query: string): AnnounceRequest {
  const texts = readAnnounceTexts(query);
  const { left, event = '', numWant, key, trackerId, ipv6 } = texts;
  if (!isEvent(event) && event !== '' && event !== 'empty' && event !== 'paused') {
    throw new ProtocolError('event is unknown');
  }
  const request: Writable<AnnounceRequest> = {
    infoHash: readTwentyBytes(texts.infoHash, 'info_hash'),
    peerId: readTwentyBytes(texts.peerId, 'peer_id'),
    port: readPort(texts.port),
    uploadedBytes: readCount(texts.uploaded ?? '0', 'uploaded'),
    downloadedBytes: readCount(texts.downloaded ?? '0', 'downloaded'),
  };
  if (left !== undefined) request.leftBytes = readCount(left, 'left');
  if (isEvent(event)) request.event = event;
  // Some clients send -1 for "as many as you like".
  if (numWant !== undefined && numWant !== '-1') request.numWant = readCount(numWant, 'numwant');
  if (key !== undefined) request.key = latin1(percentDecode(key)).slice(0, 64);
  if (trackerId !== undefined) request.trackerId = percentDecode(trackerId);
  if (ipv6 !== undefined) request.ipv6 = latin1(percentDecode(ipv6));
  if (texts.compact === '0') request.compact = false;
  return request;
}

/** Of a shape that is being filled. */
export type Writable<T> = { -readonly [name in keyof T]: T[name] };

/** The values of the parameters that mean something, still encoded. */
interface AnnounceTexts {
  infoHash: string | undefined;
  peerId: string | undefined;
  port: string | undefined;
  uploaded: string | undefined;
  downloaded: string | undefined;
  left: string | undefined;
  event: string | undefined;
  numWant: string | undefined;
  key: string | undefined;
  trackerId: string | undefined;
  ipv6: string | undefined;
  compact: string | undefined;
}

function readAnnounceTexts(query: string): AnnounceTexts {
  // All at once: fields of a class are set one by one.
  const texts: AnnounceTexts = {
    infoHash: undefined,
    peerId: undefined,
    port: undefined,
    uploaded: undefined,
    downloaded: undefined,
    left: undefined,
    event: undefined,
    numWant: undefined,
    key: undefined,
    trackerId: undefined,
    ipv6: undefined,
    compact: undefined,
  };
  forEachParameter(query, (name, value) => {
    switch (name) {
      case 'info_hash':
        texts.infoHash ??= value;
        return;
      case 'peer_id':
        texts.peerId ??= value;
        return;
      case 'port':
        texts.port ??= value;
        return;
      case 'uploaded':
        texts.uploaded ??= value;
        return;
      case 'downloaded':
        texts.downloaded ??= value;
        return;
      case 'left':
        texts.left ??= value;
        return;
      case 'event':
        texts.event ??= value;
        return;
      case 'numwant':
        texts.numWant ??= value;
        return;
      case 'key':
        texts.key ??= value;
        return;
      case 'trackerid':
        texts.trackerId ??= value;
        return;
      case 'ipv6':
        texts.ipv6 ??= value;
        return;
      case 'compact':
        texts.compact ??= value;
    }
  });
  return texts;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** The answer's body. To a client that can't read compact peers, `compact` is false: they come as a list (BEP 3). */
export function encodeAnnounceAnswer(answer: AnnounceAnswer | AnnounceFailure, compact = true): Uint8Array {
  if ('failure' in answer) return encode({ 'failure reason': answer.failure });
  const { complete, incomplete, intervalSeconds, minIntervalSeconds, trackerId, warning } = answer;
  if (!compact || trackerId || warning !== undefined) return encodeAnyAnswer(answer, compact);
  const { peers, peers6, externalIp } = answer;
  const seen = externalIp ? `11:external ip${externalIp.length}:${String.fromCharCode(...externalIp)}` : '';
  const counts = `${number('complete', complete)}${seen}${number('incomplete', incomplete)}`;
  const intervals = `${number('interval', intervalSeconds)}${number('min interval', minIntervalSeconds)}`;
  const before = `d${counts}${intervals}5:peers${peers.length}:`;
  const between = peers6.length > 0 ? `6:peers6${peers6.length}:` : '';
  const body = Buffer.allocUnsafe(before.length + peers.length + between.length + peers6.length + 1);
  let at = body.write(before, 0, 'latin1');
  body.set(peers, at);
  at += peers.length;
  if (between) {
    at += body.write(between, at, 'latin1');
    body.set(peers6, at);
  }
  body[body.length - 1] = 0x65;
  return body;
}

function number(name: string, value: number | undefined): string {
  return value === undefined ? '' : `${name.length}:${name}i${value}e`;
}

function encodeAnyAnswer(answer: AnnounceAnswer, compact: boolean): Uint8Array {
  const listed = () =>
    peersOf(answer, Number.POSITIVE_INFINITY).map(({ host, port }) => ({ ip: Buffer.from(host), port }));
  return encode({
    interval: answer.intervalSeconds,
    'min interval': answer.minIntervalSeconds,
    'tracker id': answer.trackerId,
    'warning message': answer.warning,
    complete: answer.complete,
    'external ip': answer.externalIp,
    incomplete: answer.incomplete,
    peers: compact ? answer.peers : listed(),
    peers6: compact && answer.peers6.length > 0 ? answer.peers6 : undefined,
  });
}

/** Reads both forms of `peers`: compact, and the list of dictionaries, whose names (not addresses) are left out. */
export function decodeAnnounceAnswer(body: Uint8Array): AnnounceAnswer | AnnounceFailure {
  const dict = decodeDict(body, ANSWER_LIMITS);
  const failure = findRemoteText(dict, 'failure reason');
  if (failure !== undefined) return { failure };
  const minIntervalSeconds = findInt(dict, 'min interval', 0, MAX_U31);
  const trackerId = findBytes(dict, 'tracker id');
  const warning = findRemoteText(dict, 'warning message');
  const complete = findInt(dict, 'complete');
  const incomplete = findInt(dict, 'incomplete');
  const externalIp = findBytes(dict, 'external ip');
  const { peers, listed6 } = readPeers(Object.hasOwn(dict, 'peers') ? dict.peers : undefined);
  const peers6 = findBytes(dict, 'peers6') ?? listed6;
  checkCompactPeers(peers6, COMPACT_IPV6_BYTES);
  return {
    intervalSeconds: getInt(dict, 'interval', 0, MAX_U31),
    ...(minIntervalSeconds !== undefined && { minIntervalSeconds }),
    ...(trackerId && { trackerId }),
    ...(warning !== undefined && { warning }),
    ...(complete !== undefined && { complete }),
    ...(incomplete !== undefined && { incomplete }),
    peers,
    peers6,
    ...((externalIp?.length === 4 || externalIp?.length === 16) && { externalIp }),
  };
}

/** The peers of an answer, both families in turn, at most `max`. */
export function peersOf({ peers, peers6 }: AnnounceAnswer, max: number): HostPort[] {
  const ipv4 = decodeCompactPeers(peers, COMPACT_IPV4_BYTES, max);
  const ipv6 = decodeCompactPeers(peers6, COMPACT_IPV6_BYTES, max);
  const mixed: HostPort[] = [];
  for (let i = 0; i < Math.max(ipv4.length, ipv6.length); i += 1) {
    for (const peer of [ipv4[i], ipv6[i]]) if (peer) mixed.push(peer);
  }
  return mixed.slice(0, max);
}

/** The 20 bytes of a parameter, as every announce and scrape has them. Throws ProtocolError. */
export function twentyBytes(
  parameters: ReadonlyMap<string, readonly Uint8Array[]>,
  name: string,
): Uint8Array {
  const value = parameters.get(name)?.[0];
  if (!value) throw new ProtocolError(`${name} is missing`);
  if (value.length !== 20) throw new ProtocolError(`${name} has ${value.length} bytes, not 20`);
  return value;
}

function readPeers(value: BValue | undefined): { peers: Uint8Array; listed6: Uint8Array } {
  const none = new Uint8Array(0);
  if (value === undefined) return { peers: none, listed6: none };
  if (value instanceof Uint8Array) {
    checkCompactPeers(value, COMPACT_IPV4_BYTES);
    return { peers: value, listed6: none };
  }
  if (!Array.isArray(value)) throw new ProtocolError('"peers" is neither a byte string nor a list');
  const { peers, peers6 } = encodeCompactPeers((value as readonly BValue[]).map(readListedPeer));
  return { peers, listed6: peers6 };
}

function readListedPeer(item: BValue): HostPort {
  if (!isDict(item)) throw new ProtocolError('"peers" holds something else than dictionaries');
  const ip = Object.hasOwn(item, 'ip') ? item.ip : undefined;
  return { host: asText(ip, 'ip'), port: getInt(item, 'port', 0, 65535) };
}

function findRemoteText(dict: BDict, key: string): string | undefined {
  const bytes = findBytes(dict, key);
  return bytes && new TextDecoder().decode(bytes.subarray(0, MAX_TEXT));
}

function isEvent(text: string): text is AnnounceEvent {
  return (EVENTS as readonly string[]).includes(text);
}

/** Twenty bytes from percent-encoded text. Throws ProtocolError. */
function readTwentyBytes(text: string | undefined, name: string): Uint8Array {
  if (text === undefined) throw new ProtocolError(`${name} is missing`);
  const value = percentDecode(text);
  if (value.length !== 20) throw new ProtocolError(`${name} has ${value.length} bytes, not 20`);
  return value;
}

function readPort(text: string | undefined): number {
  if (text === undefined) throw new ProtocolError('port is missing');
  const port = readCount(text, 'port');
  if (port < 1 || port > 65535) throw new ProtocolError('port is not within 1…65535');
  return port;
}

/** Digits only; beyond 2^53 - 1 it is that, as some clients count in 64 bits. */
function readCount(text: string, name: string): number {
  if (text.length < 1 || text.length > 20) throw notANumber(name);
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) throw notANumber(name);
    value = value * 10 + digit;
  }
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

function notANumber(name: string): ProtocolError {
  return new ProtocolError(`${name} is not a number`);
}

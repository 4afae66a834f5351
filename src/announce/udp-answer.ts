/**
 * The UDP tracker protocol's answers, for both ends (BEP 15): to connect, announce and scrape, and errors; requests
 * are in udp.ts. Peers have 6 or 18 bytes by the family of the socket that carried the datagram, which therefore must
 * be told. What decodes re-encodes to the same bytes when it held whole items. Whether the transaction id is one's own
 * is the client's to check. The decoder throws ProtocolError and nothing else; what it gives are copies.
 */
import { ProtocolError } from '../lib/errors.ts';
import { COMPACT_IPV4_BYTES, COMPACT_IPV6_BYTES, checkCompactPeers } from './compact-peers.ts';
import { ANNOUNCE, CONNECT, cutShort, ERROR, MAX_U31, readU32, SCRAPE, writeU32 } from './datagram.ts';
import type { AnnounceAnswer } from './http.ts';
import { MAX_SCRAPE_HASHES, type ScrapeEntry } from './scrape.ts';
import type { ConnectionId } from './udp.ts';

const HEAD_BYTES = 8;
/** Of an announce's answer, without its peers. */
export const ANNOUNCE_ANSWER_HEAD_BYTES = 20;
const SCRAPE_COUNT_BYTES = 12;
/** Characters of an error that are kept. */
const MAX_TEXT = 500;

export type ScrapeCounts = Omit<ScrapeEntry, 'infoHash'>;

export type UdpAnswer =
  | { readonly action: 'connect'; readonly transactionId: number; readonly connectionId: ConnectionId }
  | { readonly action: 'announce'; readonly transactionId: number; readonly answer: AnnounceAnswer }
  /** The counts in the order of the info-hashes asked for; they may be fewer. */
  | { readonly action: 'scrape'; readonly transactionId: number; readonly counts: readonly ScrapeCounts[] }
  /** Remote text. */
  | { readonly action: 'error'; readonly transactionId: number; readonly failure: string };

/** The datagram of an answer. Of an announce's answer the socket's family decides which peers are sent. */
export function encodeUdpAnswer(answer: UdpAnswer, family: 4 | 6): Uint8Array {
  const { transactionId } = answer;
  switch (answer.action) {
    case 'connect': {
      const bytes = withHead(CONNECT, transactionId, HEAD_BYTES + 8);
      bytes.set(answer.connectionId, HEAD_BYTES);
      return bytes;
    }
    case 'announce': {
      const { intervalSeconds, complete = 0, incomplete = 0, peers, peers6 } = answer.answer;
      const given = family === 4 ? peers : peers6;
      const bytes = withHead(ANNOUNCE, transactionId, ANNOUNCE_ANSWER_HEAD_BYTES + given.length);
      writeU32(bytes, 8, intervalSeconds);
      writeU32(bytes, 12, incomplete);
      writeU32(bytes, 16, complete);
      bytes.set(given, ANNOUNCE_ANSWER_HEAD_BYTES);
      return bytes;
    }
    case 'scrape': {
      const length = HEAD_BYTES + SCRAPE_COUNT_BYTES * answer.counts.length;
      const bytes = withHead(SCRAPE, transactionId, length);
      answer.counts.forEach(({ complete, downloaded, incomplete }, i) => {
        const at = HEAD_BYTES + SCRAPE_COUNT_BYTES * i;
        writeU32(bytes, at, complete);
        writeU32(bytes, at + 4, downloaded);
        writeU32(bytes, at + 8, incomplete);
      });
      return bytes;
    }
    case 'error': {
      const text = new TextEncoder().encode(answer.failure);
      const bytes = withHead(ERROR, transactionId, HEAD_BYTES + text.length);
      bytes.set(text, HEAD_BYTES);
      return bytes;
    }
  }
}

/** What a tracker's datagram says; `family` is that of the socket. Throws ProtocolError. */
export function decodeUdpAnswer(bytes: Uint8Array, family: 4 | 6): UdpAnswer {
  if (bytes.length < HEAD_BYTES) throw cutShort('answer');
  const action = readU32(bytes, 0);
  const transactionId = readU32(bytes, 4);
  switch (action) {
    case CONNECT:
      if (bytes.length < 16) throw cutShort('answer to connect');
      return { action: 'connect', transactionId, connectionId: bytes.slice(8, 16) };
    case ANNOUNCE:
      return { action: 'announce', transactionId, answer: readAnswer(bytes, family) };
    case SCRAPE: {
      const count = Math.floor((bytes.length - HEAD_BYTES) / SCRAPE_COUNT_BYTES);
      const counts = Array.from({ length: Math.min(count, MAX_SCRAPE_HASHES) }, (_, i) => {
        const at = HEAD_BYTES + SCRAPE_COUNT_BYTES * i;
        return {
          complete: readU32(bytes, at),
          downloaded: readU32(bytes, at + 4),
          incomplete: readU32(bytes, at + 8),
        };
      });
      return { action: 'scrape', transactionId, counts };
    }
    case ERROR: {
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(HEAD_BYTES));
      return { action: 'error', transactionId, failure: text.slice(0, MAX_TEXT).toWellFormed() };
    }
    default:
      throw new ProtocolError('the action is unknown');
  }
}

function readAnswer(bytes: Uint8Array, family: 4 | 6): AnnounceAnswer {
  if (bytes.length < ANNOUNCE_ANSWER_HEAD_BYTES) throw cutShort('answer to announce');
  const intervalSeconds = readU32(bytes, 8);
  if (intervalSeconds > MAX_U31) throw new ProtocolError('the interval is negative');
  const peers = bytes.slice(ANNOUNCE_ANSWER_HEAD_BYTES);
  checkCompactPeers(peers, family === 4 ? COMPACT_IPV4_BYTES : COMPACT_IPV6_BYTES);
  const none = new Uint8Array(0);
  return {
    intervalSeconds,
    complete: readU32(bytes, 16),
    incomplete: readU32(bytes, 12),
    peers: family === 4 ? peers : none,
    peers6: family === 6 ? peers : none,
  };
}

function withHead(action: number, transactionId: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  writeU32(bytes, 0, action);
  writeU32(bytes, 4, transactionId);
  return bytes;
}

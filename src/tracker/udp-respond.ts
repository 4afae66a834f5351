/**
 * A datagram's answer, without a socket (BEP 15): connect, announce and scrape. Who has not proved its address by a
 * connection id gets nothing, but for a connect, whose answer is as long as the request; what is no request gets
 * nothing, either. So nobody gets more than was sent to us without having proved its address. An answer fits one
 * unfragmented datagram.
 */

import { decodeUdpRequest, type UdpRequest } from '../announce/udp.ts';
import { ANNOUNCE_ANSWER_HEAD_BYTES, encodeUdpAnswer } from '../announce/udp-answer.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { ConnectionIds } from './connection-ids.ts';
import { failureOf } from './respond.ts';
import type { AnnounceRoom, Origin, Tracker } from './tracker.ts';

/** The 1,280 bytes that IPv6 carries whole everywhere (RFC 8200 §5), less the headers of IPv6 and UDP. */
export const MAX_ANSWER_BYTES = 1232;

const ROOMS: Readonly<Record<4 | 6, AnnounceRoom>> = { 4: roomOf(6), 6: roomOf(18) };

/** The answer's bytes; undefined when there is none. */
export function respondToDatagram(
  tracker: Tracker,
  ids: ConnectionIds,
  bytes: Uint8Array,
  from: Origin,
): Uint8Array | undefined {
  const { address } = from;
  const family = address.length === 4 ? 4 : 6;
  const request = findRequest(bytes);
  if (!request) return undefined;
  const { transactionId } = request;
  if (request.action === 'connect') {
    const connectionId = ids.issue(address, tracker.nowSeconds);
    return encodeUdpAnswer({ action: 'connect', transactionId, connectionId }, family);
  }
  if (!ids.isValid(request.connectionId, address, tracker.nowSeconds)) return undefined;
  try {
    if (request.action === 'announce') {
      const answer = tracker.announce(request.announce, from, ROOMS[family]);
      return encodeUdpAnswer({ action: 'announce', transactionId, answer }, family);
    }
    return encodeUdpAnswer(
      { action: 'scrape', transactionId, counts: tracker.scrape(request.infoHashes) },
      family,
    );
  } catch (error) {
    tracker.countRefused();
    return encodeUdpAnswer({ action: 'error', transactionId, ...failureOf(error) }, family);
  }
}

function findRequest(bytes: Uint8Array): UdpRequest | undefined {
  try {
    return decodeUdpRequest(bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function roomOf(bytesPerPeer: number): AnnounceRoom {
  const maxPeers = Math.floor((MAX_ANSWER_BYTES - ANNOUNCE_ANSWER_HEAD_BYTES) / bytesPerPeer);
  return { maxPeers, transport: 'udp' };
}

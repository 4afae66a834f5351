/**
 * What a peer says of itself in extended handshakes, of which there may be several, and what we say of ourselves. What is
 * left out of a later one stays as it was. Throws ProtocolError. Pure. Source: BEP 10, 9 (metadata_size), 21 (upload_only).
 */
import { parseIp } from '../announce/ip-address.ts';
import { ProtocolError } from '../lib/errors.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import {
  decodeExtendedHandshake,
  EXTENDED_HANDSHAKE_ID,
  type ExtendedHandshake,
  encodeExtendedHandshake,
} from '../wire/extended.ts';
import { encodeExtended } from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import { type Extension, OUR_ID, type PeerHost } from './peer-host.ts';
import { REQUEST_QUEUE } from './request-queue.ts';

/** Nobody needs many of them, a connection. */
const MAX_EXTENDED_HANDSHAKES = 16;

export class PeerIntroduction {
  /** Made safe to print; empty until it has introduced itself. */
  client = '';
  listenPort: number | undefined;
  metadataBytes: number | undefined;
  isUploadOnly = false;
  #theirIds: ReadonlyMap<string, number> = new Map();
  #count = 0;

  /** Its number for an extension; undefined when it doesn't speak it. */
  idOf(extension: Extension): number | undefined {
    return this.#theirIds.get(extension) || undefined;
  }

  heard(payload: Uint8Array): ExtendedHandshake {
    this.#count += 1;
    if (this.#count > MAX_EXTENDED_HANDSHAKES) throw new ProtocolError('introduces itself again and again');
    const theirs = decodeExtendedHandshake(payload);
    const ids = new Map(this.#theirIds);
    for (const [name, theirId] of theirs.extensions) if (Object.hasOwn(OUR_ID, name)) ids.set(name, theirId);
    this.#theirIds = ids;
    this.client = quoteRemote(theirs.client ?? this.client, 64);
    this.listenPort = theirs.port ?? this.listenPort;
    this.metadataBytes = theirs.metadataSizeBytes ?? this.metadataBytes;
    this.isUploadOnly = theirs.uploadOnly ?? this.isUploadOnly;
    return theirs;
  }
}

/** The message that we send to a peer at `address`. */
export function ourIntroduction(host: PeerHost, address: string): Uint8Array {
  const { client, metadataBytes, isUploadOnly, speaksExchange } = host;
  const port = host.portFor(address);
  const yourIp = parseIp(address);
  const names = Object.entries(OUR_ID).filter(([name]) => name !== PEX_EXTENSION || speaksExchange);
  const payload = encodeExtendedHandshake({
    extensions: new Map(names),
    client,
    requestQueue: REQUEST_QUEUE,
    ...(port !== undefined && { port }),
    ...(yourIp && { yourIp }),
    ...(isUploadOnly && { uploadOnly: true }),
    ...(metadataBytes !== undefined && { metadataSizeBytes: metadataBytes }),
  });
  return encodeExtended(EXTENDED_HANDSHAKE_ID, payload);
}

/**
 * How two nodes get to know each other on a connection: handshake (BEP 3), extended handshake (BEP 10), `hello`; and
 * ut_metadata (BEP 9), which tells of the handshake's swarm. It decides whether the other is in a swarm of ours and
 * speaks what is needed, which extensions have which numbers, and which swarms both are in; what is said afterwards
 * is Peer's. An invariant: no info-hash is disclosed that the other hasn't shown to know. docs/protocol.md "Connections".
 */
import { parseIp } from '../announce/ip-address.ts';
import { ProtocolError } from '../lib/errors.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { infoHashFromBytes, infoHashToBytes, parseInfoHash } from '../torrent/info-hash.ts';
import {
  ARCHIVE_EXTENSION,
  ARCHIVE_VERSION,
  type ArchiveMessage,
  blindSwarm,
  encodeArchiveMessage,
  MAX_HELLO_SWARMS,
} from '../wire/archive-ext.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  EXTENDED_HANDSHAKE_ID,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  METADATA_PIECE_BYTES,
} from '../wire/extended.ts';
import {
  encodeHandshake,
  type Handshake,
  HandshakeReader,
  hasFeature,
  reservedBytes,
} from '../wire/handshake.ts';
import { encodeExtended, encodeHaveNone, MAX_REQUEST_BYTES } from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import type { PeerNode } from './peer-node.ts';
import { REQUEST_QUEUE } from './upload-queue.ts';

/** Our numbers for the extensions (BEP 10). */
export const OUR_ID = { [ARCHIVE_EXTENSION]: 1, ut_metadata: 2, lt_donthave: 3, [PEX_EXTENSION]: 4 } as const;

/** Extended handshakes and hellos of one connection together: each is looked into. A node says a handful. */
const MAX_INTRODUCTIONS = 256;

export interface IntroductionHost {
  /** Who dialled us names no archive of ours, but perhaps something else. True: it is that other's from now on. */
  isForOther(handshake: Handshake): boolean;
  /** The other's address. */
  readonly remoteHost: string;
  send(bytes: Uint8Array): void;
  /** The handshake is right. False: the connection isn't wanted, and is closed by now. */
  shaken(): boolean;
  /** We have said who we are. */
  introduced(): void;
  /** The other has answered our first words after so long. */
  roundTrip(ms: number): void;
}

export class Introduction {
  /** The other's peer id; empty before its handshake. */
  peerId: Uint8Array = new Uint8Array(0);
  client = '';
  /** Where it listens, by its own word. */
  listenPort: number | undefined;
  readonly #node: PeerNode;
  readonly #host: IntroductionHost;
  /** Until the other's handshake is here. */
  #reader: HandshakeReader | undefined = new HandshakeReader();
  readonly #isDialled: boolean;
  /** The handshake's. */
  #swarm: string;
  #isShaken = false;
  /** When our handshake went out, until it is answered. */
  #saidMs: number | undefined;
  /** It has said that it looks for nothing (BEP 21), and hasn't shown otherwise. */
  isUploadOnly = false;
  /** It speaks the fast extension (BEP 6), without which dt_archive isn't spoken. */
  #isFast = false;
  #introductions = 0;
  /** Our swarms aren't what it was told, or it was told nothing yet. */
  #isHelloDue = true;
  #theirIds: Partial<Record<keyof typeof OUR_ID, number>> = {};
  #theirBlind: readonly string[] = [];
  /** What stands for our swarms on this connection, in hexadecimal, by info-hash. */
  readonly #blinded = new Map<string, string>();
  #shared = new Set<string>();

  /** `dialled`: the info-hash to ask for; undefined when the other dialled us. */
  constructor(node: PeerNode, dialled: string | undefined, host: IntroductionHost) {
    this.#node = node;
    this.#host = host;
    this.#isDialled = dialled !== undefined;
    this.#swarm = dialled ?? '';
  }

  get isShaken(): boolean {
    return this.#isShaken;
  }

  /** The handshake's info-hash. */
  get swarm(): string {
    return this.#swarm;
  }

  /** Info-hashes that both are in. */
  get shared(): ReadonlySet<string> {
    return this.#shared;
  }

  /** The other's number for an extension; undefined when it doesn't speak it (or no longer). */
  idOf(extension: keyof typeof OUR_ID): number | undefined {
    return this.#theirIds[extension] || undefined;
  }

  /** How a swarm is named to the other without disclosing it (docs/protocol.md "hello"), in hexadecimal. */
  blind(infoHash: string): string {
    let blinded = this.#blinded.get(infoHash);
    if (blinded === undefined) {
      blinded = blindSwarm(Buffer.from(infoHash, 'hex'), this.#node.peerId, this.peerId).toHex();
      this.#blinded.set(infoHash, blinded);
    }
    return blinded;
  }

  sendHandshake(): void {
    const infoHash = parseInfoHash(this.#swarm);
    if (!infoHash) throw new RangeError('not an info-hash');
    const { peerId } = this.#node;
    const reserved = reservedBytes('extended', 'fast');
    this.#saidMs = this.#node.clock.nowMs();
    this.#host.send(encodeHandshake({ reserved, infoHash: infoHashToBytes(infoHash), peerId }));
  }

  /** Bytes before the handshake is done; those beyond it come back. Throws ProtocolError. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const done = this.#reader?.push(chunk);
    if (!done) return undefined;
    this.#reader = undefined;
    if (this.#isForOther(done.handshake)) return done.rest;
    this.#handshake(done.handshake);
    return done.rest;
  }

  /** The other's extended handshake, each time it comes; the first is answered by hello. Throws ProtocolError. */
  extendedHandshake(payload: Uint8Array): void {
    this.#count();
    this.#wasAnswered();
    const theirs = decodeExtendedHandshake(payload);
    // Only those that we speak, too: it may name a thousand.
    const known = [...theirs.extensions].filter(([name]) => Object.hasOwn(OUR_ID, name));
    this.#theirIds = Object.fromEntries(known);
    this.client = quoteRemote(theirs.client ?? '', 64);
    this.listenPort = theirs.port;
    this.isUploadOnly = theirs.uploadOnly ?? false;
    if (theirs.yourIp) this.#node.sawUs(theirs.yourIp, this.#host.remoteHost);
    if (this.#isHelloDue) this.sendHello();
  }

  /** Says which swarms we are in: now, or as soon as the other speaks dt_archive. */
  sendHello(): void {
    const id = this.#isFast ? this.idOf(ARCHIVE_EXTENSION) : undefined;
    this.#isHelloDue = id === undefined;
    if (id === undefined) return;
    const swarms = [...this.#node.ownSwarms().keys()]
      .slice(0, MAX_HELLO_SWARMS)
      .map((infoHash) => new Uint8Array(Buffer.from(this.blind(infoHash), 'hex')));
    const hello: ArchiveMessage = {
      kind: 'hello',
      version: ARCHIVE_VERSION,
      maxRequestBytes: MAX_REQUEST_BYTES,
      swarms,
    };
    this.#host.send(encodeExtended(id, encodeArchiveMessage(hello)));
  }

  /** The other's hello. Throws ProtocolError. */
  heardHello(blindSwarms: readonly Uint8Array[]): void {
    this.#count();
    if (!this.#isFast) throw new ProtocolError('speaks dt_archive without the fast extension (BEP 6)');
    this.#theirBlind = blindSwarms.map((s) => s.toHex());
  }

  /** Compares our swarms with what the other said. True when both are in one that they weren't both in before. */
  compareSwarms(): boolean {
    const shared = new Set<string>();
    for (const infoHash of this.#node.ownSwarms().keys()) {
      if (infoHash === this.#swarm || this.#theirBlind.includes(this.blind(infoHash))) shared.add(infoHash);
    }
    const grown = [...shared].some((s) => !this.#shared.has(s));
    this.#shared = shared;
    return grown;
  }

  /** ut_metadata: requests are answered with the info dictionary of the handshake's swarm. Throws ProtocolError. */
  metadata(payload: Uint8Array): void {
    const message = decodeMetadataMessage(payload);
    const id = this.idOf('ut_metadata');
    if (message?.type !== 'request' || !id) return;
    const info = this.#node.ownSwarms().get(this.#swarm)?.info ?? new Uint8Array(0);
    const from = message.piece * METADATA_PIECE_BYTES;
    const { piece } = message;
    const answer =
      from < info.length
        ? encodeMetadataMessage({
            type: 'data',
            piece,
            totalSizeBytes: info.length,
            bytes: info.subarray(from, from + METADATA_PIECE_BYTES),
          })
        : encodeMetadataMessage({ type: 'reject', piece });
    this.#host.send(encodeExtended(id, answer));
  }

  #isForOther(handshake: Handshake): boolean {
    const isOurs = this.#isDialled || this.#node.ownSwarms().has(handshake.infoHash.toHex());
    return !isOurs && this.#host.isForOther(handshake);
  }

  #handshake(handshake: Handshake): void {
    const infoHash = infoHashFromBytes(handshake.infoHash) as string;
    if (this.#isDialled ? infoHash !== this.#swarm : !this.#node.ownSwarms().has(infoHash)) {
      throw new ProtocolError('not in a swarm of ours');
    }
    if (!hasFeature(handshake.reserved, 'extended'))
      throw new ProtocolError('does not speak extensions (BEP 10)');
    this.#swarm = infoHash;
    this.peerId = handshake.peerId;
    this.#isShaken = true;
    this.#isFast = hasFeature(handshake.reserved, 'fast');
    this.#shared.add(infoHash);
    if (this.#isDialled) this.#wasAnswered();
    else this.sendHandshake();
    if (!this.#host.shaken()) return;
    if (this.#isFast) this.#host.send(encodeHaveNone());
    this.#sendExtendedHandshake();
    this.#host.introduced();
  }

  #sendExtendedHandshake(): void {
    const { client, wants } = this.#node;
    const { remoteHost } = this.#host;
    const port = this.#node.portFor(remoteHost);
    const yourIp = parseIp(remoteHost);
    const info = this.#node.ownSwarms().get(this.#swarm)?.info;
    const payload = encodeExtendedHandshake({
      extensions: new Map(Object.entries(OUR_ID)),
      client,
      requestQueue: REQUEST_QUEUE,
      ...(port !== undefined && { port }),
      ...(yourIp && { yourIp }),
      ...(!wants.areOpen && { uploadOnly: true }),
      ...(info && info.length > 0 && { metadataSizeBytes: info.length }),
    });
    this.#host.send(encodeExtended(EXTENDED_HANDSHAKE_ID, payload));
  }

  #wasAnswered(): void {
    if (this.#saidMs === undefined) return;
    this.#host.roundTrip(this.#node.clock.nowMs() - this.#saidMs);
    this.#saidMs = undefined;
  }

  #count(): void {
    this.#introductions += 1;
    if (this.#introductions > MAX_INTRODUCTIONS) throw new ProtocolError('introduces itself again and again');
  }
}

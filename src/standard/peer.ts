/**
 * The dialogue with one peer of a standard swarm, from the handshake to close. It decides what a message means here and
 * now; the bytes are PeerLine's, what the peer has SaidPieces', what it owes us OwedBlocks'; what to ask it for, and
 * whether it is unchoked, is the torrent's (PeerHost). Handlers are synchronous. A ProtocolError closes the connection.
 * Specs: BEP 3, 6 (fast), 10 (extensions), 11 (ut_pex), 21 (upload_only), 52 (hash messages), 54 (lt_donthave).
 */
import { ProtocolError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { isLanAddress } from '../swarm/address.ts';
import type { Link } from '../swarm/link.ts';
import { EXTENDED_HANDSHAKE_ID } from '../wire/extended.ts';
import type { FramerSink } from '../wire/framer.ts';
import { encodeHandshake, type Handshake, hasFeature, reservedBytes } from '../wire/handshake.ts';
import {
  BLOCK_BYTES,
  type BlockRef,
  encodeBitfield,
  encodeChoke,
  encodeExtended,
  encodeHave,
  encodeHaveAll,
  encodeHaveNone,
  encodeInterested,
  encodeMessage,
  encodeReject,
  encodeUnchoke,
  type Message,
} from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import { readU32 } from '../wire/u32.ts';
import type { Bitfield } from './bitfield.ts';
import type { ChokeTaker } from './choker.ts';
import type { Giver, Work } from './downloads.ts';
import { OwedBlocks } from './owed-blocks.ts';
import { type Extension, OUR_ID, type PeerHost } from './peer-host.ts';
import { ourIntroduction, PeerIntroduction } from './peer-introduction.ts';
import { PeerLine } from './peer-line.ts';
import { RequestQueue } from './request-queue.ts';
import { SaidPieces } from './said-pieces.ts';
import type { UploadTaker } from './uploads.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_ALLOWED_FAST = 64;

export interface PeerOptions {
  readonly link: Link;
  /** 20 bytes: what to ask for. Undefined when the other dialled us. */
  readonly dialled?: Uint8Array;
  /** What the other has sent so far, when it dialled us. */
  readonly came?: { readonly handshake: Handshake; readonly rest: Uint8Array };
}

export class Peer implements FramerSink, Giver, ChokeTaker, UploadTaker {
  readonly link: Link;
  readonly dialled: boolean;
  readonly isNear: boolean;
  readonly connectedMs: number;
  readonly requests = new RequestQueue();
  bytesUp = 0;
  /** By us. */
  isChoked = true;
  isInterested = false;
  /** By it. */
  isChoking = true;
  amInterested = false;
  turnedMs: number;
  givenBytes = 0;
  id: Uint8Array = new Uint8Array(0);
  /** By which the one dialled the other, in hexadecimal; the answer may have been the v2 one (BEP 52). */
  infoHash = '';
  isFast = false;
  isV2 = false;
  /** Pieces that it has and we don't. */
  useful = 0;
  readonly #host: PeerHost;
  readonly #line: PeerLine;
  readonly #asked: Uint8Array | undefined;
  #isShaken = false;
  readonly #introduction = new PeerIntroduction();
  readonly #pieces: SaidPieces;
  readonly #blocks: OwedBlocks;
  readonly #allowed = new Set<number>();

  constructor(host: PeerHost, { link, dialled, came }: PeerOptions) {
    this.#host = host;
    this.link = link;
    this.dialled = dialled !== undefined;
    this.isNear = isLanAddress(link.remote.host);
    this.#asked = dialled;
    this.connectedMs = host.clock.nowMs();
    this.turnedMs = this.connectedMs;
    this.#pieces = new SaidPieces(this.connectedMs);
    const blocks = new OwedBlocks({
      clock: host.clock,
      send: (bytes) => this.send(bytes),
      downloaded: (bytes) => host.downloaded(this, bytes),
      received: (receipt) => host.received(this, receipt),
      lost: (work, block) => host.lost(this, work, block),
    });
    this.#blocks = blocks;
    const { clock, downloadBucket } = host;
    const owner = {
      get awaitedBytes() {
        return blocks.count * BLOCK_BYTES;
      },
      shook: (handshake: Handshake) => this.#shook(handshake),
      drained: () => host.uploadsDrained(this),
      gone: (reason: string) => this.#gone(reason),
    };
    this.#line = new PeerLine({ link, clock, downloadBucket, owner, sink: this });
    this.#line.open();
    if (dialled) this.#sendHandshake(dialled);
    if (came) this.#line.begin(came.handshake, came.rest);
  }

  get address(): string {
    return this.link.remote.host;
  }

  get isClosed(): boolean {
    return this.#line.isClosed;
  }

  /** It has shaken hands, and may stay. */
  get isReady(): boolean {
    return this.#isShaken && !this.isClosed;
  }

  get isSeed(): boolean {
    return this.pieces?.isFull ?? false;
  }

  /** What it has; undefined while we don't know how many pieces there are. */
  get pieces(): Bitfield | undefined {
    return this.#pieces.known;
  }

  get unsentBytes(): number {
    return this.#line.unsentBytes;
  }

  get outstanding(): number {
    return this.#blocks.count;
  }

  get bytesDown(): number {
    return this.#blocks.bytesDown;
  }

  /** It owes us blocks and sends none. */
  get isSnubbing(): boolean {
    return this.#blocks.isSnubbing;
  }

  get bytesPerSecond(): number {
    return this.#blocks.bytesPerSecond;
  }

  get client(): string {
    return this.#introduction.client;
  }

  /** What it says that the info dictionary's length is. */
  get metadataBytes(): number | undefined {
    return this.#introduction.metadataBytes;
  }

  get isUploadOnly(): boolean {
    return this.#introduction.isUploadOnly;
  }

  /** Where it listens, as far as it says so. */
  get listensAt(): HostPort | undefined {
    if (this.dialled) return this.link.remote;
    const { listenPort } = this.#introduction;
    return listenPort ? { host: this.address, port: listenPort } : undefined;
  }

  has(piece: number): boolean {
    return this.pieces?.has(piece) ?? false;
  }

  allows(piece: number): boolean {
    return !this.isChoking || this.#allowed.has(piece);
  }

  owes(piece: number, block: number): boolean {
    return this.#blocks.has(piece, block);
  }

  speaks(extension: Extension): boolean {
    return this.#introduction.idOf(extension) !== undefined;
  }

  /** Blocks that it may be asked for now. */
  room(): number {
    if (!this.isReady || (this.isChoking && this.#allowed.size === 0)) return 0;
    return this.#blocks.room();
  }

  // ---- what we say ----

  request(work: Work, block: number): void {
    this.#blocks.request(work, block);
  }

  /** Somebody else has sent it. */
  cancel(work: Work, block: number): void {
    this.#blocks.cancel(work, block);
  }

  setInterested(isInterested: boolean): void {
    if (this.amInterested === isInterested || !this.isReady) return;
    this.amInterested = isInterested;
    this.send(isInterested ? encodeInterested() : encodeMessage({ type: 'not-interested' }));
  }

  setChoked(isChoked: boolean): void {
    if (this.isChoked === isChoked || !this.isReady) return;
    this.isChoked = isChoked;
    this.turnedMs = this.#host.clock.nowMs();
    this.givenBytes = 0;
    this.send(isChoked ? encodeChoke() : encodeUnchoke());
    if (!isChoked) return;
    const dropped = this.requests.drop();
    if (this.isFast) for (const block of dropped) this.send(encodeReject(block));
  }

  sayHave(piece: number): void {
    if (this.isReady) this.send(encodeHave(piece));
  }

  /** The piece isn't here any more (BEP 54). */
  sayGone(piece: number): void {
    if (this.isFast) for (const block of this.requests.drop(piece)) this.send(encodeReject(block));
    const index = new Uint8Array(4);
    new DataView(index.buffer).setUint32(0, piece);
    this.sendExtended('lt_donthave', index);
  }

  /** False when it doesn't speak it. */
  sendExtended(extension: Extension, payload: Uint8Array): boolean {
    const id = this.#introduction.idOf(extension);
    if (!id || !this.isReady) return false;
    this.send(encodeExtended(id, payload));
    return true;
  }

  sendExtendedHandshake(): void {
    this.send(ourIntroduction(this.#host, this.address));
  }

  send(bytes: Uint8Array): void {
    this.#line.send(bytes);
  }

  /** We know now how many pieces there are: what it has said counts. */
  contentKnown(): void {
    if (!this.isReady) return;
    const before = this.pieces;
    this.#line.guard(() => {
      this.#pieces.contentKnown(this.#host.pieceCount);
      this.#host.hasChanged(this, undefined, before);
    });
  }

  /** Once a second. */
  tick(): void {
    const now = this.#host.clock.nowMs();
    if (!this.#isShaken) {
      if (now - this.connectedMs > HANDSHAKE_TIMEOUT_MS) this.close('no handshake');
      return;
    }
    this.#line.tick();
    if (!this.isClosed && this.#blocks.tick()) this.#host.chokeChanged(this);
  }

  close(reason: string): void {
    this.#line.close(reason);
  }

  /** It has sent what isn't the torrent's. */
  blamed(reason: string): void {
    this.#host.blamed(this, reason);
  }

  // ---- UploadTaker ----

  deliverNext(): number {
    return this.isReady ? this.#host.deliver(this) : 0;
  }

  // ---- FramerSink ----

  message(message: Message): void {
    switch (message.type) {
      case 'keep-alive':
      case 'port':
      case 'suggest':
      case 'unknown':
        return;
      case 'choke':
        return this.#choked();
      case 'unchoke':
        this.isChoking = false;
        return this.#host.chokeChanged(this);
      case 'interested':
      case 'not-interested':
        return this.#interested(message.type === 'interested');
      case 'bitfield':
      case 'have-all':
      case 'have-none':
        return this.#saysAll(message);
      case 'have':
        if (this.#pieces.saysHave(message.index)) this.#host.hasChanged(this, message.index, undefined);
        return;
      case 'request':
        return this.#requested(message);
      case 'cancel':
        if (this.requests.cancel(message) && this.isFast) this.send(encodeReject(message));
        return;
      case 'reject':
        return this.#rejected(message);
      case 'allowed-fast':
        if (!this.isFast) throw new ProtocolError('allows pieces without the fast extension (BEP 6)');
        if (this.#allowed.size >= MAX_ALLOWED_FAST) return;
        this.#allowed.add(message.index);
        return this.#host.chokeChanged(this);
      case 'extended':
        return this.#extended(message.id, message.payload);
      case 'hash-request':
        return this.#host.hashRequest(this, message);
      case 'hashes':
        return this.#host.hashes(this, message);
      case 'hash-reject':
        return this.#host.hashReject(this, message);
    }
  }

  pieceStart(index: number, begin: number, lengthBytes: number): void {
    this.#blocks.pieceStart(index, begin, lengthBytes);
  }

  pieceData(bytes: Uint8Array): void {
    this.#blocks.pieceData(bytes);
  }

  pieceEnd(): void {
    this.#blocks.pieceEnd();
  }

  // ---- inside ----

  #sendHandshake(infoHash: Uint8Array): void {
    const reserved = reservedBytes('extended', 'fast', ...(this.#host.infoHashV2 ? (['v2'] as const) : []));
    this.send(encodeHandshake({ reserved, infoHash, peerId: this.#host.peerId }));
  }

  #shook(handshake: Handshake): void {
    if (!this.#host.isOurs(handshake.infoHash)) throw new ProtocolError('not in this swarm');
    if (Buffer.compare(handshake.peerId, this.#host.peerId) === 0) return this.close('ourselves');
    this.id = handshake.peerId;
    this.infoHash = (this.#asked ?? handshake.infoHash).toHex();
    this.isFast = hasFeature(handshake.reserved, 'fast');
    // The bit says that a v1 swarm's peer could do both; in a v2 swarm not everybody sets it.
    const { infoHashV2 } = this.#host;
    const saysV2 = hasFeature(handshake.reserved, 'v2');
    this.isV2 = saysV2 || (infoHashV2 !== undefined && Buffer.compare(infoHashV2, handshake.infoHash) === 0);
    // Who could do both is upgraded (BEP 52). libtorrent, once it hears of us in the v2 swarm, takes no other answer.
    if (!this.#asked) this.#sendHandshake((saysV2 && infoHashV2) || handshake.infoHash);
    this.#isShaken = true;
    const objection = this.#host.shaken(this);
    if (objection) return this.close(objection);
    const { have, pieceCount } = this.#host;
    if (have) this.#pieces.begin(pieceCount);
    this.#sayWhatWeHave(have);
    if (hasFeature(handshake.reserved, 'extended')) this.sendExtendedHandshake();
    this.#host.introduced(this);
  }

  #sayWhatWeHave(have: Bitfield | undefined): void {
    if (this.isFast && (!have || have.count === 0)) this.send(encodeHaveNone());
    else if (this.isFast && have?.isFull) this.send(encodeHaveAll());
    else if (have && have.count > 0) this.send(encodeBitfield(have.bytes));
  }

  #choked(): void {
    this.isChoking = true;
    // Who speaks the fast extension rejects each by itself.
    if (!this.isFast) this.#blocks.loseAll();
    this.#host.chokeChanged(this);
  }

  #interested(isInterested: boolean): void {
    if (this.isInterested === isInterested) return;
    this.isInterested = isInterested;
    this.#host.interestChanged();
  }

  #saysAll(message: Extract<Message, { type: 'bitfield' | 'have-all' | 'have-none' }>): void {
    if (message.type !== 'bitfield' && !this.isFast)
      throw new ProtocolError(`${message.type} without the fast extension (BEP 6)`);
    const before = this.pieces;
    this.#pieces.saysAll(message, this.#host.pieceCount, this.#host.clock.nowMs());
    if (before) this.#host.hasChanged(this, undefined, before);
  }

  #requested(block: BlockRef): void {
    const { index, begin, length } = block;
    const isSound = this.#host.canGive(index, begin, length);
    if (isSound && !this.isChoked && !this.requests.isFull && this.#host.wanted(this, block)) return;
    if (this.isFast) this.send(encodeReject(block));
  }

  #rejected(block: BlockRef): void {
    if (!this.isFast) throw new ProtocolError('rejects without the fast extension (BEP 6)');
    if (!this.#blocks.rejected(block, this.isChoking)) return;
    this.#allowed.delete(block.index);
    // It says that it has it and doesn't give it: for a moment that is a choke; what it unchokes is asked for anew.
    if (!this.isChoking) this.#host.chokeChanged(this);
  }

  #extended(id: number, payload: Uint8Array): void {
    if (id === EXTENDED_HANDSHAKE_ID) return this.#introducedBy(payload);
    if (id === OUR_ID.ut_metadata) return this.#host.metadata(this, payload);
    if (id === OUR_ID[PEX_EXTENSION]) return this.#host.exchanged(this, payload);
    if (id !== OUR_ID.lt_donthave) return;
    if (payload.length !== 4) throw new ProtocolError('lt_donthave of a wrong length');
    const piece = readU32(payload, 0);
    if (this.#pieces.saysGone(piece)) this.#host.hasChanged(this, piece, undefined);
  }

  #introducedBy(payload: Uint8Array): void {
    const theirs = this.#introduction.heard(payload);
    this.#blocks.theirQueue = Math.max(1, theirs.requestQueue ?? this.#blocks.theirQueue);
    if (theirs.yourIp) this.#host.sawUs(theirs.yourIp, this.address);
    this.#host.introduced(this);
  }

  #gone(reason: string): void {
    this.requests.drop();
    this.#blocks.loseAll();
    this.#host.closed(this, reason);
  }
}

/**
 * The dialogue with one peer of a standard swarm, from the handshake to close. It decides what a message means here and
 * now, and holds what the peer has, asked for and owes; what to ask it for, and whether it is unchoked, is the
 * torrent's (PeerHost). Handlers are synchronous. A ProtocolError closes the connection.
 * Specs: BEP 3, 6 (fast), 10 (extensions), 11 (ut_pex), 21 (upload_only), 52 (hash messages), 54 (lt_donthave).
 */
import { parseIp } from '../announce/ip-address.ts';
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { BusyRate } from '../lib/rate.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import { isLanAddress } from '../swarm/address.ts';
import type { Link } from '../swarm/link.ts';
import { decodeExtendedHandshake, EXTENDED_HANDSHAKE_ID, encodeExtendedHandshake } from '../wire/extended.ts';
import { Framer, type FramerSink } from '../wire/framer.ts';
import {
  encodeHandshake,
  type Handshake,
  HandshakeReader,
  hasFeature,
  reservedBytes,
} from '../wire/handshake.ts';
import {
  type BlockRef,
  encodeBitfield,
  encodeCancel,
  encodeChoke,
  encodeExtended,
  encodeHave,
  encodeHaveAll,
  encodeHaveNone,
  encodeInterested,
  encodeKeepAlive,
  encodeMessage,
  encodeReject,
  encodeRequest,
  encodeUnchoke,
  type HashRange,
  type Message,
} from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import { readU32 } from '../wire/u32.ts';
import { Bitfield } from './bitfield.ts';
import type { ChokeTaker } from './choker.ts';
import type { Giver, Receipt, Work } from './downloads.ts';
import { REQUEST_QUEUE, RequestQueue } from './request-queue.ts';
import type { UploadTaker } from './uploads.ts';

/** Our numbers for extensions. */
export const OUR_ID = { [PEX_EXTENSION]: 1, ut_metadata: 2, lt_donthave: 3 } as const;
export type Extension = keyof typeof OUR_ID;

const HANDSHAKE_TIMEOUT_MS = 10_000;
const SILENCE_LIMIT_MS = 180_000;
const KEEP_ALIVE_MS = 100_000;
/** A peer that owes us blocks and sends none for so long is snubbing us: what it owes may be asked of others. */
export const SNUBBED_AFTER_MS = 10_000;
/** Messages that cost us something and that nobody needs many of, a connection. */
const MAX_EXTENDED_HANDSHAKES = 16;
/** Pieces looked at for bitfields: at once, and a second; so many at least for each. */
const BITFIELD_PIECES = 2_000_000;
const BITFIELD_PIECES_A_SECOND = 1_000_000;
const LEAST_BITFIELD_PIECES = 1_000;
/** Who sends something all the time and for so long no block that is whole, snubs us as well. */
const TRICKLING_AFTER_MS = 60_000;
/** So many rejects without a block between them, and it isn't asked for a while. */
const MAX_REJECTS = 64;
const REJECTED_PAUSE_MS = 10_000;
const MAX_UNASKED_BYTES = 16 * 1024 * 1024;
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** HAVEs that come before we know how many pieces there are. */
const MAX_EARLY_HAVES = 65_536;
const MAX_ALLOWED_FAST = 64;

/** In blocks. */
const FIRST_WINDOW = 16;
const SMALLEST_WINDOW = 8;
const LARGEST_WINDOW = 1024;
/** What others are said to queue when they don't say it. */
const DEFAULT_REQUEST_QUEUE = 250;
const BLOCK_BYTES = 16 * 1024;

/** The torrent, as a peer sees it. */
export interface PeerHost {
  readonly clock: Clock;
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly downloadBucket: TokenBucket;
  /** 0 while the metadata is fetched. */
  readonly pieceCount: number;
  readonly have: Bitfield | undefined;
  readonly metadataBytes: number | undefined;
  readonly isUploadOnly: boolean;
  readonly speaksExchange: boolean;
  readonly isV2: boolean;
  /** 20 bytes: whether that is one of the torrent's. */
  isOurs(infoHash: Uint8Array): boolean;
  /** 20 bytes: whether that is its name in the v2 swarm. */
  isV2Hash(infoHash: Uint8Array): boolean;
  portFor(host: string): number | undefined;
  /** Why it can't stay. */
  shaken(peer: Peer): string | undefined;
  introduced(peer: Peer): void;
  /** What it has has changed in a piece, or in all (undefined). */
  hasChanged(peer: Peer, piece: number | undefined, before: Bitfield | undefined): void;
  chokeChanged(peer: Peer): void;
  interestChanged(peer: Peer): void;
  /** A block of a piece that we have and may be read, and it is unchoked or allowed. */
  wanted(peer: Peer, block: BlockRef): boolean;
  uploadsDrained(peer: Peer): void;
  deliver(peer: Peer): number;
  canGive(piece: number, begin: number, length: number): boolean;
  /** A block has come. */
  received(peer: Peer, receiving: Receipt): void;
  /** A block that it owed won't come. */
  lost(peer: Peer, work: Work, block: number): void;
  metadata(peer: Peer, payload: Uint8Array): void;
  exchanged(peer: Peer, payload: Uint8Array): void;
  hashRequest(peer: Peer, range: HashRange): void;
  hashes(peer: Peer, message: HashRange & { readonly hashes: Uint8Array }): void;
  hashReject(peer: Peer, range: HashRange): void;
  sawUs(address: Uint8Array, from: string): void;
  downloaded(peer: Peer, bytes: number): void;
  blamed(peer: Peer, reason: string): void;
  closed(peer: Peer, reason: string): void;
}

interface Owed {
  readonly work: Work;
  readonly block: number;
  /** It may be asked of others; ours all the same when it comes. */
  isLate: boolean;
}

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
  bytesDown = 0;
  bytesUp = 0;
  /** By us. */
  isChoked = true;
  isInterested = false;
  /** By it. */
  isChoking = true;
  amInterested = false;
  isSnubbing = false;
  isUploadOnly = false;
  turnedMs: number;
  givenBytes = 0;
  client = '';
  listenPort: number | undefined;
  metadataBytes: number | undefined;
  id: Uint8Array = new Uint8Array(0);
  /** The handshake's, in hexadecimal. */
  infoHash = '';
  isFast = false;
  isV2 = false;
  /** Pieces that it has and we don't. */
  useful = 0;
  readonly #host: PeerHost;
  readonly #framer: Framer;
  #reader: HandshakeReader | undefined = new HandshakeReader();
  readonly #asked: Uint8Array | undefined;
  #isClosed = false;
  #isShaken = false;
  #theirIds: ReadonlyMap<string, number> = new Map();
  #has: Bitfield | undefined;
  readonly #bitfields: Budget;
  /** What it said it has before we knew how many pieces there are. */
  #early: { bits?: Uint8Array; all?: boolean; pieces: Set<number> } = { pieces: new Set() };
  readonly #owed = new Map<number, Owed>();
  readonly #allowed = new Set<number>();
  #receiving: Receipt | undefined;
  readonly #rate = new BusyRate();
  #requestQueue = DEFAULT_REQUEST_QUEUE;
  #heardMs: number;
  #spokeMs: number;
  /** Since when it owes us blocks and has sent nothing. */
  #silentSinceMs = 0;
  /** Since when it owes us blocks and none has come. */
  #blocklessSinceMs = 0;
  #rejects = 0;
  #askAgainMs = 0;
  #extendedHandshakes = 0;
  #unaskedBytes = 0;
  #resume: (() => void) | undefined;

  constructor(host: PeerHost, { link, dialled, came }: PeerOptions) {
    this.#host = host;
    this.link = link;
    this.dialled = dialled !== undefined;
    this.isNear = isLanAddress(link.remote.host);
    this.#asked = dialled;
    this.connectedMs = host.clock.nowMs();
    this.turnedMs = this.connectedMs;
    this.#heardMs = this.connectedMs;
    this.#spokeMs = this.connectedMs;
    this.#framer = new Framer(this);
    this.#bitfields = new Budget(BITFIELD_PIECES, BITFIELD_PIECES_A_SECOND, this.connectedMs);
    const owed = this.#owed;
    link.attach({
      get awaitedBytes() {
        return owed.size * BLOCK_BYTES;
      },
      data: (chunk) => this.#data(chunk),
      drained: () => host.uploadsDrained(this),
      closed: (reason) => this.#gone(reason),
    });
    if (dialled) this.#sendHandshake(dialled);
    if (came) this.#guard(() => this.#begin(came.handshake, came.rest));
  }

  get address(): string {
    return this.link.remote.host;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** It has shaken hands, and may stay. */
  get isReady(): boolean {
    return this.#isShaken && !this.#isClosed;
  }

  get isSeed(): boolean {
    return this.#has?.isFull ?? false;
  }

  /** What it has; undefined while we don't know how many pieces there are. */
  get pieces(): Bitfield | undefined {
    return this.#has;
  }

  get unsentBytes(): number {
    return this.link.queuedBytes;
  }

  get outstanding(): number {
    return this.#owed.size;
  }

  get bytesPerSecond(): number {
    return this.#rate.at(this.#host.clock.nowMs()) ?? 0;
  }

  /** Where it listens, as far as it says so. */
  get listensAt(): HostPort | undefined {
    if (this.dialled) return this.link.remote;
    return this.listenPort ? { host: this.address, port: this.listenPort } : undefined;
  }

  has(piece: number): boolean {
    return this.#has?.has(piece) ?? false;
  }

  allows(piece: number): boolean {
    return !this.isChoking || this.#allowed.has(piece);
  }

  owes(piece: number, block: number): boolean {
    return this.#owed.has(keyOf(piece, block));
  }

  speaks(extension: Extension): boolean {
    return (this.#theirIds.get(extension) ?? 0) > 0;
  }

  /** Blocks that it may be asked for now. */
  room(): number {
    if (!this.isReady || (this.isChoking && this.#allowed.size === 0)) return 0;
    const now = this.#host.clock.nowMs();
    if (now < this.#askAgainMs) return 0;
    if (this.isSnubbing) return 1 - this.#owed.size;
    const rate = this.#rate.at(now);
    const wished = rate === undefined ? FIRST_WINDOW : Math.ceil((rate * 0.75) / BLOCK_BYTES);
    const window = Math.min(Math.max(wished, SMALLEST_WINDOW), LARGEST_WINDOW, this.#requestQueue);
    return window - this.#owed.size;
  }

  // ---- what we say ----

  request(work: Work, block: number): void {
    const now = this.#host.clock.nowMs();
    if (this.#owed.size === 0) {
      this.#silentSinceMs = now;
      this.#blocklessSinceMs = now;
      this.#rate.begin(now);
    }
    this.#owed.set(keyOf(work.piece, block), { work, block, isLate: false });
    this.send(encodeRequest(refOf(work, block)));
  }

  /** Somebody else has sent it. */
  cancel(work: Work, block: number): void {
    if (!this.#owed.delete(keyOf(work.piece, block))) return;
    this.send(encodeCancel(refOf(work, block)));
    this.#unaskedBytes -= work.length(block);
    if (this.#owed.size === 0) this.#rate.end(this.#host.clock.nowMs());
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
    const id = this.#theirIds.get(extension);
    if (!id || !this.isReady) return false;
    this.send(encodeExtended(id, payload));
    return true;
  }

  sendExtendedHandshake(): void {
    const { client, metadataBytes, isUploadOnly, speaksExchange } = this.#host;
    const port = this.#host.portFor(this.address);
    const yourIp = parseIp(this.address);
    const names = Object.entries(OUR_ID).filter(([name]) => name !== PEX_EXTENSION || speaksExchange);
    this.send(
      encodeExtended(
        EXTENDED_HANDSHAKE_ID,
        encodeExtendedHandshake({
          extensions: new Map(names),
          client,
          requestQueue: REQUEST_QUEUE,
          ...(port !== undefined && { port }),
          ...(yourIp && { yourIp }),
          ...(isUploadOnly && { uploadOnly: true }),
          ...(metadataBytes !== undefined && { metadataSizeBytes: metadataBytes }),
        }),
      ),
    );
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#spokeMs = this.#host.clock.nowMs();
    this.link.send(bytes);
  }

  /** We know now how many pieces there are: what it has said counts. */
  contentKnown(): void {
    const { bits, all, pieces } = this.#early;
    this.#early = { pieces: new Set() };
    if (!this.isReady) return;
    if (this.#has) return this.#host.hasChanged(this, undefined, this.#has);
    this.#guard(() => {
      const { pieceCount } = this.#host;
      this.#has = bits
        ? new Bitfield(pieceCount, bits)
        : all
          ? Bitfield.full(pieceCount)
          : new Bitfield(pieceCount);
      for (const piece of pieces) this.#has.set(this.#checked(piece));
      this.#host.hasChanged(this, undefined, undefined);
    });
  }

  /** Once a second. */
  tick(): void {
    const now = this.#host.clock.nowMs();
    if (!this.#isShaken) {
      if (now - this.connectedMs > HANDSHAKE_TIMEOUT_MS) this.close('no handshake');
      return;
    }
    if (now - this.#heardMs > SILENCE_LIMIT_MS) return this.close('silent');
    if (now - this.#spokeMs > KEEP_ALIVE_MS) this.send(encodeKeepAlive());
    if (this.unsentBytes > MAX_UNSENT_BYTES) return this.close('does not read');
    if (this.#owed.size === 0 || this.isSnubbing) return;
    const isSilent = now - this.#silentSinceMs > SNUBBED_AFTER_MS;
    if (isSilent || now - this.#blocklessSinceMs > TRICKLING_AFTER_MS) {
      this.isSnubbing = true;
      for (const owed of this.#owed.values()) this.#late(owed);
      this.#host.chokeChanged(this);
    }
  }

  close(reason: string): void {
    this.link.close(reason);
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
        return this.#saysHave(message.index);
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
    const owed = begin % BLOCK_BYTES === 0 ? this.#owed.get(keyOf(index, begin / BLOCK_BYTES)) : undefined;
    if (owed && owed.work.length(owed.block) === lengthBytes) {
      this.#receiving = owed.work.begin(owed.block);
      return;
    }
    this.#unaskedBytes += lengthBytes;
    if (this.#unaskedBytes > MAX_UNASKED_BYTES) throw new ProtocolError('sends pieces that nobody asked for');
  }

  pieceData(bytes: Uint8Array): void {
    const receiving = this.#receiving;
    const now = this.#host.clock.nowMs();
    this.#rate.add(bytes.length, now);
    this.#silentSinceMs = now;
    if (!receiving) return;
    // Somebody else's may be the whole of it by now.
    if (!receiving.isDirect || !receiving.work.isHere(receiving.block))
      receiving.into.set(bytes, receiving.at);
    receiving.at += bytes.length;
    this.#host.downloaded(this, bytes.length);
  }

  pieceEnd(): void {
    const receiving = this.#receiving;
    this.#receiving = undefined;
    if (!receiving) return;
    const { work, block } = receiving;
    const key = keyOf(work.piece, block);
    const owed = this.#owed.get(key);
    this.#owed.delete(key);
    this.isSnubbing = false;
    this.#blocklessSinceMs = this.#host.clock.nowMs();
    this.#rejects = 0;
    this.bytesDown += work.length(block);
    if (this.#owed.size === 0) this.#rate.end(this.#host.clock.nowMs());
    this.#host.received(this, receiving);
    if (owed && !owed.isLate) work.takeBack(block);
  }

  // ---- inside ----

  #data(chunk: Uint8Array): void {
    this.#heardMs = this.#host.clock.nowMs();
    this.#guard(() => {
      if (!this.#reader) return this.#framer.push(chunk);
      const done = this.#reader.push(chunk);
      if (done) this.#begin(done.handshake, done.rest);
    });
    if (this.unsentBytes > MAX_UNSENT_BYTES) return this.close('does not read');
    const { downloadBucket, clock } = this.#host;
    const waitMs = downloadBucket.spend(chunk.length, clock.nowMs());
    if (waitMs <= 0 || this.#isClosed || this.#resume) return;
    this.link.pause();
    this.#resume = clock.after(waitMs, () => {
      this.#resume = undefined;
      this.link.resume();
    });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close(error.message);
    }
  }

  #sendHandshake(infoHash: Uint8Array): void {
    const reserved = reservedBytes('extended', 'fast', ...(this.#host.isV2 ? (['v2'] as const) : []));
    this.send(encodeHandshake({ reserved, infoHash, peerId: this.#host.peerId }));
  }

  #begin(handshake: Handshake, rest: Uint8Array): void {
    this.#reader = undefined;
    if (!this.#host.isOurs(handshake.infoHash)) throw new ProtocolError('not in this swarm');
    if (Buffer.compare(handshake.peerId, this.#host.peerId) === 0) return this.close('ourselves');
    this.id = handshake.peerId;
    this.infoHash = handshake.infoHash.toHex();
    this.isFast = hasFeature(handshake.reserved, 'fast');
    // The bit says that a v1 swarm's peer could do both; in a v2 swarm not everybody sets it.
    this.isV2 = hasFeature(handshake.reserved, 'v2') || this.#host.isV2Hash(handshake.infoHash);
    if (!this.#asked) this.#sendHandshake(handshake.infoHash);
    this.#isShaken = true;
    const objection = this.#host.shaken(this);
    if (objection) return this.close(objection);
    const { have, pieceCount } = this.#host;
    if (have) this.#has = new Bitfield(pieceCount);
    this.#sayWhatWeHave(have);
    if (hasFeature(handshake.reserved, 'extended')) this.sendExtendedHandshake();
    this.#host.introduced(this);
    if (rest.length > 0 && !this.#isClosed) this.#framer.push(rest);
  }

  #sayWhatWeHave(have: Bitfield | undefined): void {
    if (this.isFast && (!have || have.count === 0)) this.send(encodeHaveNone());
    else if (this.isFast && have?.isFull) this.send(encodeHaveAll());
    else if (have && have.count > 0) this.send(encodeBitfield(have.bytes));
  }

  #choked(): void {
    this.isChoking = true;
    // Who speaks the fast extension rejects each by itself.
    if (!this.isFast) this.#loseAll();
    this.#host.chokeChanged(this);
  }

  #interested(isInterested: boolean): void {
    if (this.isInterested === isInterested) return;
    this.isInterested = isInterested;
    this.#host.interestChanged(this);
  }

  #saysAll(message: Extract<Message, { type: 'bitfield' | 'have-all' | 'have-none' }>): void {
    if (message.type !== 'bitfield' && !this.isFast)
      throw new ProtocolError(`${message.type} without the fast extension (BEP 6)`);
    // It is to come once and first, but aria2 sends one in place of many HAVEs.
    const cost = Math.max(this.#host.pieceCount, LEAST_BITFIELD_PIECES);
    if (!this.#bitfields.spend(cost, this.#host.clock.nowMs()))
      throw new ProtocolError('says again and again what it has');
    const { pieceCount } = this.#host;
    if (!this.#has) {
      if (message.type === 'bitfield') this.#early.bits = message.bits;
      this.#early.all = message.type === 'have-all';
      return;
    }
    const before = this.#has;
    if (message.type === 'bitfield') this.#has = new Bitfield(pieceCount, message.bits);
    else this.#has = message.type === 'have-all' ? Bitfield.full(pieceCount) : new Bitfield(pieceCount);
    this.#host.hasChanged(this, undefined, before);
  }

  #saysHave(piece: number): void {
    if (!this.#has) {
      if (this.#early.pieces.size >= MAX_EARLY_HAVES) throw new ProtocolError('says have too often');
      this.#early.pieces.add(piece);
      return;
    }
    if (this.#has.set(this.#checked(piece))) this.#host.hasChanged(this, piece, undefined);
  }

  #checked(piece: number): number {
    if (piece >= this.#host.pieceCount) throw new ProtocolError(`there is no piece ${piece}`);
    return piece;
  }

  #requested(block: BlockRef): void {
    const { index, begin, length } = block;
    const isSound = this.#host.canGive(index, begin, length);
    if (isSound && !this.isChoked && !this.requests.isFull && this.#host.wanted(this, block)) return;
    if (this.isFast) this.send(encodeReject(block));
  }

  #rejected({ index, begin, length }: BlockRef): void {
    if (!this.isFast) throw new ProtocolError('rejects without the fast extension (BEP 6)');
    if (begin % BLOCK_BYTES !== 0) return;
    const key = keyOf(index, begin / BLOCK_BYTES);
    const owed = this.#owed.get(key);
    if (!owed || owed.work.length(owed.block) !== length) return;
    this.#owed.delete(key);
    this.#allowed.delete(index);
    this.#late(owed);
    if (this.#owed.size === 0) this.#rate.end(this.#host.clock.nowMs());
    if (this.isChoking) return;
    // It says that it has it and doesn't give it: for a moment that is a choke; what it unchokes is asked for anew.
    this.#rejects += 1;
    if (this.#rejects >= MAX_REJECTS) {
      this.#rejects = 0;
      this.isSnubbing = true;
      this.#askAgainMs = this.#host.clock.nowMs() + REJECTED_PAUSE_MS;
    }
    this.#host.chokeChanged(this);
  }

  #extended(id: number, payload: Uint8Array): void {
    if (id === EXTENDED_HANDSHAKE_ID) return this.#introducedBy(payload);
    if (id === OUR_ID.ut_metadata) return this.#host.metadata(this, payload);
    if (id === OUR_ID[PEX_EXTENSION]) return this.#host.exchanged(this, payload);
    if (id !== OUR_ID.lt_donthave) return;
    if (payload.length !== 4) throw new ProtocolError('lt_donthave of a wrong length');
    const piece = readU32(payload, 0);
    if (!this.#has) this.#early.pieces.delete(piece);
    else if (this.#has.clear(this.#checked(piece))) this.#host.hasChanged(this, piece, undefined);
  }

  #introducedBy(payload: Uint8Array): void {
    this.#extendedHandshakes += 1;
    if (this.#extendedHandshakes > MAX_EXTENDED_HANDSHAKES)
      throw new ProtocolError('introduces itself again and again');
    const theirs = decodeExtendedHandshake(payload);
    const ids = new Map(this.#theirIds);
    for (const [name, theirId] of theirs.extensions) if (Object.hasOwn(OUR_ID, name)) ids.set(name, theirId);
    this.#theirIds = ids;
    this.client = quoteRemote(theirs.client ?? this.client, 64);
    this.listenPort = theirs.port ?? this.listenPort;
    this.metadataBytes = theirs.metadataSizeBytes ?? this.metadataBytes;
    this.isUploadOnly = theirs.uploadOnly ?? this.isUploadOnly;
    this.#requestQueue = Math.max(1, theirs.requestQueue ?? this.#requestQueue);
    if (theirs.yourIp) this.#host.sawUs(theirs.yourIp, this.address);
    this.#host.introduced(this);
  }

  /** It may be asked of others, and we count it as ours when it comes all the same. */
  #late(owed: Owed): void {
    if (owed.isLate) return;
    owed.isLate = true;
    this.#host.lost(this, owed.work, owed.block);
  }

  #loseAll(): void {
    const owed = [...this.#owed.values()];
    this.#owed.clear();
    if (this.#receiving) this.#receiving.work.broken(this.#receiving);
    this.#receiving = undefined;
    for (const one of owed) this.#late(one);
    if (owed.length > 0) this.#rate.end(this.#host.clock.nowMs());
  }

  #gone(reason: string): void {
    this.#isClosed = true;
    this.#framer.close();
    this.#resume?.();
    this.requests.drop();
    this.#loseAll();
    this.#host.closed(this, reason);
  }
}

/** Pieces are below 2^32, blocks of one below 2^16. */
function keyOf(piece: number, block: number): number {
  return piece * 65_536 + block;
}

function refOf(work: Work, block: number): BlockRef {
  return { index: work.piece, begin: block * BLOCK_BYTES, length: work.length(block) };
}

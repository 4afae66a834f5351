/**
 * The dialogue with one peer, from handshake to close. It decides what a message means here and now; what the peer
 * looks for and is told is TheirWants', what to ask for is the flights' (through Wants and Offer), whom to connect to
 * is Swarms'.
 * Handlers are synchronous: no state is read before an await and written after.
 * A ProtocolError closes the connection; a proven lie bans (docs/protocol.md "Blame").
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import { log, quoteRemote } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import { infoHashFromBytes, infoHashToBytes, parseInfoHash } from '../torrent/info-hash.ts';
import {
  ARCHIVE_EXTENSION,
  ARCHIVE_VERSION,
  type ArchiveMessage,
  blindSwarm,
  decodeArchiveMessage,
  encodeArchiveMessage,
  type HaveEntry,
  MAX_HELLO_SWARMS,
  type NumberRange,
  packHaves,
} from '../wire/archive-ext.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  EXTENDED_HANDSHAKE_ID,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  METADATA_PIECE_BYTES,
} from '../wire/extended.ts';
import { Framer, type FramerSink } from '../wire/framer.ts';
import {
  encodeHandshake,
  type Handshake,
  HandshakeReader,
  hasFeature,
  reservedBytes,
} from '../wire/handshake.ts';
import {
  encodeExtended,
  encodeHave,
  encodeHaveNone,
  encodeInterested,
  encodeKeepAlive,
  encodeUnchoke,
  MAX_REQUEST_BYTES,
  type Message,
} from '../wire/message.ts';
import { readU32, writeU32 } from '../wire/u32.ts';
import { Downloads } from './downloads.ts';
import { LayerFetch } from './layer-fetch.ts';
import type { Library, Servable } from './library.ts';
import type { Link } from './link.ts';
import type { Offer } from './offer.ts';
import { OurWants } from './our-wants.ts';
import type { PieceBuffers } from './piece-buffers.ts';
import { type Claim, TheirWants, type TheirWantsHost } from './their-wants.ts';
import { REQUEST_QUEUE, Uploads } from './uploads.ts';
import type { Want, Wants } from './wants.ts';

/** A swarm this node is in. */
export interface OwnSwarm {
  readonly infoHash: string;
  /** The canonical info dictionary, for ut_metadata; empty when unknown. */
  readonly info: Uint8Array;
}

/** What a peer needs of the node. */
export interface PeerNode {
  readonly clock: Clock;
  readonly buffers: PieceBuffers;
  readonly peerId: Uint8Array;
  readonly client: string;
  /** The port others can dial; undefined when we don't listen. */
  readonly port: number | undefined;
  readonly uploadBuckets: { readonly lan: TokenBucket; readonly wan: TokenBucket };
  readonly downloadBucket: TokenBucket;
  readonly library: Library;
  readonly wants: Wants;
  ownSwarms(): ReadonlyMap<string, OwnSwarm>;
  readyPeers(): Iterable<Peer>;
  /** The handshake is done. False: not wanted (a second connection, ourselves). */
  shaken(peer: Peer): boolean;
  /** The peer speaks dt_archive: it may be asked, or shares more than before. */
  ready(peer: Peer): void;
  closed(peer: Peer, reason: string): void;
  ban(peer: Peer, reason: string): void;
  moved(peer: Peer, direction: 'up' | 'down', bytes: number): void;
}

export interface PeerOptions {
  readonly link: Link;
  /** The info-hash to ask for when we dialled; undefined for one that came to us. */
  readonly dialled: string | undefined;
  /** Given by hand: trusted as a LAN peer is. */
  readonly given: boolean;
  readonly lan: boolean;
}

/** Our numbers for the extensions (BEP 10). */
const OUR_ID = { [ARCHIVE_EXTENSION]: 1, ut_metadata: 2, lt_donthave: 3 } as const;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A peer that hasn't spoken dt_archive by then is of no use here. */
const STRANGER_LIMIT_MS = 30_000;
const SILENCE_LIMIT_MS = 240_000;
const KEEP_ALIVE_MS = 100_000;
/** Payload waits for the socket, so this is answers of other kinds that a peer doesn't take. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

export class Peer implements FramerSink {
  readonly given: boolean;
  readonly lan: boolean;
  readonly dialled: boolean;
  readonly link: Link;
  id: Uint8Array = new Uint8Array(0);
  client = '';
  /** Where it listens, by its own word; for dialling it again, never as its identity. */
  listenPort: number | undefined;
  bytesDown = 0;
  bytesUp = 0;
  readonly #node: PeerNode;
  readonly #downloads: Downloads;
  readonly #uploads: Uploads;
  readonly #layers: LayerFetch;
  readonly #theirWants: TheirWants;
  readonly #ourWants: OurWants;
  readonly #framer: Framer;
  readonly #reader = new HandshakeReader();
  readonly #openedMs: number;
  #shaken = false;
  #closed = false;
  #swarm: string;
  /** Info-hashes that both are in. */
  #shared = new Set<string>();
  #theirBlind = new Set<string>();
  #theirIds: ReadonlyMap<string, number> = new Map();
  #ready = false;
  #interested = false;
  /** Takes back the timer that ends a pause of reading (download limit). */
  #resume: (() => void) | undefined;
  #heardMs: number;
  #spokeMs: number;

  constructor(node: PeerNode, options: PeerOptions) {
    const { link, dialled, given, lan } = options;
    this.#node = node;
    this.link = link;
    this.given = given;
    this.lan = lan;
    this.dialled = dialled !== undefined;
    this.#swarm = dialled ?? '';
    this.#openedMs = node.clock.nowMs();
    this.#heardMs = this.#openedMs;
    this.#spokeMs = this.#openedMs;
    this.#framer = new Framer(this);
    const host = {
      clock: node.clock,
      buffers: node.buffers,
      send: (bytes: Uint8Array) => this.send(bytes),
      downloaded: (bytes: number) => this.#downloaded(bytes),
    };
    this.#downloads = new Downloads(host, 20);
    this.#uploads = new Uploads({
      clock: node.clock,
      bucket: lan ? node.uploadBuckets.lan : node.uploadBuckets.wan,
      get queuedBytes() {
        return link.queuedBytes;
      },
      send: (bytes) => this.send(bytes),
      uploaded: (bytes) => this.#uploaded(bytes),
    });
    this.#layers = new LayerFetch(node.clock, (bytes) => this.send(bytes));
    this.#theirWants = new TheirWants(this.#answering());
    this.#ourWants = new OurWants(this, node, (message) => this.#sendArchive(message));
    link.attach({
      data: (chunk) => this.#data(chunk),
      drained: () => this.#uploads.pump(),
      closed: (reason) => this.#gone(reason),
    });
    if (dialled !== undefined) this.#sendHandshake();
  }

  get address(): string {
    return this.link.remote.host;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Its word for a root reaches apt before the whole file is checked (docs/protocol.md grades). */
  get trusted(): boolean {
    return this.given || this.lan;
  }

  get ready(): boolean {
    return this.#ready && !this.#closed;
  }

  get choked(): boolean {
    return this.#downloads.choked;
  }

  get latencyMs(): number {
    return this.#downloads.latencyMs;
  }

  get queuedBytes(): number {
    return this.#downloads.queuedBytes;
  }

  get swarms(): ReadonlySet<string> {
    return this.#shared;
  }

  bytesPerSecond(): number | undefined {
    return this.#downloads.bytesPerSecond(this.#node.clock.nowMs());
  }

  silentMs(): number {
    return this.#downloads.silentMs(this.#node.clock.nowMs());
  }

  roomBytes(): number {
    return this.#closed ? 0 : this.#downloads.roomBytes(this.#node.clock.nowMs());
  }

  shares(infoHash: string): boolean {
    return this.#shared.has(infoHash);
  }

  /** How long an answer of this peer is worth waiting for, from what it took before. */
  get answerWaitMs(): number {
    const bytesPerSecond = this.bytesPerSecond() ?? Number.POSITIVE_INFINITY;
    return this.#ourWants.waitMs((this.queuedBytes / Math.max(bytesPerSecond, 1)) * 1000);
  }

  send(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#spokeMs = this.#node.clock.nowMs();
    this.link.send(bytes);
    // It asks and asks, and doesn't read the answers.
    if (this.link.queuedBytes > MAX_UNSENT_BYTES) this.close('does not read');
  }

  close(reason: string): void {
    this.link.close(reason);
  }

  // ---- our wants ----

  /** Looks for a key here; false when this peer can't be asked. Wants of one turn of the event loop travel together. */
  want(want: Want): boolean {
    if (!this.ready) return false;
    this.#ourWants.add(want);
    return true;
  }

  unwant(want: Want): void {
    if (this.ready) this.#ourWants.remove(want);
  }

  ask(offer: Offer, piece: number): void {
    if (!this.#interested) {
      this.#interested = true;
      this.send(encodeInterested());
    }
    this.#downloads.ask(offer, piece);
  }

  cancel(offer: Offer, piece: number): void {
    this.#downloads.cancel(offer, piece);
  }

  /** Whether it looks for the same file as we. */
  looksFor(key: Sha256): boolean {
    return this.ready && this.#theirWants.has(key);
  }

  claimOn(key: Sha256): Claim | undefined {
    return this.#theirWants.claimOn(key);
  }

  /** Tells it what we are fetching from the mirror of a file that both look for. */
  claim(want: Want, pieces: readonly NumberRange[], etaMs: number): void {
    if (!this.ready || !want.asked.has(this)) return;
    this.#sendArchive({
      kind: 'claim',
      entries: [{ want: want.number, pieces, etaMs: Math.max(0, Math.round(etaMs)) }],
    });
  }

  /** The piece layer under the root that this peer stated. Rejects when it can't or won't give it. */
  layer(offer: Offer): Promise<Uint8Array> {
    if (!offer.root) return Promise.reject(new ProtocolError('no root stated'));
    return this.#layers.fetch(offer.root, offer.pieces);
  }

  // ---- what we have ----

  /** A file can be served now, whole or in part: tell the peer if it looks for it. */
  offerIfWanted(servable: Servable): void {
    if (this.ready) this.#theirWants.offer(servable);
  }

  /** One more piece of a file that is offered already. */
  pieceVerified(servable: Servable, piece: number): void {
    this.#theirWants.pieceVerified(servable, piece);
  }

  /** The file is gone: lt_donthave for each piece that was offered (BEP 54). */
  fileGone(key: Sha256): void {
    this.#theirWants.fileGone(key);
  }

  /** Our own swarms have changed. */
  sendHello(): void {
    if (!this.#shaken || !this.#theirIds.get(ARCHIVE_EXTENSION)) return;
    const swarms = [...this.#node.ownSwarms().values()]
      .slice(0, MAX_HELLO_SWARMS)
      .map(({ infoHash }) => this.#blind(infoHash));
    this.#sendArchive({
      kind: 'hello',
      version: ARCHIVE_VERSION,
      maxRequestBytes: MAX_REQUEST_BYTES,
      swarms,
    });
    this.#recomputeShared();
  }

  /** Now and then: time-outs, keep-alive, idle file handles. */
  tick(): void {
    const now = this.#node.clock.nowMs();
    const age = now - this.#openedMs;
    if (!this.#shaken && age > HANDSHAKE_TIMEOUT_MS) return this.close('no handshake');
    if (!this.#ready && age > STRANGER_LIMIT_MS) return this.close('does not speak dt_archive');
    if (now - this.#heardMs > SILENCE_LIMIT_MS) return this.close('silent');
    if (now - this.#spokeMs > KEEP_ALIVE_MS) this.send(encodeKeepAlive());
    this.#layers.tick();
    this.#uploads.rest();
    this.#ourWants.tick();
  }

  // ---- incoming ----

  #data(chunk: Uint8Array): void {
    this.#heardMs = this.#node.clock.nowMs();
    try {
      if (this.#shaken) {
        this.#framer.push(chunk);
      } else {
        const done = this.#reader.push(chunk);
        if (!done) return;
        this.#handshake(done.handshake);
        if (!this.#closed && done.rest.length > 0) this.#framer.push(done.rest);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof RangeError)) {
        // A fault of ours: one connection is what it may cost.
        log.withTag('swarm').error(`in the dialogue with ${this.address}: ${String(error)}`);
      }
      this.close(error instanceof Error ? error.message : String(error));
    }
  }

  #handshake(handshake: Handshake): void {
    const infoHash = infoHashFromBytes(handshake.infoHash) as string;
    if (this.dialled ? infoHash !== this.#swarm : !this.#node.ownSwarms().has(infoHash)) {
      throw new ProtocolError('not in a swarm of ours');
    }
    if (!hasFeature(handshake.reserved, 'extended'))
      throw new ProtocolError('does not speak extensions (BEP 10)');
    this.#swarm = infoHash;
    this.id = handshake.peerId;
    this.#shaken = true;
    this.#shared.add(infoHash);
    if (!this.dialled) this.#sendHandshake();
    if (!this.#node.shaken(this)) return this.close('a second connection');
    if (hasFeature(handshake.reserved, 'fast')) this.send(encodeHaveNone());
    const info = this.#node.ownSwarms().get(infoHash)?.info;
    const payload = encodeExtendedHandshake({
      extensions: new Map(Object.entries(OUR_ID)),
      client: this.#node.client,
      requestQueue: REQUEST_QUEUE,
      ...(this.#node.port !== undefined && { port: this.#node.port }),
      ...(info && info.length > 0 && { metadataSizeBytes: info.length }),
    });
    this.send(encodeExtended(EXTENDED_HANDSHAKE_ID, payload));
    this.send(encodeUnchoke());
  }

  message(message: Message): void {
    switch (message.type) {
      case 'choke':
        this.#downloads.choked = true;
        return;
      case 'unchoke':
        this.#downloads.choked = false;
        this.#ourWants.offersChanged();
        return;
      case 'request':
        return this.#uploads.request(message);
      case 'cancel':
        return this.#uploads.cancel(message);
      case 'reject': {
        const lost = this.#downloads.rejected(message);
        if (lost) this.#failed(lost);
        return;
      }
      case 'have':
        return this.#ourWants.piece(message.index, true);
      case 'hash-request':
        return this.#uploads.hashRequest(message);
      case 'hashes':
        if (!this.#layers.hashes(message)) this.#node.ban(this, 'hashes that contradict the root it stated');
        return;
      case 'hash-reject':
        return this.#layers.rejected(message);
      case 'extended':
        return this.#extended(message.id, message.payload);
      default:
        return; // keep-alive, (not) interested, have none, port …: nothing to do
    }
  }

  pieceStart(index: number, begin: number, lengthBytes: number): void {
    this.#downloads.pieceStart(index, begin, lengthBytes);
  }

  pieceData(bytes: Uint8Array): void {
    this.#downloads.pieceData(bytes);
  }

  pieceEnd(): void {
    this.#downloads.pieceEnd();
  }

  #extended(id: number, payload: Uint8Array): void {
    switch (id) {
      case EXTENDED_HANDSHAKE_ID: {
        const theirs = decodeExtendedHandshake(payload);
        this.#theirIds = theirs.extensions;
        this.client = quoteRemote(theirs.client ?? '', 64);
        this.listenPort = theirs.port;
        this.sendHello();
        return;
      }
      case OUR_ID[ARCHIVE_EXTENSION]: {
        const message = decodeArchiveMessage(payload);
        if (message) this.#archive(message);
        return;
      }
      case OUR_ID.ut_metadata:
        return this.#metadata(payload);
      case OUR_ID.lt_donthave:
        if (payload.length !== 4) throw new ProtocolError('lt_donthave of a wrong length');
        return this.#ourWants.piece(readU32(payload, 0), false);
      default:
        throw new ProtocolError(`extension ${id} was never agreed on`);
    }
  }

  #archive(message: ArchiveMessage): void {
    switch (message.kind) {
      case 'hello':
        this.#theirBlind = new Set(message.swarms.map((s) => s.toHex()));
        this.#downloads.maxRequestBytes = message.maxRequestBytes;
        this.#recomputeShared();
        this.#ready = true;
        this.#node.ready(this);
        return;
      case 'want':
        return this.#theirWants.want(message.first, message.keys);
      case 'unwant':
        for (const number of numbersOf(message.ranges)) this.#theirWants.unwant(number);
        return;
      case 'have':
        for (const entry of message.entries) this.#ourWants.have(entry);
        return;
      case 'none':
        for (const number of numbersOf(message.ranges)) this.#ourWants.none(number);
        return;
      case 'claim':
        for (const entry of message.entries) this.#theirWants.claim(entry);
        return;
    }
  }

  #metadata(payload: Uint8Array): void {
    const message = decodeMetadataMessage(payload);
    const id = this.#theirIds.get('ut_metadata');
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
    this.send(encodeExtended(id, answer));
  }

  // ---- helpers ----

  #sendHandshake(): void {
    const infoHash = parseInfoHash(this.#swarm);
    if (!infoHash) throw new RangeError('not an info-hash');
    const reserved = reservedBytes('extended', 'fast');
    this.send(encodeHandshake({ reserved, infoHash: infoHashToBytes(infoHash), peerId: this.#node.peerId }));
  }

  #sendArchive(message: ArchiveMessage): void {
    const id = this.#theirIds.get(ARCHIVE_EXTENSION);
    if (id) this.send(encodeExtended(id, encodeArchiveMessage(message)));
  }

  #sendHaves(entries: readonly HaveEntry[]): void {
    const id = this.#theirIds.get(ARCHIVE_EXTENSION);
    if (!id) return;
    for (const payload of packHaves(entries)) this.send(encodeExtended(id, payload));
  }

  /** What the answering side needs of this connection. */
  #answering(): TheirWantsHost {
    const peer = this;
    const { clock, library, wants } = this.#node;
    return {
      clock,
      library,
      uploads: this.#uploads,
      get closed() {
        return peer.#closed;
      },
      shares: (infoHash) => this.shares(infoHash),
      say: (message) => this.#sendArchive(message),
      sayHaves: (entries) => this.#sendHaves(entries),
      sayHave: (number) => this.send(encodeHave(number)),
      sayLost: (range) => this.#sendLost(range),
      fellowChanged: (key) => wants.fellowChanged(key),
      close: (reason) => this.close(reason),
    };
  }

  #sendLost({ first, count }: NumberRange): void {
    const id = this.#theirIds.get('lt_donthave');
    if (!id) return;
    const messages = Array.from({ length: count }, (_, i) => {
      const payload = new Uint8Array(4);
      writeU32(payload, 0, first + i);
      return encodeExtended(id, payload);
    });
    this.send(Buffer.concat(messages));
  }

  #blind(infoHash: string): Uint8Array {
    return blindSwarm(Buffer.from(infoHash, 'hex'), this.#node.peerId, this.id);
  }

  #recomputeShared(): void {
    const shared = new Set<string>();
    for (const infoHash of this.#node.ownSwarms().keys()) {
      if (infoHash === this.#swarm || this.#theirBlind.has(this.#blind(infoHash).toHex()))
        shared.add(infoHash);
    }
    const grown = [...shared].some((s) => !this.#shared.has(s));
    this.#shared = shared;
    if (grown && this.#ready) this.#node.ready(this);
  }

  #failed({ offer, piece }: { offer: Offer; piece: number }): void {
    if (!offer.closed) offer.want.seeker.failed(offer, piece);
  }

  #downloaded(bytes: number): void {
    this.bytesDown += bytes;
    this.#node.moved(this, 'down', bytes);
    const { clock, downloadBucket } = this.#node;
    const waitMs = downloadBucket.spend(bytes, clock.nowMs());
    if (waitMs === 0) return;
    if (!this.#resume) this.link.pause();
    this.#resume?.();
    this.#resume = clock.after(waitMs, () => {
      this.#resume = undefined;
      this.link.resume();
    });
  }

  #uploaded(bytes: number): void {
    this.bytesUp += bytes;
    this.#node.moved(this, 'up', bytes);
  }

  #gone(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#resume?.();
    this.#framer.close();
    this.#uploads.close();
    this.#layers.close(reason);
    this.#ourWants.close();
    for (const lost of this.#downloads.close()) this.#failed(lost);
    this.#node.closed(this, reason);
    this.#theirWants.close();
  }
}

function* numbersOf(ranges: readonly NumberRange[]): Generator<number> {
  for (const { first, count } of ranges) {
    for (let i = 0; i < count; i += 1) yield first + i;
  }
}

/**
 * The dialogue with one peer, from the first byte to close. It decides what a message means here and now; who the other
 * is and speaks is found out by Introduction, what it looks for and is told is TheirWants', what to ask for is the
 * flights' (through Wants and Offer), whom to connect to is Swarms'.
 * Handlers are synchronous: no state is read before an await and written after.
 * A ProtocolError closes the connection; a proven lie bans (docs/protocol.md "Blame").
 */
import { ProtocolError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import {
  ARCHIVE_EXTENSION,
  type ArchiveMessage,
  decodeArchiveMessage,
  type NumberRange,
} from '../wire/archive-ext.ts';
import { EXTENDED_HANDSHAKE_ID } from '../wire/extended.ts';
import { Framer, type FramerSink } from '../wire/framer.ts';
import type { Handshake } from '../wire/handshake.ts';
import {
  encodeHashRequest,
  encodeHave,
  encodeInterested,
  encodeKeepAlive,
  type Message,
} from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import { readU32 } from '../wire/u32.ts';
import { addressGroup, isLanAddress } from './address.ts';
import type { Claim } from './claim.ts';
import { Downloads } from './downloads.ts';
import { Introduction, OUR_ID } from './introduction.ts';
import { KeyAccount } from './key-limits.ts';
import { LayerFetch } from './layer-fetch.ts';
import type { Servable } from './library.ts';
import type { Link } from './link.ts';
import type { Offer } from './offer.ts';
import { OurWants } from './our-wants.ts';
import type { PeerNode, PeerOptions } from './peer-node.ts';
import { isKnown, type Provenance } from './provenance.ts';
import { Speech } from './speech.ts';
import { TalkLimit } from './talk-limit.ts';
import { TheirWants, type TheirWantsHost } from './their-wants.ts';
import { Uploads } from './uploads.ts';
import type { Want } from './wants.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A peer that hasn't spoken dt_archive by then is of no use here. */
const STRANGER_LIMIT_MS = 30_000;
/** Of what a stranger sends so much is dealt with before it is held to its limit: some ten milliseconds' work at worst. */
const STRANGERS_PART_BYTES = 16 * 1024;
const SILENCE_LIMIT_MS = 240_000;
const KEEP_ALIVE_MS = 100_000;
/** A peer that is asked for a sign of life has this long for it. */
const PROBE_MS = 10_000;
/** Payload waits for the socket, so this is answers of other kinds that a peer doesn't take. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

export class Peer implements FramerSink {
  /** How it was met. May turn out better than it looked at first: a given peer may dial us. */
  provenance: Provenance;
  #lan: boolean;
  readonly dialled: boolean;
  readonly link: Link;
  bytesDown = 0;
  bytesUp = 0;
  readonly #node: PeerNode;
  readonly #introduction: Introduction;
  readonly #speech: Speech;
  readonly #downloads: Downloads;
  readonly #uploads: Uploads;
  readonly #layers: LayerFetch;
  readonly #theirWants: TheirWants;
  readonly #ourWants: OurWants;
  readonly #framer: Framer;
  readonly #talk: TalkLimit;
  readonly #openedMs: number;
  #closed = false;
  #ready = false;
  /** Its handshake, where it isn't for us. */
  #forOther: Handshake | undefined;
  #interested = false;
  /** Takes back the timer that ends a pause of reading, and when that is. */
  #resume: (() => void) | undefined;
  #pausedUntilMs = 0;
  /** What came and isn't dealt with, while reading is paused. */
  #unread: Uint8Array | undefined;
  #heardMs: number;
  /** Since when a sign of life is waited for. */
  #probedMs: number | undefined;
  #spokeMs: number;

  constructor(node: PeerNode, options: PeerOptions) {
    const { link, dialled, provenance, lan } = options;
    this.#node = node;
    this.link = link;
    this.provenance = provenance;
    this.#lan = lan;
    this.dialled = dialled !== undefined;
    this.#openedMs = node.clock.nowMs();
    this.#talk = new TalkLimit(this.#openedMs, node.talkOfAll);
    this.#heardMs = this.#openedMs;
    this.#spokeMs = this.#openedMs;
    this.#framer = new Framer(this);
    this.#introduction = new Introduction(node, dialled, {
      remoteHost: link.remote.host,
      send: (bytes) => this.send(bytes),
      isForOther: (handshake) => {
        if (!node.elsewhere?.has(handshake.infoHash.toHex())) return false;
        this.#forOther = handshake;
        return true;
      },
      shaken: () => {
        if (node.shaken(this)) return true;
        this.close('a second connection');
        return false;
      },
      introduced: () => this.#uploads.join(),
      roundTrip: (ms) => this.#downloads.roundTrip(ms),
    });
    this.#speech = new Speech(this.#introduction, (bytes) => this.send(bytes));
    const host = {
      clock: node.clock,
      buffers: node.buffers,
      send: (bytes: Uint8Array) => this.send(bytes),
      downloaded: (bytes: number) => this.#downloaded(bytes),
    };
    this.#downloads = new Downloads(host, 20);
    this.#uploads = new Uploads({
      scheduler: node.uploads,
      isNear: lan,
      addressGroup: addressGroup(link.remote.host),
      get queuedBytes() {
        return link.queuedBytes;
      },
      send: (bytes) => this.send(bytes),
      uploaded: (bytes) => this.#uploaded(bytes),
    });
    this.#layers = new LayerFetch(node.clock, (bytes) => this.send(bytes));
    this.#theirWants = new TheirWants(this.#answering());
    this.#ourWants = new OurWants(this, node, (message) => this.#speech.archive(message));
    const downloads = this.#downloads;
    link.attach({
      get awaitedBytes() {
        return downloads.awaitedBytes;
      },
      data: (chunk) => this.#data(chunk),
      drained: () => this.#uploads.drained(),
      closed: (reason) => this.#gone(reason),
    });
    if (dialled !== undefined) this.#introduction.sendHandshake();
  }

  /** Its peer id; empty before its handshake. */
  get id(): Uint8Array {
    return this.#introduction.peerId;
  }

  get client(): string {
    return this.#introduction.client;
  }

  /** Where it listens, by its own word; for dialling it again, never as its identity. */
  get listenPort(): number | undefined {
    return this.#introduction.listenPort;
  }

  /** It looks for nothing, by its own word (BEP 21); void once it wants something. */
  get isUploadOnly(): boolean {
    return this.#introduction.isUploadOnly;
  }

  get address(): string {
    return this.link.remote.host;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** It is on the local network. */
  get lan(): boolean {
    return this.#lan;
  }

  /** It turns out to be on the local network: local discovery has heard it there. */
  becomeLan(): void {
    this.#lan = true;
    this.#uploads.becomeNear();
  }

  /** Given by hand. */
  get given(): boolean {
    return this.provenance === 'given';
  }

  /** The operator's own choice: it may learn of more than a stranger (privacy.ts). */
  get known(): boolean {
    return isKnown(this.provenance) || isLanAddress(this.address);
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
    return this.#introduction.shared;
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
    return this.#introduction.shared.has(infoHash);
  }

  // ---- peer exchange ----

  /** Where it can be dialled, as far as is known. */
  get listensAt(): HostPort | undefined {
    const { remote } = this.link;
    if (this.dialled) return remote;
    return this.listenPort === undefined ? undefined : { host: remote.host, port: this.listenPort };
  }

  get speaksExchange(): boolean {
    return this.ready && this.#introduction.idOf(PEX_EXTENSION) !== undefined;
  }

  /** The handshake's swarm: what is said without naming one is about this. */
  get firstSwarm(): string {
    return this.#introduction.swarm;
  }

  /** How a common swarm is named towards it: 32 bytes. */
  blind(infoHash: string): Uint8Array {
    return new Uint8Array(Buffer.from(this.#introduction.blind(infoHash), 'hex'));
  }

  /** The common swarm of that blinded name. */
  swarmOf(blind: Uint8Array): string | undefined {
    const named = blind.toHex();
    for (const infoHash of this.swarms) if (this.#introduction.blind(infoHash) === named) return infoHash;
    return undefined;
  }

  exchange(payload: Uint8Array): void {
    this.#speech.exchange(payload);
  }

  /** How long an answer of this peer is worth waiting for, from what it took before. */
  get answerWaitMs(): number {
    const bytesPerSecond = this.bytesPerSecond() ?? Number.POSITIVE_INFINITY;
    return this.#ourWants.waitMs((this.queuedBytes / Math.max(bytesPerSecond, 1)) * 1000);
  }

  /** How often it has what we look for: 0 to 1. */
  get haveShare(): number {
    return this.#ourWants.haveShare;
  }

  /** It was asked several times and said nothing. */
  get isSilent(): boolean {
    return this.#ourWants.isSilent;
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
    if (!this.ready || this.#ourWants.isFullFor(want)) return false;
    this.#ourWants.add(want);
    return true;
  }

  /** What was wanted ahead is fetched from now on. */
  mean(want: Want): void {
    if (this.ready) this.#ourWants.mean(want);
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

  /** It looked for this file and no longer does: it may have it. */
  soughtLately(key: Sha256): boolean {
    return this.#theirWants.soughtLately(key);
  }

  claimOn(key: Sha256): Claim | undefined {
    return this.#theirWants.claimOn(key);
  }

  /** Tells it what we are fetching from the mirror of a file that both look for. */
  claim(want: Want, pieces: readonly NumberRange[], etaMs: number): void {
    if (!this.ready || !want.asked.has(this)) return;
    this.#speech.archive({
      kind: 'claim',
      entries: [{ want: want.number, pieces, etaMs: Math.max(0, Math.round(etaMs)) }],
    });
  }

  /** Pieces asked of this offer of which nothing has come yet → bytes asked for before them. */
  waiting(offer: Offer): ReadonlyMap<number, number> {
    return this.#downloads.waiting(offer);
  }

  /** The piece layer under the root that this peer stated. Rejects when it can't or won't give it. */
  layer(offer: Offer): Promise<Uint8Array> {
    if (!offer.root) return Promise.reject(new ProtocolError('no root stated'));
    return this.#layers.fetch(offer.root, offer.pieces);
  }

  /** It was asked for hashes and doesn't give them. */
  get withholdsHashes(): boolean {
    return this.#layers.isMute;
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
    if (!this.#introduction.isShaken) return;
    this.#introduction.sendHello();
    this.#compareSwarms();
  }

  /** Asks for a sign of life: hashes that nobody has, which the other end must reject. Without one it is closed soon. */
  probe(): void {
    if (!this.ready || this.#probedMs !== undefined) return;
    this.#probedMs = this.#node.clock.nowMs();
    const range = { baseLayer: 0, index: 0, length: 2, proofLayers: 0 };
    this.send(encodeHashRequest({ ...range, piecesRoot: new Uint8Array(32) }));
  }

  /** Now and then: time-outs, keep-alive, idle file handles. */
  tick(): void {
    const now = this.#node.clock.nowMs();
    const age = now - this.#openedMs;
    if (!this.#introduction.isShaken && age > HANDSHAKE_TIMEOUT_MS) return this.close('no handshake');
    if (!this.#ready && age > STRANGER_LIMIT_MS) return this.close('does not speak dt_archive');
    if (now - this.#heardMs > SILENCE_LIMIT_MS) return this.close('silent');
    if (this.#probedMs !== undefined && now - this.#probedMs > PROBE_MS) return this.close('silent');
    if (now - this.#spokeMs > KEEP_ALIVE_MS) this.send(encodeKeepAlive());
    this.#layers.tick();
    this.#uploads.rest();
    this.#ourWants.tick();
  }

  // ---- incoming ----

  #data(chunk: Uint8Array): void {
    this.#heardMs = this.#node.clock.nowMs();
    this.#probedMs = undefined;
    // What the system had read before it stopped reading.
    if (this.#unread) this.#unread = Buffer.concat([this.#unread, chunk]);
    else this.#read(chunk);
  }

  /** A stranger's bytes in parts: one chunk of small messages must not hold up everything else for half a second. */
  #read(chunk: Uint8Array): void {
    const nowMs = this.#node.clock.nowMs();
    const partBytes = this.trusted ? chunk.length : STRANGERS_PART_BYTES;
    try {
      for (let at = 0; at < chunk.length && !this.#closed; at += partBytes) {
        const part = chunk.length <= partBytes ? chunk : chunk.subarray(at, at + partBytes);
        const rest = this.#introduction.isShaken ? part : this.#introduction.push(part);
        if (this.#forOther) return this.#handOver(this.#forOther, rest, chunk.subarray(at + part.length));
        if (rest && rest.length > 0 && !this.#closed) this.#framer.push(rest);
        const waitMs = this.trusted ? 0 : this.#talk.spend(part.length, nowMs);
        if (waitMs === 0) continue;
        this.#pause(waitMs);
        // The chunk is the link's again when this returns.
        if (at + partBytes < chunk.length) this.#unread = chunk.slice(at + partBytes);
        return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof RangeError)) {
        // A fault of ours: one connection is what it may cost.
        log.withTag('swarm').error(`in the dialogue with ${this.address}: ${String(error)}`);
      }
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof ProtocolError && this.#introduction.isShaken) this.#node.offended(this, reason);
      this.close(reason);
    }
  }

  message(message: Message): void {
    this.#talk.message();
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
        if (lost) this.#rejected(lost);
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
    this.#talk.payload(bytes.length);
    this.#downloads.pieceData(bytes);
  }

  pieceEnd(): void {
    this.#downloads.pieceEnd();
  }

  #extended(id: number, payload: Uint8Array): void {
    switch (id) {
      case EXTENDED_HANDSHAKE_ID:
        return this.#introduction.extendedHandshake(payload);
      case OUR_ID[ARCHIVE_EXTENSION]: {
        const message = decodeArchiveMessage(payload);
        if (message) this.#archive(message);
        return;
      }
      case OUR_ID.ut_metadata:
        return this.#introduction.metadata(payload);
      case OUR_ID[PEX_EXTENSION]:
        return this.#node.exchanged(this, payload);
      case OUR_ID.lt_donthave:
        if (payload.length !== 4) throw new ProtocolError('lt_donthave of a wrong length');
        return this.#ourWants.piece(readU32(payload, 0), false);
      default:
        throw new ProtocolError(`extension ${id} was never agreed on`);
    }
  }

  #archive(message: ArchiveMessage): void {
    // Before its hello nothing can be meant: it can't be told an answer.
    if (!this.#ready && message.kind !== 'hello') return;
    switch (message.kind) {
      case 'hello':
        this.#introduction.heardHello(message.swarms);
        this.#downloads.maxRequestBytes = message.maxRequestBytes;
        if (!this.#introduction.compareSwarms() && this.#ready) return;
        this.#ready = true;
        this.#node.ready(this);
        return;
      case 'want':
        this.#introduction.isUploadOnly = false;
        return this.#theirWants.want(message.first, message.keys, message.ahead);
      case 'unwant':
        return this.#theirWants.unwant(message.ranges);
      case 'have':
        for (const entry of message.entries) this.#ourWants.have(entry);
        return;
      case 'none':
        return this.#ourWants.none(message.ranges);
      case 'claim':
        for (const entry of message.entries) this.#theirWants.claim(entry);
        return;
    }
  }

  // ---- helpers ----

  /** What the answering side needs of this connection. */
  #answering(): TheirWantsHost {
    const peer = this;
    const { clock, library, wants, keyLimits, privacy, uploads } = this.#node;
    return {
      clock,
      library,
      uploads: this.#uploads,
      get closed() {
        return peer.#closed;
      },
      keys: new KeyAccount(keyLimits, this),
      isShut: () => uploads.isShut && !this.lan,
      isSilentAbout: (key) => privacy.isSilentAbout(key, this),
      shares: (infoHash) => this.shares(infoHash),
      say: (message) => this.#speech.archive(message),
      sayHaves: (entries) => this.#speech.haves(entries),
      sayHave: (number) => this.send(encodeHave(number)),
      sayLost: (range) => this.#speech.lost(range),
      fellowChanged: (key) => wants.fellowChanged(key),
      close: (reason) => this.close(reason),
    };
  }

  #compareSwarms(): void {
    if (this.#introduction.compareSwarms() && this.#ready) this.#node.ready(this);
  }

  /** UNCHOKE says when all may be asked for again, HAVE when a single piece may. */
  #rejected(lost: { offer: Offer; piece: number }): void {
    const { offer, piece } = lost;
    this.#failed(lost);
    if (offer.closed) return;
    if (this.choked) offer.set(piece, true);
    else offer.holdBack(piece);
  }

  #failed({ offer, piece }: { offer: Offer; piece: number }): void {
    if (!offer.closed) offer.want.seeker.failed(offer, piece);
  }

  #downloaded(bytes: number): void {
    this.bytesDown += bytes;
    this.#node.moved(this, 'down', bytes);
    const { clock, downloadBucket } = this.#node;
    this.#pause(downloadBucket.spend(bytes, clock.nowMs()));
  }

  /** Reads no more for so long. */
  #pause(waitMs: number): void {
    const { clock } = this.#node;
    const untilMs = clock.nowMs() + waitMs;
    if (waitMs === 0 || this.#closed || (this.#resume && untilMs <= this.#pausedUntilMs)) return;
    if (!this.#resume) this.link.pause();
    this.#resume?.();
    this.#pausedUntilMs = untilMs;
    this.#resume = clock.after(waitMs, () => {
      this.#resume = undefined;
      const unread = this.#unread;
      this.#unread = undefined;
      if (unread) this.#read(unread);
      if (!this.#resume && !this.#closed) this.link.resume();
    });
  }

  #uploaded(bytes: number): void {
    this.bytesUp += bytes;
    this.#node.moved(this, 'up', bytes);
  }

  /** The link goes on, but isn't ours. */
  #handOver(handshake: Handshake, rest: Uint8Array | undefined, behind: Uint8Array): void {
    const { link } = this;
    this.#gone('it is here for another torrent');
    const isTaken = this.#node.elsewhere?.accept(
      link,
      handshake,
      Buffer.concat([rest ?? new Uint8Array(0), behind]),
    );
    if (!isTaken) link.close('not in a swarm of ours');
  }

  #gone(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#resume?.();
    this.#unread = undefined;
    this.#framer.close();
    this.#uploads.close();
    this.#layers.close(reason);
    this.#ourWants.close();
    for (const lost of this.#downloads.close()) this.#failed(lost);
    this.#node.closed(this, reason);
    this.#theirWants.close();
  }
}

/**
 * One standard torrent: every event that concerns more than one of its peers is handled here, each by one call. It puts
 * together what others decide (downloads.ts whom to ask for what, choker.ts whom to give) and knows all its peers; the
 * dialogue is Peer's, the bytes are Content's. It begins with the metadata where only an info-hash is known.
 * Specs: BEP 3, 9, 11, 19, 21, 27, 52.
 */
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Link } from '../swarm/link.ts';
import {
  type InfoHash,
  infoHashOf,
  infoHashToBytes,
  infoHashV2Of,
  shortInfoHash,
} from '../torrent/info-hash.ts';
import { type Metainfo, parseInfo } from '../torrent/metainfo.ts';
import type { Handshake } from '../wire/handshake.ts';
import type { BlockRef, HashRange } from '../wire/message.ts';
import type { Bitfield } from './bitfield.ts';
import { Content } from './content.ts';
import type { Receipt, Work } from './downloads.ts';
import { Exchange } from './exchange.ts';
import { Giving, type GivingHost } from './giving.ts';
import { LayerAnswers, LayerFetch } from './layer-fetch.ts';
import { MetadataAnswers, MetadataFetch } from './metadata.ts';
import type { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import type { TorrentNode, TorrentOptions, TorrentStatus } from './torrent-node.ts';
import { TorrentPeers, type TorrentPeersHost } from './torrent-peers.ts';
import { WebSeed } from './web-seed.ts';

const ENOUGH_PEERS = 50;
/** Who has all dials less: others want something of it. */
const ENOUGH_FOR_A_SEED = 30;
const MAX_WEB_SEEDS = 8;

export class Torrent implements PeerHost {
  readonly clock: Clock;
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly downloadBucket: TokenBucket;
  readonly #node: TorrentNode;
  readonly #options: TorrentOptions;
  /** 20 bytes each, as handshakes have them. */
  readonly #hashes: readonly Uint8Array[];
  readonly #peers: TorrentPeers;
  /** Those whose pieces the picker has counted one by one. */
  readonly #counted = new Set<Peer>();
  readonly #giving: Giving;
  readonly #exchange: Exchange;
  readonly #metadataAnswers: MetadataAnswers<Peer>;
  readonly #metadataFetch: MetadataFetch<Peer> | undefined;
  #metainfo: Metainfo | undefined;
  #content: Content | undefined;
  #layerFetch: LayerFetch | undefined;
  #layerAnswers: LayerAnswers | undefined;
  #webSeeds: WebSeed[] = [];
  #phase: TorrentStatus['phase'] = 'metadata';
  #checkedBytes = 0;
  #fromPeers = 0;
  #fromWebSeeds = 0;
  #isFilling = false;
  #isStopped = false;

  constructor(options: TorrentOptions) {
    const { node, infoHashV1, infoHashV2, metainfo } = options;
    this.#options = options;
    this.#node = node;
    this.clock = node.clock;
    this.peerId = node.peerId;
    this.client = node.client;
    this.downloadBucket = node.downloadBucket;
    this.#hashes = [infoHashV1, infoHashV2 && shortInfoHash(infoHashV2)]
      .filter((hash) => hash !== undefined)
      .map(infoHashToBytes);
    this.#peers = new TorrentPeers(this.#peersHost());
    this.#giving = new Giving(this.#givingHost());
    this.#exchange = new Exchange(node.clock);
    this.#metadataAnswers = new MetadataAnswers(node.clock);
    if (metainfo) this.#known(metainfo);
    else
      this.#metadataFetch = new MetadataFetch(
        node.clock,
        (info) => this.#isInfo(info),
        (info) => this.#metadataCame(info),
      );
  }

  /** 40 hexadecimal digits each, v1's first. */
  get infoHashes(): InfoHash[] {
    return this.#hashes.map((hash) => hash.toHex() as InfoHash);
  }

  get isPrivate(): boolean {
    return this.#metainfo?.isPrivate ?? false;
  }

  get peers(): readonly Peer[] {
    return [...this.#peers.ready];
  }

  status(): TorrentStatus {
    const content = this.#content;
    return {
      phase: this.#phase,
      name: this.#metainfo?.name ?? '',
      sizeBytes: content?.layout.sizeBytes ?? 0,
      haveBytes: content?.haveBytes ?? 0,
      partBytes: content?.downloads.partBytes ?? 0,
      checkedBytes: this.#checkedBytes,
      peers: this.#peers.ready.size,
      seeds: this.peers.filter(({ isSeed }) => isSeed).length,
      webSeeds: this.#webSeeds.length,
      fromPeers: this.#fromPeers,
      fromWebSeeds: this.#fromWebSeeds,
      uploaded: this.#giving.bytes,
    };
  }

  /** One that was named for it: an address that may be dialled. */
  found(at: HostPort, options: { readonly infoHash?: string; readonly isGiven?: boolean } = {}): void {
    this.#peers.addresses.add(at, options, this.clock.nowMs());
    this.#peers.dialMore();
  }

  /** Another node dialled us, and its handshake names this torrent. */
  accept(link: Link, handshake: Handshake, rest: Uint8Array): void {
    this.#peers.accept(link, handshake, rest);
  }

  /** Once a second. */
  tick(): void {
    this.#peers.tick();
    this.#metadataFetch?.tick();
    this.#layerFetch?.tick();
    this.#giving.tick();
    if (!this.isPrivate) this.#exchange.tick(this.peers, (at) => this.#peers.isGiven(at));
    this.#peers.dialMore();
    for (const peer of this.#peers.ready) {
      this.#metadataFetch?.offer(peer);
      this.#layerFetch?.ask(peer);
    }
    this.#fillAll();
  }

  /** Resolves when what it has is on the disk. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const seed of this.#webSeeds) seed.close();
    this.#peers.closeAll('stopping');
    await this.#content?.close();
  }

  // ---- PeerHost ----

  get pieceCount(): number {
    return this.#content?.layout.pieceCount ?? 0;
  }

  get have(): Bitfield | undefined {
    return this.#content?.have;
  }

  get metadataBytes(): number | undefined {
    return this.#metainfo?.info.length;
  }

  /** Not where something may come in yet that nobody fetches: libtorrent leaves who wants nothing and has nothing for it. */
  get isUploadOnly(): boolean {
    return this.#phase === 'seeding' && (this.#content?.isComplete ?? false);
  }

  get speaksExchange(): boolean {
    return !this.isPrivate;
  }

  get infoHashV2(): Uint8Array | undefined {
    const { infoHashV2 } = this.#options;
    return infoHashV2 && infoHashToBytes(shortInfoHash(infoHashV2));
  }

  isOurs(infoHash: Uint8Array): boolean {
    return this.#hashes.some((hash) => Buffer.compare(hash, infoHash) === 0);
  }

  portFor(host: string): number | undefined {
    return this.#node.portFor(host);
  }

  shaken(peer: Peer): string | undefined {
    return this.#peers.objection(peer);
  }

  introduced(peer: Peer): void {
    this.#metadataFetch?.offer(peer);
    this.#layerFetch?.ask(peer);
    this.#closeIfUseless(peer);
  }

  hasChanged(peer: Peer, piece: number | undefined, before: Bitfield | undefined): void {
    const content = this.#content;
    const has = peer.pieces;
    if (!content || !has) return;
    let isNews = true;
    if (piece !== undefined) {
      // What it has got or lost.
      const got = has.has(piece);
      isNews = got && !content.have.has(piece);
      if (!this.#counted.has(peer)) this.#count(peer, content);
      else if (got) content.downloads.picker.seen(piece);
      else content.downloads.picker.gone(piece);
      if (!content.have.has(piece)) peer.useful += got ? 1 : -1;
    } else {
      if (before) this.#uncount(peer, content, before);
      this.#count(peer, content);
      peer.useful = countUseful(has, content.have);
    }
    this.#interest(peer);
    if (isNews) content.downloads.hasMore(peer);
    if (isNews) this.#fillSoon();
    this.#closeIfUseless(peer);
  }

  chokeChanged(peer: Peer): void {
    this.#content?.downloads.hasMore(peer);
    if (peer.isChoking || peer.isSnubbing) this.#content?.downloads.release(peer);
    this.#fillSoon();
  }

  interestChanged(): void {
    this.#giving.interestChanged();
  }

  canGive(piece: number, begin: number, length: number): boolean {
    return this.#giving.canGive(piece, begin, length);
  }

  deliver(peer: Peer): number {
    return this.#giving.deliver(peer);
  }

  wanted(peer: Peer, block: BlockRef): boolean {
    peer.requests.add(block);
    this.#node.uploads.wake(peer);
    return true;
  }

  uploadsDrained(peer: Peer): void {
    if (peer.requests.length > 0) this.#node.uploads.wake(peer);
  }

  received(peer: Peer, receipt: Receipt): void {
    this.#took(receipt, peer);
    this.#fill(peer);
  }

  lost(_peer: Peer, work: Work, block: number): void {
    this.#content?.downloads.takeBack(work, block);
    this.#fillSoon();
  }

  metadata(peer: Peer, payload: Uint8Array): void {
    this.#metadataAnswers.heard(peer, payload, this.#metainfo?.info, this.#metadataFetch);
  }

  exchanged(peer: Peer, payload: Uint8Array): void {
    if (this.isPrivate) return;
    for (const at of this.#exchange.heard(peer, payload))
      this.#peers.addresses.add(at, { infoHash: peer.infoHash, toldBy: peer.address }, this.clock.nowMs());
  }

  hashRequest(peer: Peer, range: HashRange): void {
    this.#layerAnswers?.asked(peer, range, this.clock.nowMs());
  }

  hashes(peer: Peer, message: HashRange & { readonly hashes: Uint8Array }): void {
    this.#layerFetch?.heard(peer, message);
    this.#layerFetch?.ask(peer);
  }

  hashReject(peer: Peer, range: HashRange): void {
    this.#layerFetch?.rejected(peer, range);
  }

  sawUs(address: Uint8Array, from: string): void {
    this.#node.sawUs(address, from);
  }

  downloaded(peer: Peer, bytes: number): void {
    this.#fromPeers += bytes;
    this.#node.moved('down', bytes, peer.isNear);
  }

  blamed(peer: Peer, reason: string): void {
    this.#peers.ban(peer, reason);
  }

  closed(peer: Peer, reason: string): void {
    this.#peers.closed(peer, reason);
    this.#node.uploads.leave(peer);
    this.#metadataFetch?.ended(peer);
    const content = this.#content;
    if (content) {
      if (peer.pieces) this.#uncount(peer, content, peer.pieces);
      content.downloads.release(peer);
    }
    if (this.#isStopped) return;
    this.#fillSoon();
    if (!peer.isChoked) this.#giving.rechoke();
  }

  #peersHost(): TorrentPeersHost {
    const torrent = this;
    return {
      node: this.#node,
      peerHost: this,
      infoHash: this.#hashes[0] as Uint8Array,
      get enough() {
        if (torrent.#phase === 'checking') return 0;
        return torrent.#phase === 'seeding' ? ENOUGH_FOR_A_SEED : ENOUGH_PEERS;
      },
      get isStopped() {
        return torrent.#isStopped;
      },
    };
  }

  #givingHost(): GivingHost {
    const torrent = this;
    const { clock, draw, uploads } = this.#node;
    return {
      clock,
      draw,
      takers: this.#peers.ready,
      get isSeed() {
        return torrent.#phase === 'seeding';
      },
      get isStopped() {
        return torrent.#isStopped;
      },
      get content() {
        return torrent.#content;
      },
      get uploadLimit() {
        return uploads.farLimit;
      },
      uploaded: (bytes, isNear) => this.#node.moved('up', bytes, isNear),
      pieceGone: (piece) => this.pieceGone(piece),
    };
  }

  // ---- content ----

  /** Pieces that were here aren't any more (the store let them go). */
  pieceGone(piece: number): void {
    const content = this.#content;
    if (!content?.lost(piece)) return;
    if (this.#phase === 'seeding' && !content.isReadOnly) this.#phase = 'fetching';
    for (const peer of this.#peers.ready) {
      peer.sayGone(piece);
      if (peer.has(piece)) peer.useful += 1;
      this.#interest(peer);
    }
  }

  /** Pieces are here that weren't, and that nobody has fetched for this torrent (the store took them in). */
  pieceCame(piece: number): void {
    const content = this.#content;
    // Before that, what the storage has is looked at as a whole.
    if (content && this.#phase === 'seeding' && content.came(piece)) this.#written(content, piece);
  }

  #isInfo(info: Uint8Array): boolean {
    const { infoHashV1, infoHashV2 } = this.#options;
    return infoHashV2 !== undefined ? infoHashV2Of(info) === infoHashV2 : infoHashOf(info) === infoHashV1;
  }

  #metadataCame(info: Uint8Array): void {
    try {
      this.#known(parseInfo(info));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #known(metainfo: Metainfo): void {
    const layout = Content.layoutOf(metainfo);
    const content = new Content({
      layout,
      torrent: metainfo,
      storage: this.#options.storage(metainfo, layout),
      buffers: this.#node.buffers,
      draw: this.#node.draw,
    });
    this.#metainfo = metainfo;
    this.#content = content;
    this.#layerAnswers = new LayerAnswers(content.check, metainfo.files);
    this.#options.events?.known?.(metainfo);
    for (const peer of this.#peers.ready) if (peer.client !== '') peer.sendExtendedHandshake();
    // By the v1 hashes all can be checked; else by the layers, which a magnet link doesn't bring.
    if (layout.isV1 || content.check.lacking().length === 0) return this.#begin(content, metainfo);
    this.#layerFetch = new LayerFetch(this.clock, content.check, () => {
      if (!this.#layerFetch?.isDone) return;
      this.#layerFetch = undefined;
      this.#begin(content, metainfo);
    });
    for (const peer of this.#peers.ready) this.#layerFetch.ask(peer);
  }

  #begin(content: Content, metainfo: Metainfo): void {
    this.#phase = 'checking';
    void this.#check(content, metainfo).catch((error: unknown) => this.#fail(error as Error));
  }

  async #check(content: Content, metainfo: Metainfo): Promise<void> {
    const pause = () => new Promise<void>((resolve) => void this.clock.after(0, resolve));
    await content.checkClaimed(pause, (bytes) => {
      this.#checkedBytes += bytes;
    });
    if (this.#isStopped) return;
    this.#phase = content.isReadOnly ? 'seeding' : 'fetching';
    content.wantMissing();
    for (const peer of this.#peers.ready) {
      for (const piece of content.have.indices()) peer.sayHave(piece);
      peer.contentKnown();
    }
    if (content.isComplete) this.#completed();
    else if (!content.isReadOnly) this.#openWebSeeds(metainfo, content);
    this.#options.events?.checked?.();
    this.tick();
  }

  #openWebSeeds(metainfo: Metainfo, content: Content): void {
    const { web } = this.#node;
    if (!web) return;
    const urls = new Set([...metainfo.webSeeds, ...(this.#options.webSeeds ?? [])]);
    for (const url of [...urls].slice(0, MAX_WEB_SEEDS)) {
      this.#webSeeds.push(
        new WebSeed(url, {
          web,
          clock: this.clock,
          downloadBucket: this.downloadBucket,
          layout: content.layout,
          downloads: content.downloads,
          name: metainfo.name,
          webReceived: (_seed, receipt) => this.#took(receipt, _seed),
          webDownloaded: (bytes) => {
            this.#fromWebSeeds += bytes;
          },
        }),
      );
    }
  }

  #took(receipt: Receipt, giver: Peer | WebSeed): void {
    const content = this.#content;
    const { work, block } = receipt;
    if (!content || content.downloads.works.get(work.piece) !== work) return;
    const isShared = work.askers(block) > 1;
    if (!work.received(receipt, giver)) return;
    if (isShared) for (const peer of this.#peers.ready) if (peer !== giver) this.#cancel(peer, work, block);
    if (work.isWhole) this.#finish(content, work);
  }

  #cancel(peer: Peer, work: Work, block: number): void {
    if (!peer.owes(work.piece, block)) return;
    peer.cancel(work, block);
    work.takeBack(block);
  }

  #finish(content: Content, work: Work): void {
    const isRight = content.finish(
      work,
      () => this.#written(content, work.piece),
      (error) => this.#fail(error),
    );
    if (!isRight) this.#fillSoon();
  }

  #written(content: Content, piece: number): void {
    if (this.#isStopped) return;
    for (const peer of this.#peers.ready) {
      if (peer.has(piece)) {
        peer.useful -= 1;
        if (peer.useful === 0) this.#interest(peer);
      } else peer.sayHave(piece);
    }
    if (content.isComplete) this.#completed();
  }

  #completed(): void {
    this.#phase = 'seeding';
    for (const seed of this.#webSeeds) seed.close();
    this.#webSeeds = [];
    for (const peer of this.peers) {
      this.#interest(peer);
      if (peer.client !== '') peer.sendExtendedHandshake();
      this.#closeIfUseless(peer);
    }
    this.#options.events?.completed?.();
  }

  #fail(error: Error): void {
    if (this.#isStopped) return;
    this.#phase = 'failed';
    this.#options.events?.failed?.(error);
    void this.stop().catch(() => {});
  }

  // ---- peers ----

  #interest(peer: Peer): void {
    peer.setInterested(this.#phase === 'fetching' && peer.useful > 0);
  }

  /** Two that have all have nothing to do with each other. */
  #closeIfUseless(peer: Peer): void {
    if (this.#phase === 'seeding' && (peer.isSeed || peer.isUploadOnly)) peer.close('nothing to do');
  }

  #count(peer: Peer, content: Content): void {
    const has = peer.pieces as Bitfield;
    // Who has all of them makes none rarer than another.
    if (has.isFull) return;
    this.#counted.add(peer);
    for (const piece of has.indices()) content.downloads.picker.seen(piece);
  }

  #uncount(peer: Peer, content: Content, has: Bitfield): void {
    if (!this.#counted.delete(peer)) return;
    for (const piece of has.indices()) content.downloads.picker.gone(piece);
  }

  #fill(peer: Peer): void {
    const content = this.#content;
    if (!content || this.#phase !== 'fetching' || peer.useful === 0) return;
    for (let room = peer.room(); room > 0; room -= 1) {
      const ask = content.downloads.next(peer);
      if (!ask) return;
      peer.request(ask.work, ask.block);
    }
  }

  #fillAll(): void {
    if (this.#phase !== 'fetching') return;
    for (const peer of this.#peers.ready) this.#fill(peer);
    for (const seed of this.#webSeeds) seed.run();
  }

  /** After what is going on now: something has become free. */
  #fillSoon(): void {
    if (this.#isFilling || this.#isStopped) return;
    this.#isFilling = true;
    this.clock.after(0, () => {
      this.#isFilling = false;
      this.#fillAll();
    });
  }
}

function countUseful(has: Bitfield, have: Bitfield): number {
  let useful = 0;
  for (let i = 0; i < has.bytes.length; i += 1) {
    let bits = (has.bytes[i] as number) & ~(have.bytes[i] as number);
    for (; bits !== 0; bits &= bits - 1) useful += 1;
  }
  return useful;
}

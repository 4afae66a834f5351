/**
 * All swarms of this node and all its connections: one for each pair of nodes, whatever they share. Here every event
 * that concerns more than one peer is handled; each is one call. It decides who may connect and who is told what;
 * the dialogue is Peer's, the addresses are Dialer's, whom to believe is the flights'.
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { Sha256 } from '../lib/sha256.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { addressGroup } from './address.ts';
import type { Ban } from './bans.ts';
import { ClaimBreakers } from './claim-breakers.ts';
import { Dialer } from './dialer.ts';
import { type BanKeeper, Door } from './door.ts';
import { FalseWords } from './false-words.ts';
import { KeyLimits } from './key-limits.ts';
import type { Library, Servable } from './library.ts';
import type { Dial, Link, LinkListener, Listen } from './link.ts';
import { LocalNetwork } from './local-network.ts';
import { Peer } from './peer.ts';
import { PeerExchange } from './peer-exchange.ts';
import type { Elsewhere, Outside, OwnSwarm, PeerNode } from './peer-node.ts';
import { type PieceBuffers, pieceBuffers } from './piece-buffers.ts';
import { Privacy } from './privacy.ts';
import { betterOf, isKnown, isNear, type Provenance } from './provenance.ts';
import { TALK_OF_ALL_BYTES_PER_SECOND } from './talk-limit.ts';
import { dialTcp, listenTcp } from './tcp.ts';
import { UploadScheduler } from './upload-scheduler.ts';
import { type Seeker, type Want, type Wanted, Wants } from './wants.ts';

export interface SwarmsOptions {
  readonly library: Library;
  /** 20 bytes, new at each start. */
  readonly peerId: Uint8Array;
  readonly client: string;
  /** Limits of what we give, near and far; may be one and the same. */
  readonly uploadBuckets: { readonly lan: TokenBucket; readonly wan: TokenBucket };
  readonly downloadBucket: TokenBucket;
  /** Payload bytes, for totals. */
  readonly moved: (direction: 'up' | 'down', bytes: number, lan: boolean) => void;
  readonly clock?: Clock;
  readonly dial?: Dial;
  readonly listen?: Listen;
  readonly buffers?: PieceBuffers;
  /** 0 to 1: whom to dial and to ask. */
  readonly draw?: () => number;
  /** Whether peers are told of one another (ut_pex). True unless said. */
  readonly exchange?: boolean;
  /** Who may learn what we look for; the default scope unless given. */
  readonly privacy?: Privacy;
  /** What counts as the local network; private addresses unless given. */
  readonly local?: LocalNetwork;
  /** Keeps bans over restarts. */
  readonly banKeeper?: BanKeeper;
  /** Told who comes in, and how we are seen. */
  readonly outside?: Outside;
  /** One whom nobody has named has come into this swarm: one of the operator's trackers may know it. */
  readonly strangerCame?: (infoHash: string) => void;
  /** Gets those whose handshake names no swarm of ours. */
  readonly elsewhere?: Elsewhere;
}

const TICK_MS = 5_000;

const diary = log.withTag('swarm');

export class Swarms implements PeerNode, AsyncDisposable {
  readonly clock: Clock;
  readonly buffers: PieceBuffers;
  readonly peerId: Uint8Array;
  readonly client: string;
  readonly uploads: UploadScheduler;
  readonly downloadBucket: TokenBucket;
  readonly library: Library;
  readonly wants: Wants;
  readonly keyLimits: KeyLimits;
  readonly talkOfAll: TokenBucket;
  readonly privacy: Privacy;
  readonly falseWords: FalseWords;
  readonly elsewhere: Elsewhere | undefined;
  readonly #local: LocalNetwork;
  readonly #door: Door;
  readonly #moved: SwarmsOptions['moved'];
  readonly #outside: Outside | undefined;
  readonly #strangerCame: SwarmsOptions['strangerCame'];
  readonly #listen: Listen;
  readonly #dialer: Dialer;
  readonly #exchange: PeerExchange | undefined;
  readonly #own = new Map<string, OwnSwarm>();
  /** Every connection, also those that haven't shaken hands. */
  readonly #connections = new Set<Peer>();
  /** Those that have shaken hands. */
  readonly #peers = new Set<Peer>();
  readonly #claimBreakers: ClaimBreakers;
  #listener: LinkListener | undefined;
  #tick: (() => void) | undefined;
  #stopped = false;

  constructor(options: SwarmsOptions) {
    this.clock = options.clock ?? systemClock;
    this.buffers = options.buffers ?? pieceBuffers;
    this.peerId = options.peerId;
    this.client = options.client;
    this.library = options.library;
    this.uploads = new UploadScheduler(this.clock, options.uploadBuckets);
    this.downloadBucket = options.downloadBucket;
    const draw = options.draw ?? Math.random;
    this.privacy = options.privacy ?? new Privacy();
    this.wants = new Wants(this.clock, draw, this.privacy);
    this.keyLimits = new KeyLimits(this.clock);
    this.talkOfAll = new TokenBucket(TALK_OF_ALL_BYTES_PER_SECOND, this.clock.nowMs());
    this.falseWords = new FalseWords(this.clock);
    this.elsewhere = options.elsewhere;
    this.#local = options.local ?? new LocalNetwork(this.clock);
    this.#door = new Door(this.clock, options.banKeeper, this.#local);
    this.#claimBreakers = new ClaimBreakers(this.clock);
    this.#moved = options.moved;
    this.#outside = options.outside;
    this.#strangerCame = options.strangerCame;
    this.#listen = options.listen ?? listenTcp;
    this.#dialer = new Dialer({
      clock: this.clock,
      dial: options.dial ?? dialTcp,
      local: this.#local,
      swarms: () => [...this.#own.keys()],
      draw,
      wants: (infoHash) => this.#door.places.wants(infoHash),
      mayDial: (at, provenance) => this.#mayMeet(at.host, provenance) && this.#door.mayDial(at, provenance),
      connected: (link, infoHash, provenance) => this.#add(link, infoHash, provenance),
    });
    if (options.exchange ?? true) {
      this.#exchange = new PeerExchange({
        clock: this.clock,
        local: this.#local,
        peers: () => this.readyPeers(),
        hint: (at, infoHash, source) => this.#dialer.found(at, infoHash, 'pex', source),
      });
    }
    this.#scheduleTick();
  }

  /** The port others can dial. */
  get port(): number | undefined {
    return this.#listener?.address.port;
  }

  /** Where a router stands between, the Internet has another one for us. */
  portFor(host: string): number | undefined {
    const isFar = !this.#local.has(host) && !host.includes(':');
    return this.port === undefined || !isFar ? this.port : (this.#outside?.outerPort ?? this.port);
  }

  /** Starts accepting peers. Throws when the address is taken. */
  listen(at: HostPort): HostPort {
    try {
      this.#listener = this.#listen(at, (link) => this.#accept(link));
    } catch (cause) {
      throw new Error(`could not listen for peers on ${formatHostPort(at)}: ${reasonOf(cause)}`, { cause });
    }
    return this.#listener.address;
  }

  /** The swarms to be in from now on; peers that share none of them any more are closed. */
  join(swarms: Iterable<OwnSwarm>): void {
    const before = [...this.#own.keys()].join();
    this.#own.clear();
    for (const swarm of swarms) this.#own.set(swarm.infoHash, swarm);
    if ([...this.#own.keys()].join() === before) return;
    for (const peer of [...this.#peers]) {
      peer.sendHello();
      if (![...peer.swarms].some((s) => this.#own.has(s))) peer.close('no swarm in common');
    }
    this.#dialer.swarmsChanged();
  }

  /** Connections may be dead without a word: those that give no sign of life within seconds are closed. */
  probeAll(): void {
    for (const peer of this.readyPeers()) peer.probe();
  }

  /** An address given by hand: kept, dialled again for ever, trusted as the LAN is. */
  give(at: HostPort): void {
    this.#dialer.give(at);
  }

  /** Addresses that may be dialled (discovery/dialable.ts) and that somebody named for a swarm. */
  found(infoHash: string, addresses: readonly HostPort[], provenance: Provenance = 'tracker'): void {
    if (!this.#own.has(infoHash)) return;
    for (const at of addresses) this.#dialer.found(at, infoHash, provenance);
    if (isKnown(provenance)) this.#recogniseStrangers();
  }

  /**
   * Local discovery has heard one node of a swarm at these addresses, the one to dial first; the others only when it is
   * heard again and there is still no connection. Whoever is there is on the local network.
   */
  heard(infoHash: string, addresses: readonly HostPort[], isNew: boolean): void {
    if (!this.#own.has(infoHash)) return;
    for (const { host } of addresses) this.#heardOnLan(host);
    if (addresses.some((at) => this.#isConnected(at))) return;
    this.found(infoHash, isNew ? addresses.slice(0, 1) : addresses, 'lan');
  }

  /** Whether a peer is connected that listens there. */
  #isConnected({ host, port }: HostPort): boolean {
    const address = host.replace(/%.*$/, '');
    return this.peers().some((peer) => {
      const listens = peer.dialled ? peer.link.remote.port : peer.listenPort;
      return peer.address === address && listens === port;
    });
  }

  // ---- for flights ----

  look(what: Wanted, seeker: Seeker): Want {
    return this.wants.open(what, seeker, this.readyPeers());
  }

  /** Asks who has it before anybody fetches it; undefined when it is looked for already. */
  lookAhead(what: Wanted, seeker: Seeker): Want | undefined {
    return this.wants.openAhead(what, seeker, this.readyPeers());
  }

  /** Until when an answer to this want, or a connection that could answer it, is worth waiting for. */
  answersUntilMs(want: Want): number | undefined {
    const answers = want.answersUntilMs();
    const hopeful = this.#dialer.hopefulUntilMs();
    if (answers === undefined) return hopeful;
    return hopeful === undefined ? answers : Math.max(answers, hopeful);
  }

  /** Those that were asked, haven't answered, and looked for the same file before: they are likely to have it. */
  *likely(want: Want): Generator<Peer> {
    for (const peer of want.unanswered.keys()) if (peer.soughtLately(want.key)) yield peer;
  }

  /** Whether anybody could be asked at all. */
  get hasPeers(): boolean {
    return this.#peers.size > 0 || this.#dialer.hopefulUntilMs() !== undefined;
  }

  /** A file, or a verified part of it, can be served from now on. */
  offer(servable: Servable): void {
    for (const peer of this.#peers) peer.offerIfWanted(servable);
  }

  pieceVerified(servable: Servable, piece: number): void {
    for (const peer of this.#peers) peer.pieceVerified(servable, piece);
  }

  /** Connected nodes that look for the same file, and may know that we do. */
  *fellows(want: Want): Generator<Peer> {
    for (const peer of this.#peers) {
      if (peer.looksFor(want.key) && this.wants.mayLearn(want, peer)) yield peer;
    }
  }

  /** It claimed and did not keep it: for a while nothing it claims counts. */
  breakClaim(peer: Peer): void {
    this.#claimBreakers.add(peer);
  }

  isClaimBroken(peer: Peer): boolean {
    return this.#claimBreakers.has(peer);
  }

  fileGone(key: Sha256): void {
    for (const peer of this.#peers) peer.fileGone(key);
  }

  // ---- for status ----

  peersIn(infoHash: string): number {
    let count = 0;
    for (const peer of this.#peers) if (peer.ready && peer.shares(infoHash)) count += 1;
    return count;
  }

  peers(): Peer[] {
    return [...this.#peers].filter((peer) => peer.ready);
  }

  banned(): Ban[] {
    return this.#door.banned();
  }

  // ---- for peers ----

  ownSwarms(): ReadonlyMap<string, OwnSwarm> {
    return this.#own;
  }

  *readyPeers(): Generator<Peer> {
    for (const peer of this.#peers) if (peer.ready) yield peer;
  }

  shaken(peer: Peer): boolean {
    if (Buffer.compare(peer.id, this.peerId) === 0) {
      this.#dialer.forget(peer.link);
      return false;
    }
    if (peer.dialled) this.#dialer.answered(peer.link, peer.id.toHex());
    const twins = [...this.#peers].filter(({ id }) => Buffer.compare(id, peer.id) === 0);
    const other = twins.find((twin) => isSamePlace(twin, peer));
    if (other) {
      // A double dial keeps the connection that the lower peer id dialled, so both ends drop the same one.
      const lowerIsUs = Buffer.compare(this.peerId, peer.id) < 0;
      const keepNew = other.dialled !== peer.dialled && peer.dialled === lowerIsUs;
      const [kept, dropped] = keepNew ? [peer, other] : [other, peer];
      this.#know(kept, this.#dialer.replace(dropped.link, kept.link));
      // It may be better known now than when our wants were opened.
      if (kept.ready) this.wants.peerReady(kept);
      if (!keepNew) return false;
      other.close('a second connection');
    } else if (twins.length > 0 && !peer.dialled) {
      // A peer id is easily copied: at another address it never takes a peer's place, nor keeps us from the one whom we
      // dial. Where it is the same node after all (both of IPv4 and IPv6), the end that was dialled notices it here. It
      // may have changed its address, too: then the old connection is dead, and there is room when it comes again.
      for (const twin of twins) twin.probe();
      return false;
    } else {
      const objection = this.#door.places.objection(peer, peer.firstSwarm);
      if (objection) peer.close(objection);
      if (objection) return false;
    }
    this.#peers.add(peer);
    return true;
  }

  ready(peer: Peer): void {
    this.#recognise(peer);
    if (this.privacy.scope === 'lan' && !peer.trusted) return peer.close('a stranger');
    const objection = this.#door.places.objection(peer, peer.firstSwarm);
    if (objection) return peer.close(objection);
    diary.debug(`peer ${peer.address} (${peer.client}) shares ${peer.swarms.size} swarms`);
    const { host } = peer.link.remote;
    if (!peer.lan) peer.dialled ? this.#outside?.wentOut(host) : this.#outside?.cameIn(host);
    this.wants.peerReady(peer);
    if (!peer.dialled && !peer.known) this.#strangerCame?.(peer.firstSwarm);
  }

  sawUs(address: Uint8Array, from: string): void {
    if (!this.#local.has(from)) this.#outside?.sawUs(address, from);
  }

  closed(peer: Peer, reason: string): void {
    this.#connections.delete(peer);
    this.#door.places.leave(peer);
    this.#peers.delete(peer);
    this.wants.peerGone(peer);
    diary.debug(`peer ${peer.address} closed: ${reason}`);
    if (!this.#stopped) this.#dialer.ended(peer.link, peer.client !== '');
  }

  ban(peer: Peer, reason: string): void {
    this.#door.ban(peer, reason);
    diary.warn(`peer ${peer.address} is banned: ${reason}`);
    for (const other of [...this.#connections]) {
      if (this.#door.isBanned(other)) other.close(`banned: ${reason}`);
    }
  }

  exchanged(peer: Peer, payload: Uint8Array): void {
    this.#exchange?.heard(peer, payload);
  }

  offended(peer: Peer, reason: string): void {
    if (this.#door.isSecondOffence(peer)) this.ban(peer, `broke the protocol twice: ${reason}`);
  }

  moved(peer: Peer, direction: 'up' | 'down', bytes: number): void {
    this.#moved(direction, bytes, peer.lan);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#tick?.();
    this.#dialer.stop();
    this.wants.stop();
    this.#listener?.close();
    for (const peer of [...this.#connections]) peer.close('stopping');
    this.uploads.stop();
  }

  /** One that dialled us may have been named to us, where it says that it listens. */
  #recognise(peer: Peer): void {
    const { link, listenPort, id } = peer;
    if (!peer.dialled && listenPort !== undefined)
      this.#know(peer, this.#dialer.recognise(link, listenPort, id.toHex()));
  }

  /** Somebody was named just now who may be here already, as a stranger. */
  #recogniseStrangers(): void {
    for (const peer of this.readyPeers()) {
      if (peer.dialled || peer.known) continue;
      this.#recognise(peer);
      // There may be what it can be asked for now.
      if (peer.known) this.wants.peerReady(peer);
    }
  }

  /** It was met that way, too. */
  #know(peer: Peer, provenance: Provenance): void {
    peer.provenance = betterOf(peer.provenance, provenance);
    if (provenance === 'lan') peer.becomeLan();
  }

  /** Whoever is connected from there is on the local network. */
  #heardOnLan(host: string): void {
    this.#local.heard(host);
    for (const peer of this.#connections) {
      if (peer.address !== host || isNear(peer.provenance)) continue;
      this.#know(peer, 'lan');
      if (peer.ready) this.wants.peerReady(peer);
    }
  }

  #accept(link: Link): void {
    const { host } = link.remote;
    const refusal = this.#stopped ? 'stopping' : this.#refusal(host);
    if (refusal) {
      link.attach({ data: () => {}, drained: () => {}, closed: () => {} });
      link.close(refusal);
      return;
    }
    this.#add(link, undefined, 'inbound');
  }

  #refusal(host: string): string | undefined {
    if (!this.#mayMeet(host, this.#dialer.expects(host))) return 'a stranger';
    return this.#door.refusal(host, () => this.#dialer.expects(host));
  }

  /** Whether the operator wants to have to do with such as these at all. */
  #mayMeet(host: string, provenance: Provenance): boolean {
    return this.privacy.scope !== 'lan' || isNear(provenance) || this.#local.has(host);
  }

  #add(link: Link, dialled: string | undefined, provenance: Provenance): void {
    const lan = provenance === 'lan' || this.#local.has(link.remote.host);
    const peer = new Peer(this, { link, dialled, provenance, lan });
    if (peer.closed) return;
    this.#connections.add(peer);
    this.#door.places.enter(peer);
  }

  #scheduleTick(): void {
    this.#tick = this.clock.after(TICK_MS, () => {
      for (const peer of [...this.#connections]) peer.tick();
      this.#exchange?.tick();
      this.#scheduleTick();
    });
  }
}

/** A peer id is easily copied: the same one is the same node only where it comes from. Exactly there, if given by hand. */
function isSamePlace(a: Peer, b: Peer): boolean {
  if (a.given || b.given) return a.address === b.address;
  return addressGroup(a.address) === addressGroup(b.address);
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
    return 'address in use; another debtorrent may be running, or give --peer-listen';
  return error instanceof Error ? error.message : String(error);
}

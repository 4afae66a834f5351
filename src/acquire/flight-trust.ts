/**
 * What a piece of a flight's file is worth: which hash tree is followed, what peers have stated of roots and single
 * pieces, and, once the right file is here, who stated falsely. It decides whose bytes may be asked for, what they
 * rest on when they come, and who is banned; it fetches hash layers, never content.
 *
 *  - Two roots: the layer of the second is fetched, too (it is at most 64 KiB: cheaper than a descent by hash
 *    messages is in round trips). Pieces in which the two differ come from the mirror alone, the first of them at once;
 *    what the mirror gives drops the tree that it contradicts.
 *  - Nobody is banned for a root or a hash before the whole SHA-256 has held: the mirror may be the liar. A peer whose
 *    bytes contradict its own statement is banned at once.
 * Source: docs/protocol.md "What a hash of a part is worth", "Blame".
 */
import type { Entry } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';
import type { KeptPiece } from '../store/store.ts';
import type { Servable } from '../swarm/library.ts';
import type { Offer } from '../swarm/offer.ts';
import type { Peer } from '../swarm/peer.ts';
import { HASH_BYTES, layerRoot, PieceHasher } from '../torrent/merkle.ts';
import type { Pieces } from '../torrent/pieces.ts';
import type { FlightParts } from './flight-parts.ts';
import { FollowedTree, type FollowedTreeHost } from './followed-tree.ts';
import { PieceWords } from './piece-words.ts';
import { HAVE } from './plan.ts';
import { FROM_HEARSAY, FROM_MIRROR, FROM_NOBODY, FROM_ROOT, type Origin, type Progress } from './progress.ts';
import { Roots } from './roots.ts';

export interface FlightTrustHost {
  readonly entry: Entry;
  readonly name: string;
  readonly pieces: Pieces;
  readonly progress: Progress;
  readonly ended: boolean;
  /** The mirror can be asked. */
  readonly mirrorWorks: boolean;
  /** Readers were promised nothing but the mirror's own bytes. */
  readonly promised: boolean;
  offers(): Iterable<Offer>;
  /** Another tree is followed, or none; or there is something new to plan with. */
  treeChanged(): void;
  /** Nothing can be had from this offer. */
  useless(offer: Offer): void;
  /** What rests on a tree that turned out false, and may have been shown, is missing again. */
  misled(pieces: readonly number[]): void;
}

/** What may be asked of an offer. */
export interface Askable {
  readonly all: boolean;
  has(piece: number): boolean;
}

/** After a wrong whole so many vouchers are tried by a piece of the mirror each; what others gave is fetched anew at once. */
const MAX_SAMPLES = 4;
/** More trees than this are not compared in one flight: each costs a piece of the mirror at most. */
const MAX_RIVALS = 16;

const diary = log.withTag('acquire');

export class FlightTrust implements FollowedTreeHost {
  readonly words = new PieceWords();
  readonly #host: FlightTrustHost;
  readonly #parts: FlightParts;
  readonly #roots: Roots;
  readonly #hasher: PieceHasher;
  /** The root followed now, and its layer once it is here. */
  #root: FollowedTree | undefined;
  /** Another root that whole peers state: compared with the one that is followed. */
  #rival: FollowedTree | undefined;
  #rivals = 0;
  /** Pieces that the two trees disagree about. */
  readonly #differing = new Set<number>();
  /** Pieces of one voucher each that the mirror is asked for, after the whole turned out wrong: they tell who is right. */
  readonly #samples = new Set<number>();
  /** How often the whole has turned out wrong: each time less is believed. */
  #wrongs = 0;

  constructor(host: FlightTrustHost, parts: FlightParts) {
    this.#host = host;
    this.#parts = parts;
    this.#roots = new Roots(host.entry.root);
    this.#hasher = new PieceHasher(host.pieces);
  }

  /** The tree that pieces are verified under now. */
  get tree(): NonNullable<Servable['tree']> | undefined {
    const root = this.#root;
    return root?.layer && { root: root.root, layer: root.layer };
  }

  /** The followed root comes from the signed Release: what holds under it needs no further proof. */
  get isSigned(): boolean {
    return this.#root !== undefined && this.#root.hex === this.#roots.signedHex;
  }

  /** After so many wrong wholes no peer's unproven tree is believed while the mirror works: each would cost readers a transfer. */
  get isMisled(): boolean {
    return this.#wrongs > 1;
  }

  get wrongs(): number {
    return this.#wrongs;
  }

  /** Until when the layer of the followed root, being on its way, is worth waiting for; undefined when none is. */
  get layerUntilMs(): number | undefined {
    return this.#root?.untilMs;
  }

  /** A piece that tells which of two trees is false, once the mirror has given it. */
  get telling(): number | undefined {
    for (const piece of this.#differing) return piece;
    for (const piece of this.#samples) return piece;
    return undefined;
  }

  // ---- what peers state ----

  heard(offer: Offer): void {
    this.#roots.note(offer);
    if (this.words.stated(offer.peer, offer.fresh())) this.#doubt(offer.peer);
    this.follow();
  }

  /** Now and then: what other flights have found out meanwhile, and layers that don't come. */
  review(): void {
    const { falseWords } = this.#parts.swarms;
    for (const { peer, hashes } of this.#host.offers())
      if (hashes.size > 0 && falseWords.isDoubted(peer)) this.#doubt(peer);
    this.#hurry();
  }

  /**
   * The mirror's bytes aren't what this peer had from its mirror, it says. One of the two is wrong, and a file of both is
   * no file: what only its word vouches for goes, and no more is asked for on it, here or in other flights.
   */
  #doubt(peer: Peer): void {
    if (!this.words.doubt(peer)) return;
    diary.debug(`${this.#host.name}: the mirror's bytes contradict the word of ${peer.address}`);
    this.#parts.swarms.falseWords.doubt(peer);
    const { origin, state } = this.#host.progress;
    const lost: number[] = [];
    for (let piece = 0; piece < state.length; piece += 1) {
      if (state[piece] !== HAVE || origin[piece] !== FROM_HEARSAY) continue;
      const hash = this.words.foundIn(piece);
      if (!hash || !this.words.isDoubtful(piece, hash)) continue;
      lost.push(piece);
      this.#samples.delete(piece);
      this.words.forget(piece);
    }
    this.#host.misled(lost);
    this.#host.treeChanged();
  }

  /** An offer is gone. Nobody is left who states the root we follow, and nothing rests on it: another may be followed. */
  left(): void {
    const root = this.#root;
    if (!root?.layer || this.#host.progress.origin.includes(FROM_ROOT)) return;
    for (const { rootHex } of this.#host.offers()) if (rootHex === root.hex) return;
    this.#unfollow();
  }

  /**
   * What may be asked of this offer; undefined when its bytes couldn't be judged. What two trees differ in is left to
   * the mirror, while it works.
   */
  askable(offer: Offer, mirrorWorks: boolean): Askable | undefined {
    if (this.#host.pieces.isSingle || this.#follows(offer)) {
      if (this.#isUnbelieving) return undefined;
      if (this.#differing.size === 0 || !mirrorWorks)
        return { all: offer.all, has: (piece) => offer.has(piece) };
      return { all: false, has: (piece) => offer.has(piece) && !this.#differing.has(piece) };
    }
    if (offer.hashes.size === 0 || this.isMisled) return undefined;
    const { words } = this;
    const layer = this.#root?.layer;
    // After a wrong whole only what a peer had from its own mirror counts, and no more what it was told by others.
    const needsOwn = this.#wrongs > 0;
    const mayBe = (piece: number, hash: Uint8Array, own: boolean) => {
      if ((needsOwn && !own) || words.isDoubtful(piece, hash)) return false;
      if (this.#samples.has(piece) && mirrorWorks) return false;
      return layer ? sameBytes(hash, hashAt(layer, piece)) : !words.isDisputed(piece);
    };
    return {
      all: false,
      has: (piece) => {
        const stated = offer.has(piece) ? offer.hashes.get(piece) : undefined;
        return stated !== undefined && mayBe(piece, stated.hash, stated.own);
      },
    };
  }

  /** One tree was false, and nobody's is believed while there is a mirror: each would cost readers a transfer. */
  get #isUnbelieving(): boolean {
    return !this.#host.pieces.isSingle && this.#wrongs > 0 && this.#host.mirrorWorks && !this.isSigned;
  }

  #follows(offer: Offer): boolean {
    return this.#root?.layer !== undefined && offer.rootHex === this.#root.hex;
  }

  // ---- trees ----

  /** Follows a root, where peers state one, and looks whether apt may see what rests on it. */
  follow(): void {
    const { pieces, progress } = this.#host;
    if (pieces.isSingle || (!this.#root && this.#isUnbelieving && !this.#roots.signedHex)) return;
    if (!this.#root) {
      const offer = this.#roots.choose(this.#givers()) ?? this.#roots.choose(this.#host.offers());
      if (offer?.root) this.#root = new FollowedTree(this, offer, offer.root);
    }
    if (!this.#root?.layer) return;
    if (!this.isSigned) this.#compare(this.#root);
    // Whoever was promised the mirror's bytes sees a peer's only when the whole is proven.
    if (progress.rootReleased || (this.#host.promised && !this.isSigned)) return;
    if (this.#root && this.#roots.released(this.#root.hex)) progress.releaseRoot();
  }

  #unfollow(): void {
    this.#root = undefined;
    this.#rival = undefined;
    this.#differing.clear();
    this.#host.progress.withholdRoot();
    this.follow();
    this.#host.treeChanged();
  }

  // ---- layers (FollowedTreeHost) ----

  get clock(): Clock {
    return this.#parts.clock;
  }

  layerCame(tree: FollowedTree): void {
    if (!this.#isOpen(tree)) return;
    if (this.#root === tree && tree.layer) this.#adopt(tree.layer);
    if (this.#isContradicted(tree)) this.#drop(tree);
    this.follow();
    this.#host.treeChanged();
  }

  layerFailed(tree: FollowedTree, offer: Offer, isLast: boolean): void {
    if (!this.#isOpen(tree)) return;
    if (isLast && this.#root === tree) this.#root = undefined;
    else if (isLast) this.#rival = undefined;
    this.#host.useless(offer);
    this.follow();
    this.#host.treeChanged();
  }

  #isOpen(tree: FollowedTree): boolean {
    return (this.#root === tree || this.#rival === tree) && !this.#host.ended;
  }

  /** Offers of those that give hashes when asked. */
  *#givers(): Generator<Offer> {
    for (const offer of this.#host.offers()) if (!offer.peer.withholdsHashes) yield offer;
  }

  /** A layer that is long in coming is asked of another; where nobody else states that root, another root is followed. */
  #hurry(): void {
    for (const tree of [this.#root, this.#rival]) {
      if (!tree?.isLate) continue;
      const others = [...this.#givers()].filter(({ closed, peer }) => !closed && !tree.wasAskedOf(peer));
      const same = others.find(({ rootHex }) => rootHex === tree.hex);
      if (same) {
        tree.ask(same);
      } else if (tree === this.#rival) {
        this.#rival = undefined;
        if (this.#root?.layer && !this.isSigned) this.#compare(this.#root);
      } else {
        const next = this.#roots.choose(others);
        if (!next?.root) continue;
        this.#root = new FollowedTree(this, next, next.root);
        this.#host.treeChanged();
      }
    }
  }

  /** Pieces that rested on hearsay rest on the tree where it says the same of them. */
  #adopt(layer: Uint8Array): void {
    const { progress } = this.#host;
    for (let piece = 0; piece < progress.state.length; piece += 1) {
      if (progress.state[piece] !== HAVE || progress.origin[piece] !== FROM_HEARSAY) continue;
      const word = this.words.of(piece);
      if (word && sameBytes(word.hash, hashAt(layer, piece))) progress.have(piece, FROM_ROOT);
    }
  }

  /** Whether whole peers state another root than the one followed, and where the two differ. */
  #compare(root: FollowedTree): void {
    if (!this.#rival && this.#rivals < MAX_RIVALS) {
      const offer = this.#roots.rival(this.#givers(), root.hex);
      if (!offer?.root) return;
      this.#rivals += 1;
      this.#rival = new FollowedTree(this, offer, offer.root);
      return;
    }
    const rival = this.#rival?.layer;
    if (!rival || !root.layer || this.#differing.size > 0) return;
    for (let piece = 0; piece < this.#host.pieces.count; piece += 1) {
      if (!sameBytes(hashAt(root.layer, piece), hashAt(rival, piece))) this.#differing.add(piece);
    }
  }

  /** Whether the mirror has given a piece already that isn't as this tree says. A signed one is right whatever the mirror gives. */
  #isContradicted({ hex, layer }: FollowedTree): boolean {
    if (!layer || hex === this.#roots.signedHex) return false;
    for (let piece = 0; piece < this.#host.pieces.count; piece += 1) {
      const word = this.words.of(piece);
      if (word?.own && !sameBytes(word.hash, hashAt(layer, piece))) return true;
    }
    return false;
  }

  #drop(root: FollowedTree): void {
    if (this.#root === root) this.#dropRoot();
    else if (this.#rival === root) this.#dropRival();
  }

  /** The mirror's piece has this hash: trees that say otherwise aren't followed any more. */
  #settle(piece: number, hash: Uint8Array): void {
    // Whatever becomes of the trees: this piece has told what it can.
    this.#differing.delete(piece);
    const contradicted = (root: FollowedTree | undefined) =>
      root?.layer !== undefined && !sameBytes(hash, hashAt(root.layer, piece));
    if (contradicted(this.#rival)) this.#dropRival();
    if (contradicted(this.#root)) this.#dropRoot();
  }

  #dropRival(): void {
    if (this.#rival) this.#roots.drop(this.#rival.hex);
    this.#rival = undefined;
    this.#differing.clear();
    this.follow();
  }

  /** Pieces on which the rival agrees stay; the others never were what they seemed. */
  #dropRoot(): void {
    const old = this.#root;
    if (!old?.layer) return;
    diary.debug(`${this.#host.name}: the mirror's bytes contradict the tree that peers stated`);
    this.#roots.drop(old.hex);
    const next = this.#rival?.layer ? this.#rival : undefined;
    this.#root = next;
    this.#rival = undefined;
    this.#differing.clear();
    const { origin, state } = this.#host.progress;
    const lost: number[] = [];
    for (let piece = 0; piece < state.length; piece += 1) {
      if (state[piece] !== HAVE || origin[piece] !== FROM_ROOT) continue;
      if (next?.layer && sameBytes(hashAt(old.layer, piece), hashAt(next.layer, piece))) continue;
      lost.push(piece);
      this.words.forget(piece);
    }
    this.#host.misled(lost);
    this.follow();
    this.#host.treeChanged();
  }

  // ---- bytes ----

  /** What a piece of a peer rests on; FROM_NOBODY when it is worth nothing. A peer that contradicts itself is banned. */
  judge(offer: Offer, piece: number, bytes: Uint8Array): Origin {
    const hash = this.#hasher.hash(bytes);
    const layer = this.#root?.layer;
    const follows = this.#follows(offer);
    let origin: Origin = FROM_NOBODY;
    if (layer && sameBytes(hash, hashAt(layer, piece))) {
      origin = FROM_ROOT;
    } else {
      const stated = follows && layer ? hashAt(layer, piece) : offer.hashes.get(piece)?.hash;
      if (stated && !sameBytes(stated, hash)) {
        this.#parts.swarms.ban(offer.peer, 'bytes that contradict the hash it stated');
        return FROM_NOBODY;
      }
      // It says one thing, the tree another: neither is proven, the mirror decides.
      if (stated && layer === undefined && !this.words.isDoubtful(piece, hash)) origin = FROM_HEARSAY;
    }
    if (origin !== FROM_NOBODY) this.words.known(piece, { hash, own: false });
    return origin;
  }

  /**
   * A piece of the mirror: its hash is our own word. False when a signed tree says otherwise: then the mirror's bytes
   * are not the file's.
   */
  mirrorPiece(piece: number, bytes: Uint8Array): boolean {
    const hash = this.#hasher.hash(bytes);
    if (this.isSigned && this.tree && !sameBytes(hash, hashAt(this.tree.layer, piece))) return false;
    this.#samples.delete(piece);
    const contradicted = this.words.known(piece, { hash, own: true });
    if (!this.isSigned) this.#settle(piece, hash);
    for (const peer of contradicted) this.#doubt(peer);
    return true;
  }

  /**
   * A piece that an earlier flight left, and that has the hash it had: worth what it was worth then, except that a root
   * is believed only where it is still signed, or stated anew. FROM_NOBODY when a tree says otherwise by now.
   */
  resumed({ index, hash, grade }: KeptPiece): Origin {
    const layer = this.#root?.layer;
    if (layer && sameBytes(hash, hashAt(layer, index))) {
      this.words.known(index, { hash, own: grade === 'mirror' });
      return FROM_ROOT;
    }
    if (layer && (grade !== 'mirror' || this.isSigned)) return FROM_NOBODY;
    this.words.known(index, { hash, own: grade === 'mirror' });
    if (grade === 'mirror') this.#settle(index, hash);
    const isProven = grade === 'mirror' || (grade === 'signed' && this.#roots.signedHex !== undefined);
    return isProven ? FROM_MIRROR : FROM_HEARSAY;
  }

  /** What the bytes of a piece that is here hash to. */
  hashOf(piece: number): Uint8Array | undefined {
    const underRoot = this.#host.progress.origin[piece] === FROM_ROOT ? this.#root?.layer : undefined;
    return underRoot ? hashAt(underRoot, piece) : this.words.of(piece)?.hash;
  }

  // ---- the whole ----

  /** The hash that each piece's bytes were found to have, now that the whole holds: then they are the file's own layer. */
  provenLayer(): Uint8Array | undefined {
    const { pieces } = this.#host;
    if (pieces.isSingle) return undefined;
    const layer = new Uint8Array(pieces.count * HASH_BYTES);
    for (let piece = 0; piece < pieces.count; piece += 1) {
      const hash = this.hashOf(piece);
      if (!hash) return undefined;
      layer.set(hash, piece * HASH_BYTES);
    }
    return layer;
  }

  /** Somebody may have stated something false: it is worth finding out who. A false word need not have misled anybody: it disputes true ones. */
  get isContradictory(): boolean {
    return this.#roots.contradictory || this.words.hasStatements;
  }

  /** The right file is here, and this is its layer: it shows whose own root or hash was false. */
  condemn(trueLayer: Uint8Array): void {
    const { swarms } = this.#parts;
    for (const liar of this.#roots.liars(layerRoot(trueLayer, this.#host.pieces).toHex()))
      swarms.ban(liar, 'stated a false hash tree');
    for (const [liar, hash] of this.words.liars(trueLayer)) {
      if (swarms.falseWords.prove(liar, this.#host.entry.key, hash))
        swarms.ban(liar, 'stated false hashes as its own, of one file after another');
    }
  }

  /**
   * The whole SHA-256 doesn't hold. Returns the pieces to fetch anew: what is least trusted. Under a signed tree that is
   * what the mirror gave; else what came from peers, and the mirror decides. What an earlier flight left goes, too: there
   * is nobody any more to be asked about it. The first time, what peers gave on their own word stays but for one piece
   * each: what the mirror gives in its place tells whether the others of the same peer may stay.
   */
  wrongWhole(resumed: ReadonlySet<number>): number[] {
    const { progress } = this.#host;
    this.#wrongs += 1;
    const isSigned = this.isSigned && this.tree !== undefined;
    const doubtful = isSigned ? [FROM_MIRROR, FROM_HEARSAY] : [FROM_ROOT, FROM_HEARSAY];
    const dropped: number[] = [];
    const tried = new Set<Peer>();
    this.#samples.clear();
    // From anywhere on: nodes that were misled in the same way try different pieces, and have them from each other.
    const first = Math.floor(this.#parts.draw() * progress.state.length);
    for (let i = 0; i < progress.state.length; i += 1) {
      const piece = (first + i) % progress.state.length;
      if (!doubtful.includes(progress.origin[piece] ?? FROM_NOBODY) && !resumed.has(piece)) continue;
      if (!isSigned && this.#wrongs === 1 && progress.origin[piece] === FROM_HEARSAY && !resumed.has(piece)) {
        const voucher = this.words.isDisputed(piece) ? undefined : this.words.voucher(piece);
        if (voucher && tried.has(voucher)) continue;
        if (voucher && tried.size < MAX_SAMPLES) {
          tried.add(voucher);
          this.#samples.add(piece);
        }
      }
      dropped.push(piece);
      this.words.forget(piece);
    }
    if (!isSigned) {
      if (this.#root) this.#roots.drop(this.#root.hex);
      this.#root = undefined;
      this.#rival = undefined;
      this.#differing.clear();
    }
    return dropped;
  }

  /** All came from the mirror and is wrong: what was dropped on its word counts again. Returns all that is here. */
  doubtMirror(): number[] {
    this.#roots.reinstate();
    this.words.disown();
    this.#samples.clear();
    for (const { peer } of this.#host.offers()) this.#parts.swarms.falseWords.rehabilitate(peer);
    return [...this.#host.progress.state.keys()].filter((piece) => this.#host.progress.state[piece] === HAVE);
  }
}

function hashAt(layer: Uint8Array, piece: number): Uint8Array {
  return layer.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

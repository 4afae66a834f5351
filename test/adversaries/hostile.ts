/**
 * What all adversaries are made of: a node of archive swarms that is honest unless its behaviour says otherwise. It
 * dials its victims or waits to be dialled, says hello, has the files it was given, and gives them; an adversary is
 * the list of places where it departs from that. It uses the codecs of src/wire and the trees of src/torrent, and
 * nothing of src/swarm, so that it can say what no honest node would.
 */
import type { Clock } from '../../src/lib/clock.ts';
import { formatHostPort, type HostPort } from '../../src/lib/host-port.ts';
import type { Sha256 } from '../../src/lib/sha256.ts';
import type { Link } from '../../src/swarm/link.ts';
import { answerHashRequest } from '../../src/torrent/hash-proof.ts';
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { type ArchiveMessage, Grade, type HaveEntry } from '../../src/wire/archive-ext.ts';
import {
  type BlockRef,
  encodeHashes,
  encodeHashReject,
  encodePiece,
  encodeReject,
  type HashRange,
  type Message,
} from '../../src/wire/message.ts';
import { RawPeer } from '../fixtures/raw-peer.ts';

/** Where it stands: an address of its own, on a network in memory or on loopback. */
export interface Ground {
  readonly clock: Clock;
  readonly host: string;
  /** From its own address. */
  dial(to: HostPort): Promise<Link>;
  listen(accept: (link: Link) => void): Promise<HostPort>;
  /** Closes what it listens on. */
  leave(): Promise<void>;
}

/** Against whom, and with what. */
export interface Aim {
  /** Info-hashes, in hexadecimal; the first one is dialled. */
  readonly swarms: readonly string[];
  /** Right bytes of the files that it pretends to have. */
  readonly files: readonly { readonly key: Sha256; readonly bytes: Uint8Array }[];
  /** Dialled at the start; it also listens. */
  readonly victims?: readonly HostPort[];
}

/** A file as it is shown: perhaps wrong bytes, perhaps a tree that fits them. */
export interface Shown {
  readonly key: Sha256;
  readonly pieces: Pieces;
  readonly bytes: Uint8Array;
  readonly layer: Uint8Array;
  readonly root: Uint8Array;
}

/** Where it departs from honesty; whatever is left out is done as an honest node would. */
export interface Behaviour {
  readonly name: string;
  /** What it sends in place of the right bytes. */
  bytesOf?(truth: Uint8Array): Uint8Array;
  /** What its root and layer are of; of what it sends unless told. */
  treeOf?(truth: Uint8Array): Uint8Array;
  /** Both hellos are said. */
  ready?(talk: Talk): void;
  wanted?(talk: Talk, want: number, key: Sha256): void;
  requested?(talk: Talk, block: BlockRef): void;
  hashesAsked?(talk: Talk, range: HashRange): void;
  heard?(talk: Talk, message: Message): void;
  said?(talk: Talk, message: ArchiveMessage): void;
  closed?(talk: Talk): void;
  /** In place of the opening (handshake, extended handshake, unchoke, hello) of a connection. */
  opening?(talk: Talk): void;
}

/** One connection of an adversary. */
export class Talk {
  readonly raw: RawPeer;
  readonly node: Hostile;
  readonly dialled: boolean;
  readonly #first = new Map<Sha256, number>();
  #next = 0;
  #shaken = false;

  constructor(node: Hostile, raw: RawPeer, dialled: boolean) {
    this.node = node;
    this.raw = raw;
    this.dialled = dialled;
    raw.onMessage = (message) => this.#heard(message);
    raw.onArchive = (message) => this.#said(message);
    raw.onClosed = () => node.ended(this);
    raw.onShaken = () => {
      if (!this.#shaken) this.shake(raw.theirSwarm);
    };
    if (node.behaviour.opening) node.behaviour.opening(this);
    else if (dialled) this.shake();
  }

  get closed(): boolean {
    return this.raw.closed !== undefined;
  }

  /** Our handshake; the extended one follows when the other's is here. */
  shake(swarm = this.node.aim.swarms[0]): void {
    this.#shaken = true;
    if (swarm !== undefined) this.raw.handshake(swarm);
  }

  /** What a node says of a file that it has, with changes. */
  have(want: number, shown: Shown, changes: Partial<HaveEntry> = {}): void {
    this.raw.archive({ kind: 'have', entries: [{ ...this.entry(want, shown), ...changes }] });
  }

  entry(want: number, { key, pieces, root }: Shown): HaveEntry {
    let firstPiece = this.#first.get(key);
    if (firstPiece === undefined) {
      firstPiece = this.#next;
      this.#next += Math.max(1, pieces.count);
      this.#first.set(key, firstPiece);
    }
    const { sizeBytes } = pieces;
    return { want, sizeBytes, firstPiece, grade: Grade.whole, ...(!pieces.isSingle && { root }) };
  }

  none(want: number): void {
    this.raw.archive({ kind: 'none', ranges: [{ first: want, count: 1 }] });
  }

  /** The file that a number of ours stands for, and the place of the piece in it. */
  find(number: number): { readonly shown: Shown; readonly piece: number } | undefined {
    for (const [key, first] of this.#first) {
      const shown = this.node.shown.get(key);
      if (shown?.pieces.has(number - first)) return { shown, piece: number - first };
    }
    return undefined;
  }

  /** Where the other end listens, by its own word. */
  get victim(): HostPort | undefined {
    const port = this.raw.theirs?.port;
    return port === undefined ? undefined : { host: this.raw.link.remote.host, port };
  }

  /** Looks for a key, as the other end does. */
  want(number: number, key: Sha256): void {
    this.raw.archive({ kind: 'want', first: number, keys: [key] });
  }

  /** Answers a request as an honest node would. */
  give(block: BlockRef): void {
    const found = this.find(block.index);
    if (!found) return this.raw.send(encodeReject(block));
    const { shown, piece } = found;
    const at = shown.pieces.offset(piece) + block.begin;
    this.node.sentBytes += block.length;
    this.raw.send(encodePiece(block.index, block.begin, shown.bytes.subarray(at, at + block.length)));
  }

  giveHashes(range: HashRange): void {
    const shown = [...this.node.shown.values()].find(
      ({ root }) => Buffer.compare(root, range.piecesRoot) === 0,
    );
    const hashes = shown && answerHashRequest(shown.layer, range, shown.pieces.treeHeight);
    this.raw.send(hashes ? encodeHashes(range, hashes) : encodeHashReject(range));
  }

  #heard(message: Message): void {
    const { raw, node } = this;
    node.count(message.type);
    // A program that is spoken to for hours keeps no record of it.
    if (raw.heard.length > 1_000) raw.heard.length = 0;
    if (raw.pieces.length > 100) raw.pieces.length = 0;
    if (message.type === 'extended' && message.id === 0 && !node.behaviour.opening) {
      raw.extendedHandshake({ client: node.behaviour.name });
      raw.unchoke();
      raw.hello(node.aim.swarms, 128 * 1024);
    }
    if (message.type === 'request') {
      node.requests += 1;
      if (node.behaviour.requested) node.behaviour.requested(this, message);
      else this.give(message);
    }
    if (message.type === 'hash-request') {
      if (node.behaviour.hashesAsked) node.behaviour.hashesAsked(this, message);
      else this.giveHashes(message);
    }
    node.behaviour.heard?.(this, message);
  }

  #said(message: ArchiveMessage): void {
    const { node } = this;
    node.count(message.kind);
    if (this.raw.said.length > 1_000) this.raw.said.length = 0;
    if (message.kind === 'hello') node.behaviour.ready?.(this);
    if (message.kind === 'want') {
      message.keys.forEach((key, i) => {
        const want = message.first + i;
        node.wants += 1;
        const shown = node.shown.get(key);
        if (node.behaviour.wanted) node.behaviour.wanted(this, want, key);
        else if (shown) this.have(want, shown);
        else this.none(want);
      });
    }
    node.behaviour.said?.(this, message);
  }
}

/** One adversary: its address, its connections, and what became of them. */
export class Hostile implements AsyncDisposable {
  readonly ground: Ground;
  readonly aim: Aim;
  readonly behaviour: Behaviour;
  readonly shown = new Map<Sha256, Shown>();
  /** Open ones. */
  readonly talks = new Set<Talk>();
  /** Connections that were made, either way. */
  connections = 0;
  /** Dials that were refused. */
  refused = 0;
  /** Payload bytes of PIECE messages: a lie that nobody heard proves nothing. */
  sentBytes = 0;
  requests = 0;
  wants = 0;
  /** Messages that came, by type; of dt_archive by kind, too. */
  readonly heard = new Map<string, number>();
  address: HostPort | undefined;
  readonly #undo = new Set<() => void>();
  #stopped = false;
  #ids = 0;

  constructor(ground: Ground, aim: Aim, behaviour: Behaviour) {
    this.ground = ground;
    this.aim = aim;
    this.behaviour = behaviour;
    for (const { key, bytes } of aim.files) this.shown.set(key, this.show(key, bytes));
  }

  /** Listens, and dials the victims. */
  async start(): Promise<this> {
    this.address = await this.ground.listen((link) => this.meet(link, false));
    for (const victim of this.aim.victims ?? []) void this.dial(victim);
    return this;
  }

  get host(): string {
    return this.ground.host;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** The connection to talk about when there is one. */
  get talk(): Talk {
    const [first] = this.talks;
    if (!first) throw new Error(`${this.behaviour.name} at ${this.host} is not connected`);
    return first;
  }

  /** A further connection, under a peer id of its own. Undefined when it was refused. */
  async dial(to: HostPort, id?: Uint8Array): Promise<Talk | undefined> {
    if (this.#stopped) return undefined;
    try {
      return this.meet(await this.ground.dial(to), true, id);
    } catch {
      this.refused += 1;
      return undefined;
    }
  }

  meet(link: Link, dialled: boolean, id?: Uint8Array): Talk {
    this.connections += 1;
    this.#ids += 1;
    const raw = new RawPeer(link, id ?? `${this.host.replaceAll('.', '')}-${this.#ids}`.slice(-12));
    const talk = new Talk(this, raw, dialled);
    if (!talk.closed) this.talks.add(talk);
    if (this.#stopped) link.close('stopped');
    return talk;
  }

  count(what: string): void {
    this.heard.set(what, (this.heard.get(what) ?? 0) + 1);
  }

  ended(talk: Talk): void {
    this.talks.delete(talk);
    if (!this.#stopped) this.behaviour.closed?.(talk);
  }

  /** Calls `act` now and every `everyMs` until it is stopped. */
  repeat(everyMs: number, act: () => void): void {
    if (this.#stopped) return;
    act();
    this.after(everyMs, () => this.repeat(everyMs, act));
  }

  /** Calls `act` unless it is stopped before. */
  after(delayMs: number, act: () => void): void {
    if (this.#stopped) return;
    const undo = this.ground.clock.after(delayMs, () => {
      this.#undo.delete(undo);
      act();
    });
    this.#undo.add(undo);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const undo of this.#undo) undo();
    for (const { raw } of [...this.talks]) raw.link.close('stopped');
    await this.ground.leave();
  }

  show(key: Sha256, truth: Uint8Array): Shown {
    const pieces = new Pieces(truth.length);
    const bytes = this.behaviour.bytesOf?.(truth) ?? truth;
    const tree = new LayerBuilder(pieces);
    tree.update(this.behaviour.treeOf?.(truth) ?? bytes);
    const layer = tree.layer();
    return { key, pieces, bytes, layer, root: tree.root() };
  }
}

/** Makes one adversary of a kind and starts it. */
export type StartAdversary = (ground: Ground, aim: Aim) => Promise<Hostile>;

export function startWith(behaviour: Behaviour): StartAdversary {
  return (ground, aim) => new Hostile(ground, aim, behaviour).start();
}

/** "127.0.0.2:9989", for --peer. */
export function addressOf({ address }: Hostile): string {
  if (!address) throw new Error('not started');
  return formatHostPort(address);
}

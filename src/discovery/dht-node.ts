/**
 * One node of the mainline DHT: the library (bittorrent-dht) behind its gate, and what the library leaves to others or
 * does too lavishly: how the table is filled at the start (kept nodes first, the bootstrap nodes only if those don't
 * answer), how nodes that fell silent go, one node a host, the id that our address asks for (BEP 42), the file. IPv4
 * only, as the library is. Loaded when there is a swarm to look for, not before. Specs: BEP 5, 42, 43.
 */
import DHT, { type TableNode } from 'bittorrent-dht';
import { parseIp } from '../announce/ip-address.ts';
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { resolveNodes } from './dht-bootstrap.ts';
import { DhtFile, MAX_KEPT_NODES } from './dht-file.ts';
import { DhtGate } from './dht-gate.ts';
import { isNodeIdAt, nodeIdAt } from './dht-node-id.ts';
import { DhtScope, scopeOf } from './dht-scope.ts';
import { DhtStanding } from './dht-standing.ts';
import { FoundPeers } from './found-peers.ts';
import { NODE_ID_BYTES } from './krpc.ts';

/**
 * Nodes a bucket, and how many of the nearest a look-up asks. Twice BEP 5's 8, as the library counts the silent ones,
 * too, and one liar can name 8 of those; its own 20 would make each look-up dearer.
 */
const BUCKET_NODES = 16;
/** With so many nodes there is no need of the bootstrap nodes. */
const ENOUGH_NODES = 8;
const CONCURRENCY = 8;
const QUERY_TIMEOUT_MS = 2_000;
export const LOOK_UP_LIMIT_MS = 30_000;
/** Kept nodes that are asked at the start. */
const FIRST_ASKED = 32;
const FIRST_ANSWERS_MS = 3_000;
const POLL_MS = 50;
const TICK_MS = 60_000;
/** A node that was silent for so long is pinged (BEP 5: "questionable"), and goes when it doesn't answer twice. */
const QUESTIONABLE_MS = 15 * 60_000;
const PINGS_A_TICK = 12;
const STRIKES = 2;
/** Who has asked us is pinged, and so may come into the table: so seldom that forged senders are worth nothing. */
const PING_BACK = { perSecond: 0.1, burst: 20 };
const SAVE_EVERY_TICKS = 15;
const REFRESH_EVERY_TICKS = 30;
/** What others may leave here with us: 1,000 addresses, for half an hour to an hour. */
const MAX_STORED_PEERS = 1_000;
const STORED_PEERS_MS = 45 * 60_000;

const diary = log.withTag('dht');

export interface DhtNodeOptions {
  /** UDP, IPv4. */
  readonly listen: HostPort;
  /** Names or addresses. */
  readonly bootstrap: readonly HostPort[];
  readonly stateDir: string;
  readonly clock: Clock;
  /** Peers of a swarm (40 hexadecimal digits), addresses that may be dialled; several times a look-up. */
  readonly found: (infoHash: string, peers: HostPort[]) => void;
}

export class DhtNode implements AsyncDisposable {
  readonly #options: DhtNodeOptions;
  readonly #scope: DhtScope;
  readonly #standing: DhtStanding;
  readonly #file: DhtFile;
  readonly #gate: DhtGate;
  readonly #pingBack: Budget;
  readonly #strikes = new Map<string, number>();
  /** Look-ups on their way, by info-hash. */
  readonly #looking = new Map<string, FoundPeers>();
  #kept: readonly HostPort[];
  #id: Uint8Array;
  #dht: DHT;
  #left = Promise.withResolvers<void>();
  #ticks = 0;
  #cancelTick: (() => void) | undefined;
  #stopped = false;

  /** Rejects when the port can't be opened. */
  static async open(options: DhtNodeOptions): Promise<DhtNode> {
    const scope = new DhtScope(options.bootstrap);
    const standing = new DhtStanding();
    const { listen, clock } = options;
    let node: DhtNode | undefined;
    const heardFrom = (at: HostPort) => {
      if (node) node.#heardFrom(at);
    };
    const gate = await DhtGate.open({ listen, scope, standing, clock, heardFrom });
    node = new DhtNode(options, scope, standing, gate);
    return node;
  }

  private constructor(options: DhtNodeOptions, scope: DhtScope, standing: DhtStanding, gate: DhtGate) {
    this.#options = options;
    this.#scope = scope;
    this.#standing = standing;
    this.#gate = gate;
    this.#pingBack = new Budget(PING_BACK.burst, PING_BACK.perSecond, options.clock.nowMs());
    this.#file = new DhtFile(options.stateDir, options.bootstrap);
    const { id, nodes } = this.#file.read();
    this.#kept = nodes;
    this.#id = id === undefined ? randomId() : Uint8Array.fromHex(id);
    this.#dht = this.#startLibrary();
    this.#cancelTick = options.clock.after(TICK_MS, () => this.#tick());
  }

  get address(): HostPort {
    return this.#gate.address;
  }

  /** 40 hexadecimal digits. */
  get id(): string {
    return this.#id.toHex();
  }

  /** In the table. */
  get nodes(): number {
    return this.#dht.nodes.toArray().length;
  }

  get isReadOnly(): boolean {
    return this.#standing.isReadOnly;
  }

  get isReachable(): boolean | undefined {
    return this.#standing.isReachable(this.#options.clock.nowMs());
  }

  get externalAddress(): string | undefined {
    return this.#standing.externalAddress;
  }

  get traffic(): { readonly bytesIn: number; readonly bytesOut: number; readonly refused: number } {
    return this.#gate.traffic;
  }

  /** Comes among others; false when nobody answers. */
  async join(): Promise<boolean> {
    if (this.nodes === 0) await this.#ask(shuffled(this.#kept).slice(0, FIRST_ASKED));
    if (this.nodes < ENOUGH_NODES) {
      const resolved = await Promise.race([resolveNodes(this.#options.bootstrap), this.#left.promise]);
      await this.#ask(resolved ?? []);
    }
    if (this.nodes === 0 || this.#stopped) return false;
    await this.#walk(this.#id);
    await this.#takeRightId();
    return true;
  }

  /** Looks for the peers of a swarm (40 hexadecimal digits), then tells the nodes nearest to it of our TCP port. */
  async lookUp(infoHash: string, port: number): Promise<void> {
    const key = Buffer.from(infoHash, 'hex');
    const isOurs = (peer: HostPort) =>
      peer.port === port && [this.externalAddress, this.address.host].includes(peer.host);
    const peers = new FoundPeers(this.#scope, isOurs, (found) => this.#options.found(infoHash, found));
    this.#looking.set(infoHash, peers);
    await this.#walk(key);
    this.#looking.delete(infoHash);
    diary.debug(`${peers.count} peers of ${infoHash}, ${this.nodes} nodes`);
    if (this.#stopped || this.nodes === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#dht.announce(key, port, () => resolve());
    await Promise.race([promise, this.#left.promise]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelTick?.();
    this.#save();
    await this.#stopLibrary();
    await this.#gate[Symbol.asyncDispose]();
  }

  #startLibrary(): DHT {
    const dht = new DHT({
      nodeId: Buffer.from(this.#id),
      socket: this.#gate.line(this.#id),
      bootstrap: false,
      k: BUCKET_NODES,
      concurrency: CONCURRENCY,
      timeout: QUERY_TIMEOUT_MS,
      maxTables: 16,
      maxPeers: MAX_STORED_PEERS,
      maxAge: STORED_PEERS_MS,
    });
    // Else each newcomer for a full bucket makes the library ping those in it; the silent ones go by our ticks.
    dht.nodes.removeAllListeners('ping');
    dht.on('error', (error: Error) => diary.debug('the library says:', error.message));
    dht.on('peer', (peer: HostPort, infoHash: Buffer) => this.#looking.get(infoHash.toHex())?.add(peer));
    dht.on('node', (node: TableNode) => {
      const isSecond = dht.nodes.toArray().some(({ host, id }) => host === node.host && !id.equals(node.id));
      if (isSecond) dht.removeNode(node.id);
    });
    return dht;
  }

  async #stopLibrary(): Promise<void> {
    this.#left.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#dht.destroy(resolve);
    await promise;
  }

  /** Pings these until enough have answered. */
  async #ask(nodes: readonly HostPort[]): Promise<void> {
    const sound = nodes.filter((at) => this.#scope.allow(at));
    for (const { host, port } of sound) this.#dht.addNode({ host, port });
    const enough = Math.min(ENOUGH_NODES, sound.length);
    for (let waitedMs = 0; waitedMs < FIRST_ANSWERS_MS && this.nodes < enough; waitedMs += POLL_MS) {
      await this.#pause(POLL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(ms, resolve);
    await Promise.race([promise, this.#left.promise]);
    cancel();
  }

  /** Asks nearer and nearer nodes for `target`. */
  async #walk(target: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = this.#dht.lookup(Buffer.from(target), () => resolve());
    const cancel = this.#options.clock.after(LOOK_UP_LIMIT_MS, end);
    await Promise.race([promise, this.#left.promise]);
    cancel();
  }

  #heardFrom({ host, port }: HostPort): void {
    if (this.#dht.nodes.toArray().some((node) => node.host === host)) return;
    if (this.#pingBack.spend(1, this.#options.clock.nowMs())) this.#dht.addNode({ host, port });
  }

  #tick(): void {
    this.#ticks += 1;
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => this.#tick());
    this.#standing.tick(this.nodes, this.#options.clock.nowMs());
    this.#pingQuestionable();
    if (this.#ticks % SAVE_EVERY_TICKS === 0) this.#save();
    // With nobody in the table there is a look-up that fails, and whoever asked for it knows when to try again.
    if (this.nodes > 0 && this.#ticks % REFRESH_EVERY_TICKS === 0) void this.join();
  }

  #pingQuestionable(): void {
    const before = this.#options.clock.wallMs() - QUESTIONABLE_MS;
    const silent = this.#dht.nodes.toArray().filter(({ seen = 0 }) => seen < before);
    const ids = new Set(silent.map(({ id }) => id.toHex()));
    for (const id of this.#strikes.keys()) if (!ids.has(id)) this.#strikes.delete(id);
    const longest = silent.toSorted((a, b) => (a.seen ?? 0) - (b.seen ?? 0)).slice(0, PINGS_A_TICK);
    for (const { id, host, port } of longest) {
      const strikes = this.#strikes.get(id.toHex()) ?? 0;
      if (strikes >= STRIKES) this.#dht.removeNode(id);
      else this.#dht.addNode({ host, port });
      this.#strikes.set(id.toHex(), strikes + 1);
    }
  }

  /** Others take a node more seriously whose id fits its address, and some take no other. */
  async #takeRightId(): Promise<void> {
    const external = this.externalAddress;
    const address = external === undefined ? undefined : parseIp(external);
    if (!address || isNodeIdAt(this.#id, address) || this.#stopped) return;
    const nodes = this.#dht.nodes.toArray();
    await this.#stopLibrary();
    if (this.#stopped) return;
    this.#left = Promise.withResolvers<void>();
    this.#id = nodeIdAt(address, randomId());
    this.#dht = this.#startLibrary();
    for (const { id, host, port } of nodes) this.#dht.addNode({ id, host, port });
    diary.debug(`our address is ${external}: the node id is ${this.id} from now on`);
    await this.#walk(this.#id);
  }

  #save(): void {
    const nodes = this.#dht.nodes.toArray().filter((at) => scopeOf(at) !== undefined);
    // Nobody here just now: then the nodes of yesterday are worth more.
    if (nodes.length > 0) this.#kept = nodes.slice(0, MAX_KEPT_NODES);
    this.#file.write({ id: this.id, nodes: this.#kept });
  }
}

function randomId(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(NODE_ID_BYTES));
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/**
 * A world of many nodes and one mirror, from a scenario to figures: who is there, how their lines are, who knows whom,
 * who wants what and when. The nodes run the real code of acquire and swarm; time, chance, lines and bytes are simulated.
 * The same scenario (seed included) gives the same figures, to the byte.
 */
import type { Entry, Location } from '../../src/archive/entry.ts';
import { swarmInfo, swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { type Draw, drawBetween, drawInt, seededDraw } from './draw.ts';
import { EventClock } from './event-clock.ts';
import { Line, type LineShape } from './line.ts';
import { MirrorClient, SimMirror } from './sim-mirror.ts';
import { SimNetwork } from './sim-network.ts';
import { SimNode } from './sim-node.ts';
import { ZeroHasher } from './zero-hasher.ts';
import { ZeroBytes, zeroKey } from './zeros.ts';

/** Bytes a second. */
export const MBIT = 1_000_000 / 8;

export interface Scenario {
  readonly seed: number;
  readonly nodes: number;
  /** File lengths; each must be another (zeros.ts). */
  readonly files: readonly number[];
  readonly errands: readonly Errand[];
  readonly line: LineShape;
  /** Latencies of single nodes are up to this factor (+ 1) off, either way. */
  readonly latencySpread?: number;
  readonly mirror: LineShape;
  /** Whether nodes know beforehand what the mirror gives to one client by itself. Default true: apt has just fetched indexes. */
  readonly mirrorIsKnown?: boolean;
  /** Connections that each node has on average; 0: no peers, the mirror alone. */
  readonly neighbours: number;
  /**
   * When each node comes up, from the start, none before the one in front of it. It is told of as many `neighbours` by
   * lot as have come before, as by a tracker, and dials them as it likes. Left out: all are there and connected from
   * the start.
   */
  readonly arrivalsMs?: readonly number[];
  /** Nodes ask ahead for what they will want, from when they come: upgrades of what is installed. Else: new to them. */
  readonly asksAhead?: boolean;
  /** Share of nodes that can't be dialled. */
  readonly behindNat?: number;
  /** Addresses as of one local network. */
  readonly isLan?: boolean;
  readonly crashes?: readonly { readonly node: number; readonly atMs: number; readonly silent: boolean }[];
  /** Nodes whose mirror never answers: they claim, and fetch nothing. */
  readonly hanging?: readonly number[];
  /** Nobody gets anything from the mirror: every request fails. */
  readonly mirrorIsAway?: boolean;
  /** The operator's limit of what a seed gives to all its peers together, bytes a second; none when left out. */
  readonly seedLimit?: number;
  /** Everyone knows the seeds, and nobody else. Not with arrivals. */
  readonly meetsSeedsOnly?: boolean;
  /** Nodes that have all files when they come. */
  readonly seeds?: readonly number[];
  /** Given up after this much simulated time. */
  readonly limitMs?: number;
}

/** Who asks for what and when; apt has ten files under way at most. */
export interface Errand {
  readonly node: number;
  /** From the start. */
  readonly atMs: number;
  /** Indices into `files`, in the order of asking. */
  readonly files: readonly number[];
}

export interface Figures {
  /** One for each errand; undefined when it did not end. */
  readonly tookMs: readonly (number | undefined)[];
  readonly mirrorBytes: number;
  readonly mirrorRequests: number;
  /** Bytes that were asked for, all errands together. */
  readonly wantedBytes: number;
  /** PIECE payload that peers were sent. */
  readonly payloadBytes: number;
  /** All that peers were sent besides, from the first errand on. */
  readonly protocolBytes: number;
  /** All that reached nodes, of use or not. */
  readonly arrivedBytes: number;
  readonly events: number;
  readonly simulatedMs: number;
}

const FILES_AT_ONCE = 10;
const MEETING_MS = 3_000;
const WATCH_EVENTS = 16_384;
const DEFAULT_LIMIT_MS = 4 * 3_600_000;
const IDENTITY = { origin: 'Debian', codename: 'bookworm', architecture: 'amd64' } as const;
const INFO_HASH: string = swarmInfoHash(IDENTITY);
const SWARM = { infoHash: INFO_HASH, info: swarmInfo(IDENTITY) };

export class World {
  readonly clock = new EventClock();
  readonly nodes: SimNode[] = [];
  readonly mirror: SimMirror;
  readonly network: SimNetwork;
  /** The nodes'. */
  readonly lines: Line[] = [];
  readonly #scenario: Scenario;
  readonly #draw: Draw;
  /** Whom newcomers are told of: by another lot, so that nodes are the same ones whether they meet anybody or not. */
  readonly #trackerDraw: Draw;
  readonly #hasher = new ZeroHasher();
  readonly #zeros: ZeroBytes;
  readonly #tookMs: (number | undefined)[];
  #ended = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#draw = seededDraw(scenario.seed);
    this.#trackerDraw = seededDraw(scenario.seed ^ 0x7ac);
    this.#zeros = new ZeroBytes(Math.max(...scenario.files));
    this.#tookMs = scenario.errands.map(() => undefined);
    this.network = new SimNetwork(this.clock);
    this.mirror = new SimMirror(this.clock, scenario.mirror, (name) => scenario.files[fileOfName(name)]);
    if (scenario.arrivalsMs) return;
    for (let i = 0; i < scenario.nodes; i += 1) this.#moveIn();
    this.#introduce();
  }

  /** Until all errands have ended. `watch` is called now and then, and may throw. */
  run(watch: () => void = () => {}): Figures {
    const { errands, crashes = [], arrivalsMs = [], limitMs = DEFAULT_LIMIT_MS, files } = this.#scenario;
    const { asksAhead = false } = this.#scenario;
    const startMs = this.clock.nowMs();
    const before = this.network.otherBytes;
    const arrivedBefore = this.#arrivedBytes();
    // Before errands: a node may ask at the moment it comes.
    for (const atMs of arrivalsMs) this.clock.after(atMs, () => this.#arrive());
    errands.forEach((errand, at) => {
      if (asksAhead) this.clock.after(arrivalsMs[errand.node] ?? 0, () => this.#lookAhead(errand));
      this.clock.after(errand.atMs, () => void this.#runErrand(errand, at));
    });
    for (const { node, atMs, silent } of crashes)
      this.clock.after(atMs, () => this.nodes[node]?.crash(silent));
    const isDone = () => {
      if (this.clock.events % WATCH_EVENTS === 0) watch();
      return this.#ended === errands.length;
    };
    this.clock.runUntil(isDone, limitMs);
    let wantedBytes = 0;
    for (const errand of errands) for (const file of errand.files) wantedBytes += files[file] ?? 0;
    return {
      wantedBytes,
      tookMs: this.#tookMs,
      mirrorBytes: this.mirror.sentBytes,
      mirrorRequests: this.mirror.requests,
      payloadBytes: this.network.payloadBytes,
      protocolBytes: this.network.otherBytes - before,
      arrivedBytes: this.#arrivedBytes() - arrivedBefore,
      events: this.clock.events,
      simulatedMs: this.clock.nowMs() - startMs,
    };
  }

  #arrivedBytes(): number {
    return this.lines.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) void node.stop();
    this.clock.runFor(1_000);
    this.#zeros[Symbol.dispose]();
  }

  /** The next node, with nobody that it knows. */
  #moveIn(): SimNode {
    const { line, latencySpread = 1, mirror, mirrorIsKnown = true, behindNat = 0 } = this.#scenario;
    const { clock, network } = this;
    const i = this.nodes.length;
    const spread = drawBetween(this.#draw, 1 / (1 + latencySpread), 1 + latencySpread);
    const own = new Line(clock, { ...line, latencyMs: line.latencyMs * spread });
    this.lines.push(own);
    const host = hostOf(i, this.#scenario.isLan ?? false);
    const known = {
      latencyMs: 2 * (own.shape.latencyMs + mirror.latencyMs),
      bytesPerSecond: Math.min(mirror.upBytesPerSecond ?? 1e9, line.downBytesPerSecond ?? 1e9),
    };
    const isSeed = this.#scenario.seeds?.includes(i) ?? false;
    const node = new SimNode({
      clock,
      network,
      host,
      hasher: this.#hasher,
      swarm: SWARM,
      draw: seededDraw(drawInt(this.#draw, 2 ** 32)),
      ways: network.add(host, own, isBehindNat(i, behindNat)),
      mirror: new MirrorClient(this.mirror, own, {
        ...(mirrorIsKnown && { known }),
        hangs: this.#scenario.hanging?.includes(i) ?? false,
        fails: this.#scenario.mirrorIsAway ?? false,
      }),
      zeroFd: this.#zeros.fd,
      peerId: peerIdOf(this.#draw),
      uploadLimit: isSeed ? (this.#scenario.seedLimit ?? 0) : 0,
    });
    this.nodes.push(node);
    if (isSeed) {
      for (const sizeBytes of this.#scenario.files)
        node.store.put(zeroKey(sizeBytes), sizeBytes, { name: 'seed', swarms: [INFO_HASH] });
    }
    return node;
  }

  /** The next node comes up, and is told of some that are there. */
  #arrive(): void {
    const there = this.nodes.length;
    const newcomer = this.#moveIn();
    const named = new Set<number>();
    while (named.size < Math.min(this.#scenario.neighbours, there))
      named.add(drawInt(this.#trackerDraw, there));
    newcomer.meet(
      [...named].map((node) => this.nodes[node] as SimNode),
      INFO_HASH,
    );
  }

  /** A random graph: each node has half of its connections by itself, with those that it can reach or that can reach it. */
  #introduce(): void {
    const { nodes, neighbours, behindNat = 0, seeds = [], meetsSeedsOnly = false } = this.#scenario;
    if (neighbours === 0 || nodes < 2) return;
    const each = Math.min(neighbours, nodes - 1) / 2;
    const met = new Set<number>();
    let left = Math.round(each * nodes);
    for (let tries = 0; left > 0 && tries < 20 * nodes * (each + 1); tries += 1) {
      const from = tries % nodes;
      const to = drawInt(this.#draw, nodes);
      const pair = Math.min(from, to) * nodes + Math.max(from, to);
      if (from === to || met.has(pair)) continue;
      if (meetsSeedsOnly && !seeds.includes(from) && !seeds.includes(to)) continue;
      const canReach = !isBehindNat(to, behindNat);
      if (!canReach && isBehindNat(from, behindNat)) continue;
      met.add(pair);
      left -= 1;
      const [dialler, dialled] = canReach ? [from, to] : [to, from];
      this.nodes[dialler]?.meet([this.nodes[dialled] as SimNode], INFO_HASH);
    }
    this.clock.runFor(MEETING_MS);
  }

  #lookAhead({ node, files }: Errand): void {
    this.nodes[node]?.lookAhead(files.map((file) => this.#entry(file)));
  }

  async #runErrand({ node: index, files }: Errand, at: number): Promise<void> {
    const node = this.nodes[index] as SimNode;
    const startedMs = this.clock.nowMs();
    const queue = [...files];
    const worker = async () => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift())
        await node.fetch(this.#entry(file), locationOf(index, file));
    };
    try {
      await Promise.all(Array.from({ length: Math.min(FILES_AT_ONCE, files.length) }, worker));
      this.#tookMs[at] = this.clock.nowMs() - startedMs;
    } catch (error) {
      if (!node.isGone) throw error;
    } finally {
      this.#ended += 1;
    }
  }

  #entry(file: number): Entry {
    const sizeBytes = this.#scenario.files[file] ?? 0;
    return { key: zeroKey(sizeBytes), sizeBytes, swarms: [INFO_HASH] };
  }
}

/** Every so many, so that the share is exact for any number of nodes. */
function isBehindNat(node: number, share: number): boolean {
  return Math.floor((node + 1) * share) > Math.floor(node * share);
}

function peerIdOf(draw: Draw): Uint8Array {
  const id = new Uint8Array(20);
  id.set(new TextEncoder().encode('-DT0100-'));
  for (let at = 8; at < id.length; at += 1) id[at] = drawInt(draw, 256);
  return id;
}

/** Names carry the node, so that a diary of all nodes can be taken apart. */
function locationOf(node: number, file: number): Location {
  return { scheme: 'http', host: 'mirror', path: `/node${node}/file${file}` };
}

function fileOfName(name: string): number {
  return Number(/file(\d+)$/.exec(name)?.[1] ?? -1);
}

/** Each in a network of its own: of strangers of one network only two are let in. */
function hostOf(node: number, isLan: boolean): string {
  return `${(isLan ? 10 : 20) + (node >> 16)}.${(node >> 8) & 255}.${node & 255}.7`;
}

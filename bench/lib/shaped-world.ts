/**
 * A mirror, a tracker, and nodes with an apt-get each, every one a machine of its own on a line of its own (network
 * namespaces). Nodes meet by the tracker, as people's do. Runs apt on many of them at once and says what it took: by
 * apt's own clock, the mirror's log, the daemons' counts and the kernel's (bytes of a line, bytes of each connection).
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../test/fixtures/eventually.ts';
import { type Line, type Machine, Network } from '../../test/fixtures/network.ts';
import { runWell } from '../../test/fixtures/run.ts';
import { BenchClient, type ClientOutcome } from './apt-client.ts';
import type { Corpus } from './corpus.ts';
import { BenchNode, DEBTORRENT } from './debtorrent.ts';
import { Origin } from './nginx.ts';
import { cpuSecondsOf, measure } from './process-use.ts';
import { Service } from './service.ts';
import { median } from './statistics.ts';

export interface WorldOptions {
  readonly corpus: Corpus;
  /** Of this world alone; must not be there yet. */
  readonly directory: string;
  /** How near all are to each other, by their addresses. */
  readonly reach: 'lan' | 'wide';
  readonly mirrorLine?: Line;
  /** Debug logs of the daemons go there, in a folder named as the last one of `directory`. */
  readonly keepLogsIn?: string | undefined;
}

export interface NodeSpec {
  readonly line?: Line;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** HOST:PORT of peers given by hand. */
  readonly peers?: (machine: Machine) => Promise<readonly string[]>;
}

/** A machine with an apt-get, which asks by way of a daemon unless it is a plain one. */
export interface Member {
  readonly machine: Machine;
  readonly client: BenchClient;
  readonly node: BenchNode | undefined;
}

/** What it took until all members had what they wanted. */
export interface Course {
  readonly nodes: number;
  /** Of all packages together, as one member wants them. */
  readonly bytesEach: number;
  /** Of `apt-get download`. */
  readonly slowestSeconds: number;
  readonly medianSeconds: number;
  readonly fastestSeconds: number;
  readonly filesWanted: number;
  readonly filesMissing: number;
  /** apt's first complaint of any member. */
  readonly firstError: string;
  /** Bodies of the pool's files by the mirror's log; of one that was broken off, part may not have left it. */
  readonly mirrorPoolBytes: number;
  /** What left the mirror by its line, without the headers of TCP and below: bodies, heads, sent again or not. */
  readonly mirrorSentBytes: number;
  /** Payload that the members' daemons had from others and wanted when it came, by their own count. */
  readonly peerBytes: number;
  /** Payload that all daemons of the world gave, by their own count: the rest came too late to be of use. */
  readonly givenBytes: number;
  /** All that went through connections between daemons, TCP's and IP's headers not included, by the kernel's count. */
  readonly peerStreamBytes: number;
  /** Of the members' daemons. */
  readonly daemonCpuSeconds: number;
  /** Used by what is no part of the bench, and by the kernel for the lines. */
  readonly foreignCores: number;
}

const TRACKER_PORT = 6969;
const PEER_PORT = 9989;
/** Ethernet, IPv4, and TCP with time stamps. */
const HEADER_BYTES = 14 + 20 + 32;
const MEET_LIMIT_MS = 90_000;

export class World implements AsyncDisposable {
  readonly network: Network;
  readonly origin: Origin;
  readonly mirror: Machine;
  readonly #options: WorldOptions;
  readonly #announceUrl: string;
  readonly #lives: AsyncDisposableStack;
  readonly #nodes: BenchNode[] = [];

  static async open(options: WorldOptions): Promise<World> {
    const { corpus, directory, reach, mirrorLine } = options;
    await using lives = new AsyncDisposableStack();
    mkdirSync(directory);
    const network = lives.use(await Network.open({ reach, isJoined: false }));
    const mirror = await network.machine(mirrorLine);
    const origin = lives.use(await Origin.start(corpus.root, join(directory, 'origin'), mirror));
    const meeting = await network.machine();
    const at = `${meeting.address}:${TRACKER_PORT}`;
    lives.use(
      await Service.start({
        command: [...DEBTORRENT, 'tracker', '--listen', at],
        port: TRACKER_PORT,
        logFile: join(directory, 'tracker.log'),
        machine: meeting,
      }),
    );
    return new World(
      options,
      { network, mirror, origin, announceUrl: `http://${at}/announce` },
      lives.move(),
    );
  }

  private constructor(
    options: WorldOptions,
    parts: { network: Network; mirror: Machine; origin: Origin; announceUrl: string },
    lives: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.network = parts.network;
    this.mirror = parts.mirror;
    this.origin = parts.origin;
    this.#announceUrl = parts.announceUrl;
    this.#lives = lives;
  }

  /** A machine without a daemon. */
  async plain(line?: Line): Promise<Member> {
    const machine = await this.network.machine(line);
    return { machine, node: undefined, client: this.#client(machine, 'DIRECT') };
  }

  async node({ line, args = [], peers }: NodeSpec): Promise<Member> {
    const machine = await this.network.machine(line);
    const { directory, keepLogsIn } = this.#options;
    const own = join(directory, `node-${this.#nodes.length + 1}`);
    if (keepLogsIn !== undefined) this.#lives.defer(() => keepLog(own, directory, keepLogsIn));
    const node = this.#lives.use(
      await BenchNode.start({
        directory: own,
        machine,
        mirror: this.origin.hostPort,
        trackers: [this.#announceUrl],
        peers: (await peers?.(machine)) ?? [],
        logLevel: keepLogsIn === undefined ? 'warn' : 'debug',
        args,
      }),
    );
    this.#nodes.push(node);
    return { machine, node, client: this.#client(machine, node.proxyUrl) };
  }

  /** So many members made alike. */
  async many(count: number, make: () => Promise<Member>): Promise<Member[]> {
    const members: Member[] = [];
    while (members.length < count) members.push(await make());
    return members;
  }

  /** All have the archive's indexes. */
  async update(members: readonly Member[]): Promise<void> {
    const updates = await Promise.all(members.map(({ client }) => client.run([])));
    const failed = updates.find(({ updateFailed }) => updateFailed);
    if (failed) throw new Error(`apt-get update failed: ${failed.firstError}`);
  }

  /** All have the archive's indexes, and those with a daemon are connected with each other. */
  async prepare(members: readonly Member[]): Promise<void> {
    await this.update(members);
    const nodes = members.flatMap(({ node }) => node ?? []);
    for (const node of nodes) {
      const hasMet = async () => (await node.status()).peers.length >= nodes.length - 1;
      await eventually('the nodes meet', hasMet, MEET_LIMIT_MS);
    }
  }

  /** All at once: `apt-get download` of these packages. */
  async download(members: readonly Member[], packages: readonly string[]): Promise<Course> {
    const { corpus } = this.#options;
    const nodes = members.flatMap(({ node }) => node ?? []);
    const before = await this.#counts(members);
    this.origin.workSinceLast();
    const measured = await measure([], () =>
      Promise.all(members.map(({ client }) => client.download(packages))),
    );
    const outcomes = measured.result;
    const after = await this.#counts(members);
    const seconds = outcomes.map(({ downloadSeconds }) => downloadSeconds);
    const bytesEach = packages.reduce((sum, name) => sum + (corpus.sizes.get(name) ?? 0), 0);
    // apt leaves the part of a file that did come where the file should be.
    const missingOf = ({ files, bytes }: ClientOutcome) =>
      Math.max(packages.length - files, bytes === bytesEach ? 0 : 1);
    return {
      nodes: members.length,
      bytesEach,
      slowestSeconds: Math.max(...seconds),
      medianSeconds: median(seconds),
      fastestSeconds: Math.min(...seconds),
      filesWanted: members.length * packages.length,
      filesMissing: outcomes.reduce((sum, outcome) => sum + missingOf(outcome), 0),
      firstError: outcomes.find(({ firstError }) => firstError !== '')?.firstError ?? '',
      mirrorPoolBytes: this.origin.workSinceLast().poolBytes,
      mirrorSentBytes: after.mirrorSentBytes - before.mirrorSentBytes,
      peerBytes: after.peerBytes - before.peerBytes,
      givenBytes: after.givenBytes - before.givenBytes,
      peerStreamBytes: after.peerStreamBytes - before.peerStreamBytes,
      daemonCpuSeconds: nodes.length === 0 ? 0 : after.cpuSeconds - before.cpuSeconds,
      foreignCores: measured.foreignCores,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#lives.disposeAsync();
  }

  #client(machine: Machine, proxy: string): BenchClient {
    const { suite, keyring } = this.#options.corpus;
    const sources = [`${this.origin.url} ${suite} main`];
    return this.#lives.use(new BenchClient({ sources, keyring, proxy, prefix: machine.prefix }));
  }

  async #counts(members: readonly Member[]) {
    const nodes = members.flatMap(({ node }) => node ?? []);
    const statuses = await Promise.all(nodes.map((node) => node.status()));
    const givers = await Promise.all(this.#nodes.map((node) => node.status()));
    const streams = await Promise.all(members.map(({ machine }) => receivedFromPeers(machine)));
    const { bytes, packets } = await this.network.sentBy(this.mirror);
    return {
      mirrorSentBytes: bytes - packets * HEADER_BYTES,
      peerBytes: statuses.reduce((sum, { bytes }) => sum + bytes.fromPeers, 0),
      givenBytes: givers.reduce((sum, { bytes }) => sum + bytes.uploaded, 0),
      peerStreamBytes: streams.reduce((sum, bytes) => sum + bytes, 0),
      cpuSeconds: nodes.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0),
    };
  }
}

/**
 * Bytes that `machine`'s open connections with other nodes have brought. Of one that was closed nothing is known any
 * more, which in these worlds is rare: both ends stay. Source: ss(8), RFC 4898 tcpEStatsAppHCThruOctetsReceived.
 */
async function receivedFromPeers({ prefix }: Machine): Promise<number> {
  const filter = `( sport = :${PEER_PORT} or dport = :${PEER_PORT} )`;
  const { stdout } = await runWell([...prefix, 'ss', '-Htin', 'state', 'established', filter]);
  return [...stdout.matchAll(/ bytes_received:(\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function keepLog(own: string, directory: string, keepLogsIn: string): void {
  const log = join(own, 'log');
  const [world, node] = [directory, own].map((path) => path.slice(path.lastIndexOf('/') + 1)) as [
    string,
    string,
  ];
  if (!existsSync(log)) return;
  mkdirSync(join(keepLogsIn, world), { recursive: true });
  copyFileSync(log, join(keepLogsIn, world, node));
}

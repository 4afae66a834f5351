/** How the benches start debtorrent: the built binary, or src/main.ts by Bun with DEBTORRENT_DEV=1, as the tests do. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../test/fixtures/network.ts';
import { run } from '../../test/fixtures/run.ts';
import { freeLowPort } from './free-low-port.ts';
import { Service } from './service.ts';

const root = join(import.meta.dir, '../..');

/** The program and its first arguments. */
export const DEBTORRENT: readonly string[] =
  process.env.DEBTORRENT_DEV === '1'
    ? [process.execPath, join(root, 'src/main.ts')]
    : [join(root, 'dist/debtorrent')];

export interface NodeOptions {
  /** Cache, state and log lie here; kept, so that a second start on it is a warm one. */
  readonly directory: string;
  /** "127.0.0.1:8080": the mirror, which is allowed though it is on loopback. */
  readonly mirror: string;
  /** HOST:PORT of other nodes. */
  readonly peers?: readonly string[];
  readonly cacheLimit?: string;
  readonly trackers?: readonly string[];
  readonly logLevel?: 'warn' | 'debug';
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** Where it lives, when not among us; it then has the usual ports. */
  readonly machine?: Machine;
}

/** The part of /api/status that benches look at. */
export interface NodeStatus {
  readonly bytes: { readonly fromPeers: number; readonly fromMirror: number; readonly uploaded: number };
  readonly swarms: readonly unknown[];
  readonly peers: readonly unknown[];
  readonly store: { readonly files: number; readonly bytes: number };
  readonly transfers: readonly unknown[];
  readonly dht?: { readonly nodes: number };
}

/** One running daemon. It shares the benches' archive, as it would share Debian's: what that costs belongs to it. */
export class BenchNode implements AsyncDisposable {
  readonly service: Service;
  readonly proxyUrl: string;
  readonly peerAddress: string;
  readonly #machine: Machine | undefined;

  static async start(options: NodeOptions): Promise<BenchNode> {
    const { directory, mirror, peers = [], trackers = [], cacheLimit, logLevel = 'warn', machine } = options;
    mkdirSync(directory, { recursive: true });
    const [port, peerPort] = machine ? [9988, 9989] : [await freeLowPort(), await freeLowPort()];
    const peerAddress = `${machine?.address ?? '127.0.0.1'}:${peerPort}`;
    const service = await Service.start({
      command: [
        ...DEBTORRENT,
        'serve',
        ...['--listen', `127.0.0.1:${port}`, '--peer-listen', peerAddress],
        ...['--cache-dir', join(directory, 'cache'), '--state-dir', join(directory, 'state')],
        ...[
          '--no-supervise',
          '--no-lan',
          '--no-dht',
          '--apt-lists',
          'none',
          '--dpkg-status',
          'none',
          '--allow-upstream',
          mirror,
          '--share',
          'Bench',
          '--log-level',
          logLevel,
        ],
        ...(cacheLimit === undefined ? [] : ['--cache-limit', cacheLimit]),
        ...peers.flatMap((peer) => ['--peer', peer]),
        ...trackers.flatMap((tracker) => ['--tracker', tracker]),
        ...(options.args ?? []),
      ],
      port,
      logFile: join(directory, 'log'),
      machine,
    });
    return new BenchNode(service, `http://127.0.0.1:${port}`, peerAddress, machine);
  }

  private constructor(service: Service, proxyUrl: string, peerAddress: string, machine: Machine | undefined) {
    this.#machine = machine;
    this.service = service;
    this.proxyUrl = proxyUrl;
    this.peerAddress = peerAddress;
  }

  get pid(): number {
    return this.service.pid;
  }

  async status(): Promise<NodeStatus> {
    if (this.#machine) {
      const { prefix } = this.#machine;
      const { stdout } = await run([
        ...prefix,
        'curl',
        '-sS',
        '--noproxy',
        '*',
        `${this.proxyUrl}/api/status`,
      ]);
      return JSON.parse(stdout) as NodeStatus;
    }
    const answer = await fetch(`${this.proxyUrl}/api/status`, {
      proxy: false,
      keepalive: false,
    } as RequestInit);
    return (await answer.json()) as NodeStatus;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.service[Symbol.asyncDispose]();
  }
}

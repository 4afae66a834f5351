/**
 * A server program in the foreground, child of the bench, with its output in a file. Ready when its port takes a
 * connection; ended by SIGTERM, and by SIGKILL with the bench itself if that comes first.
 */
import { openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Subprocess } from 'bun';
import type { Machine } from '../../test/fixtures/network.ts';
import { PLAIN_ENV } from '../../test/fixtures/run.ts';

export interface ServiceOptions {
  readonly command: readonly string[];
  /** On 127.0.0.1. */
  readonly port: number;
  readonly logFile: string;
  /** Where it runs, when not among us; it then must listen on that machine's address, or on all. */
  readonly machine?: Machine | undefined;
}

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;

const running = new Set<Subprocess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

export class Service implements AsyncDisposable {
  /** From before the program was started until its port took a connection. */
  readonly startMs: number;
  readonly #child: Subprocess;

  /** Throws, with the end of its log, when the program ends or doesn't listen within half a minute. */
  static async start({ command, port, logFile, machine }: ServiceOptions): Promise<Service> {
    const isReady = () => (machine ? listensThere(machine, port) : listens(port));
    if (await isReady()) throw new Error(`port ${port} is in use`);
    const log = openSync(logFile, 'a');
    const started = performance.now();
    const child = Bun.spawn([...(machine?.prefix ?? []), ...command], {
      cwd: '/',
      env: PLAIN_ENV,
      stdio: ['ignore', log, log],
    });
    running.add(child);
    void child.exited.then(() => running.delete(child));
    while (!(await isReady())) {
      const isDead = child.exitCode !== null || child.signalCode !== null;
      if (isDead || performance.now() - started > START_LIMIT_MS) {
        child.kill('SIGKILL');
        throw new Error(`${command[0]} did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
      }
      await Bun.sleep(1);
    }
    return new Service(child, performance.now() - started);
  }

  private constructor(child: Subprocess, startMs: number) {
    this.#child = child;
    this.startMs = startMs;
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#child.exited;
    clearTimeout(timer);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Asked over there. */
async function listensThere({ prefix, address }: Machine, port: number): Promise<boolean> {
  const probes = ['127.0.0.1', address].map(
    (host) =>
      Bun.spawn([...prefix, 'bash', '-c', `: </dev/tcp/${host}/${port}`], { stderr: 'ignore' }).exited,
  );
  return (await Promise.all(probes)).includes(0);
}

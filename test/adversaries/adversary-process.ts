/** An adversary's program in a process of its own, on an address of its own, against daemons that run. */
import { join } from 'node:path';
import type { Subprocess } from 'bun';
import { atEnd } from '../fixtures/at-end.ts';
import { PLAIN_ENV } from '../fixtures/run.ts';

export interface ProgramOptions {
  /** The file of this directory, without ".ts". */
  readonly name: string;
  /** "127.0.0.2" */
  readonly host: string;
  readonly origin: string;
  readonly codename: string;
  /** Paths of the files that it pretends to have. */
  readonly files: readonly string[];
  /** Peer addresses of the daemons that it dials. */
  readonly victims: readonly string[];
}

/** What it says it has done. */
export interface Deeds {
  readonly connections: number;
  readonly refused: number;
  readonly sentBytes: number;
  readonly requests: number;
  readonly wants: number;
}

export class AdversaryProcess implements AsyncDisposable {
  readonly name: string;
  readonly host: string;
  readonly #child: Subprocess<'ignore', 'pipe', 'inherit'>;
  readonly #lines: AsyncIterator<string>;
  #deeds: Promise<Deeds> | undefined;

  /** Resolves when it listens and dials. */
  static async start(options: ProgramOptions): Promise<AdversaryProcess> {
    const { name, host, origin, codename, files, victims } = options;
    const child = Bun.spawn(
      [
        process.execPath,
        join(import.meta.dir, `${name}.ts`),
        ...['--at', `${host}:0`, '--origin', origin, '--codename', codename],
        ...files.flatMap((file) => ['--file', file]),
        ...victims.flatMap((victim) => ['--dial', victim]),
      ],
      { cwd: import.meta.dir, env: PLAIN_ENV, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const forget = atEnd(() => child.kill('SIGKILL'));
    void child.exited.then(forget);
    const adversary = new AdversaryProcess(options, child);
    await adversary.#line();
    return adversary;
  }

  private constructor({ name, host }: ProgramOptions, child: Subprocess<'ignore', 'pipe', 'inherit'>) {
    this.name = name;
    this.host = host;
    this.#child = child;
    this.#lines = linesOf(child.stdout);
  }

  /** Ends it, and says what it has done. */
  stop(): Promise<Deeds> {
    this.#deeds ??= (async () => {
      this.#child.kill('SIGTERM');
      const deeds = JSON.parse(await this.#line()) as Deeds;
      const code = await this.#child.exited;
      if (code !== 0) throw new Error(`${this.name} ended with ${code}`);
      return deeds;
    })();
    return this.#deeds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.name} ended too early (${await this.#child.exited})`);
    return value;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

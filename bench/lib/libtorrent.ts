/** libtorrent's peers for peer-to-peer.ts, each a process of its own (libtorrent-peer.py), driven by lines of text. */
import { join } from 'node:path';
import type { Subprocess } from 'bun';
import { PLAIN_ENV, runWell } from '../../test/fixtures/run.ts';
import { freeLowPort } from './free-low-port.ts';

/** Debian's own Python: python3-libtorrent belongs to it, whatever else PATH holds. */
const SCRIPT = ['/usr/bin/python3', join(import.meta.dir, '../libtorrent-peer.py')];

const running = new Set<Subprocess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function isLibtorrentThere(): boolean {
  return Bun.spawnSync(['/usr/bin/python3', '-c', 'import libtorrent']).exitCode === 0;
}

/** A v1 torrent of the file. */
export async function makeTorrentFile(file: string, torrent: string): Promise<void> {
  await runWell([...SCRIPT, 'make', file, torrent], { timeoutMs: 300_000 });
}

export class LibtorrentPeer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Subprocess<'pipe', 'pipe', 'inherit'>;
  readonly #lines: AsyncIterator<string>;

  /** Seeds what lies in `directory`. */
  static async seed(torrent: string, directory: string): Promise<LibtorrentPeer> {
    return LibtorrentPeer.#start('seed', torrent, directory, await freeLowPort());
  }

  /** Ready to fetch into `directory` from the seeder at `port`. */
  static fetch(torrent: string, directory: string, port: number): Promise<LibtorrentPeer> {
    return LibtorrentPeer.#start('fetch', torrent, directory, port);
  }

  static async #start(
    role: string,
    torrent: string,
    directory: string,
    port: number,
  ): Promise<LibtorrentPeer> {
    const command = [...SCRIPT, role, torrent, directory, String(port)];
    const child = Bun.spawn(command, { env: PLAIN_ENV, stdio: ['pipe', 'pipe', 'inherit'] });
    running.add(child);
    void child.exited.then(() => running.delete(child));
    const peer = new LibtorrentPeer(child, port);
    if ((await peer.#line()) !== 'ready') throw new Error(`libtorrent could not ${role}`);
    return peer;
  }

  private constructor(child: Subprocess<'pipe', 'pipe', 'inherit'>, port: number) {
    this.#child = child;
    this.port = port;
    this.#lines = linesOf(child.stdout);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Only of one that fetches: begins; resolves with the seconds until all was there and verified. */
  async go(): Promise<number> {
    this.#child.stdin.write('go\n');
    this.#child.stdin.flush();
    return Number(await this.#line());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#child.exited;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('libtorrent ended early');
    return value;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of stream) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    yield* lines;
  }
}

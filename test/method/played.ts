/**
 * A Method in a played world: apt's messages are said to it, its own are heard; the daemon is a function from request to
 * Response; time is virtual and files are real, in a temporary folder.
 */
import { join } from 'node:path';
import type { Fetch } from '../../src/method/daemon-link.ts';
import { type Message, MessageFramer } from '../../src/method/message.ts';
import { Method } from '../../src/method/method.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

export const CONFIGURATION = '601 Configuration\nConfig-Item: APT::Sandbox::User=_apt\n\n';
export const DATE = 'Sat, 10 Jun 2023 08:53:48 GMT';
export const BYTES = 'the right bytes of a package';
export const sha256 = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('hex');

type Play = (
  path: string,
  headers: Headers,
  signal: AbortSignal | null | undefined,
) => Response | Promise<Response>;

export const refuse: Play = () => {
  throw Object.assign(new Error('refused'), { code: 'ConnectionRefused' });
};

/** A stream that breaks off. */
export function cutAfter(text: string): ReadableStream<Uint8Array> {
  let isOut = false;
  return new ReadableStream({
    pull(controller) {
      if (isOut) controller.error(new Error('reset'));
      else controller.enqueue(Buffer.from(text));
      isOut = true;
    },
  });
}

export const answer = (text: string, headers: Record<string, string> = {}, status = 200) =>
  new Response(text, {
    status,
    headers: { 'Content-Length': `${text.length}`, 'Last-Modified': DATE, ...headers },
  });

export class Played implements Disposable {
  readonly clock = new VirtualClock();
  readonly #folder = tempDir('method');
  readonly asked: { path: string; headers: Headers }[] = [];
  readonly method: Method;
  #said = '';

  constructor(daemon: Play, dropRights: () => void = () => {}) {
    const fetchIt: Fetch = async (url, init) => {
      const path = url.replace('http://127.0.0.1:9988', '');
      const headers = new Headers(init.headers);
      this.asked.push({ path, headers });
      return await daemon(path, headers, init.signal);
    };
    this.method = new Method({
      write: (text) => {
        this.#said += text;
      },
      clock: this.clock,
      dropRights,
      fetch: fetchIt,
    });
  }

  file(name: string): string {
    return join(this.#folder.path, name);
  }

  /** apt says it. */
  say(text: string): void {
    this.method.push(Buffer.from(text));
  }

  acquire(
    name: string,
    fields: Record<string, string> = {},
    uri = `debtorrent+http://mirror.example.org/${name}`,
  ) {
    const lines = Object.entries({ URI: uri, Filename: this.file(name), ...fields }).map(
      ([k, v]) => `${k}: ${v}\n`,
    );
    this.say(`600 URI Acquire\n${lines.join('')}\n`);
  }

  /** A file of which apt knows what it must be. */
  acquireBytes(name: string, bytes = BYTES): void {
    this.acquire(name, { 'Expected-SHA256': sha256(bytes), 'Expected-Checksum-FileSize': `${bytes.length}` });
  }

  /** All that was said since last asked, after time has gone by. */
  async heard(ms = 5000): Promise<Message[]> {
    // Bodies of real Responses take turns of the event loop, which the virtual clock knows nothing of.
    for (let i = 0; i < 30; i += 1) {
      await Bun.sleep(0);
      await this.clock.run(ms / 30);
    }
    const all = new MessageFramer().push(Buffer.from(this.#said, 'latin1')) as Message[];
    this.#said = '';
    return all;
  }

  [Symbol.dispose](): void {
    this.method.stop();
    this.#folder[Symbol.dispose]();
  }
}

/** Of messages, without those that only tell the user something. */
export const codes = (messages: Message[]) => messages.map(({ code }) => code).filter((code) => code > 102);

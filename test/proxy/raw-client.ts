/** A client that sends exactly what the test writes and splits what comes back into answers, as apt would. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Of the status line. */
  readonly phrase: string;
  readonly headers: Headers;
  readonly body: Buffer;
}

export class RawClient implements Disposable {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  /** The other side has ended or reset the connection. */
  closed = false;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** `from`: another address of loopback, to pass for another machine. */
  static async open(port: number, from = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  /** One GET for each target, all in one write. */
  get(...targets: string[]): void {
    this.socket.write(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
  }

  /** The next whole answer; `method` HEAD has no body. Rejects when the connection ends before it is complete. */
  async answer(method: 'GET' | 'HEAD' = 'GET'): Promise<RawAnswer> {
    let end = this.#received.indexOf('\r\n\r\n');
    while (end < 0) {
      await this.#more('an answer');
      end = this.#received.indexOf('\r\n\r\n');
    }
    const [line = '', ...fields] = this.#received.subarray(0, end).toString('latin1').split('\r\n');
    const headers = new Headers(fields.map((text) => text.split(/:\s*(.*)/, 2) as [string, string]));
    const [, code, ...words] = line.split(' ');
    const status = Number(code);
    const length =
      method === 'HEAD' || status === 304 ? 0 : Number(headers.get('content-length') ?? Number.NaN);
    if (Number.isNaN(length)) throw new Error('an answer without Content-Length');
    while (this.#received.length < end + 4 + length) await this.#more(`${length} bytes of body`);
    const body = this.#received.subarray(end + 4, end + 4 + length);
    this.#received = this.#received.subarray(end + 4 + length);
    return { status, phrase: words.join(' '), headers, body };
  }

  /** All that comes until the other side closes. */
  async rest(): Promise<string> {
    while (!this.closed) await this.#change();
    return this.#received.toString('latin1');
  }

  /** Resolves when at least `bytes` are here that no answer() has taken. */
  async received(bytes: number): Promise<void> {
    while (this.#received.length < bytes) await this.#more(`${bytes} bytes`);
  }

  async #more(what: string): Promise<void> {
    if (this.closed)
      throw new Error(`closed before ${what}: ${this.#received.subarray(0, 300).toString('latin1')}`);
    await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const resume of [...this.#waiting]) {
      this.#waiting.delete(resume);
      resume();
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

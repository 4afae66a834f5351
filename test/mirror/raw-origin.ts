/** An upstream whose every byte the test decides: a TCP server that splits requests and leaves answering to a script. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly socket: Socket;
  /** Sends a complete answer and keeps the connection. */
  reply(status: number, body: string | Uint8Array, headers?: Record<string, string>): void;
  /** Resolves when the client has closed this connection. */
  readonly closed: Promise<void>;
}

export interface RawOrigin extends AsyncDisposable {
  /** "127.0.0.1:PORT" */
  readonly host: string;
  readonly port: number;
  /** Every request so far, in order. */
  readonly asked: readonly Asked[];
}

export async function rawOrigin(answer: (asked: Asked) => void): Promise<RawOrigin> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const request = parse(text.slice(0, end), socket, closed);
        text = text.slice(end + 4);
        asked.push(request);
        answer(request);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    port,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function parse(head: string, socket: Socket, closed: Promise<void>): Asked {
  const [line = '', ...fields] = head.split('\r\n');
  const [method = '', target = ''] = line.split(' ');
  const headers = new Headers(fields.map((text) => text.split(/:\s*(.*)/, 2) as [string, string]));
  const reply: Asked['reply'] = (status, body, more = {}) => {
    const bytes = Buffer.from(body);
    const all = { 'Content-Length': String(bytes.length), ...more };
    const text = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\n${text.join('')}\r\n`), bytes]));
  };
  return { method, target, headers, socket, reply, closed };
}

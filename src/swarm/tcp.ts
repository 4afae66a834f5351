/**
 * Links over TCP, on Bun's sockets: they take what the kernel takes and say how much, so the queue is ours.
 * Decides nothing about peers. Source: measured behaviour of Bun.connect and Bun.listen (docs/ARCHITECTURE.md).
 */
import type { Socket } from 'bun';
import { socketGulps } from '../lib/gulps.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { Link, LinkEvents, LinkListener } from './link.ts';

/** Received chunks of this size and more are freed as soon as they have been looked at. */
const FREED_AT_ONCE_BYTES = 32 * 1024;

/** Messages up to this size travel together: each write is a system call, and a packet that wakes the other end. */
const SMALL_BYTES = 1024;
const TOGETHER_BYTES = 4096;

class TcpLink implements Link {
  readonly remote: HostPort;
  readonly #socket: Socket<TcpLink | undefined>;
  #events: LinkEvents | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** Small messages that wait for the others of this turn. */
  #small: Uint8Array | undefined;
  #smallBytes = 0;
  #closed = false;
  /** Why, when it was closed before anybody attached. */
  #closedBy: string | undefined;

  constructor(socket: Socket<TcpLink | undefined>, remote: HostPort) {
    this.#socket = socket;
    this.remote = remote;
    socket.setNoDelay(true);
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  attach(events: LinkEvents): void {
    this.#events = events;
    const reason = this.#closedBy;
    if (reason !== undefined) queueMicrotask(() => events.closed(reason));
  }

  send(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (bytes.length > SMALL_BYTES) {
      this.#flush();
      this.#write(bytes);
      return;
    }
    this.#small ??= new Uint8Array(TOGETHER_BYTES);
    if (this.#smallBytes + bytes.length > TOGETHER_BYTES) this.#flush();
    if (this.#smallBytes === 0) queueMicrotask(() => this.#flush());
    this.#small.set(bytes, this.#smallBytes);
    this.#smallBytes += bytes.length;
  }

  /** Small messages of one turn of the event loop, together. */
  #flush(): void {
    const bytes = this.#small?.subarray(0, this.#smallBytes);
    this.#smallBytes = 0;
    if (bytes && bytes.length > 0) this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    if (this.#closed) return;
    let from = 0;
    if (this.#queue.length === 0) {
      const taken = this.#socket.write(bytes);
      if (taken === bytes.length) return;
      if (taken < 0) return; // closed under us: the close event follows
      from = taken;
    }
    const rest = bytes.slice(from);
    this.#queue.push(rest);
    this.#queuedBytes += rest.length;
  }

  pause(): void {
    if (!this.#closed) this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#flush();
    this.#finish(reason);
    this.#socket.terminate();
  }

  onData(chunk: Uint8Array): void {
    const bytes = chunk.length;
    if (!this.#closed) this.#events?.data(chunk);
    // Left to the collector, a fast link's chunks would pile up by tens of megabytes, each in memory not used before.
    if (bytes >= FREED_AT_ONCE_BYTES) (chunk.buffer as ArrayBuffer).transfer(0);
    if (!this.#closed) socketGulps.read(this.#socket, this.#events?.awaitedBytes ?? 0);
  }

  onDrain(): void {
    // A pause and its end say so, too.
    if (this.#queue.length === 0) return;
    while (!this.#closed) {
      const first = this.#queue[0];
      if (!first) break;
      const taken = this.#socket.write(first);
      if (taken < 0) return;
      this.#queuedBytes -= taken;
      if (taken < first.length) {
        this.#queue[0] = first.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
    if (!this.#closed) this.#events?.drained();
  }

  onClose(reason: string): void {
    if (!this.#closed) this.#finish(reason);
  }

  #finish(reason: string): void {
    this.#closed = true;
    socketGulps.forget(this.#socket);
    this.#queue = [];
    this.#queuedBytes = 0;
    if (this.#events) this.#events.closed(reason);
    else this.#closedBy = reason;
  }
}

const handlers = {
  // Not `Buffer`, whose `slice` is a view of the chunk.
  binaryType: 'uint8array' as const,
  data: (socket: Socket<TcpLink | undefined>, chunk: Uint8Array) => socket.data?.onData(chunk),
  drain: (socket: Socket<TcpLink | undefined>) => socket.data?.onDrain(),
  close: (socket: Socket<TcpLink | undefined>, error?: Error) =>
    socket.data?.onClose(error ? error.message : 'closed by the peer'),
  end: (socket: Socket<TcpLink | undefined>) => {
    socket.data?.onClose('closed by the peer');
    socket.end();
  },
  error: (socket: Socket<TcpLink | undefined>, error: Error) => socket.data?.onClose(error.message),
};

function remoteOf(socket: Socket<TcpLink | undefined>, port: number): HostPort {
  return { host: socket.remoteAddress.replace(/^::ffff:(?=\d+\.)/, ''), port };
}

export async function dialTcp(to: HostPort, timeoutMs: number): Promise<Link> {
  let late = false;
  const connecting = new Promise<Link>((resolve, reject) => {
    Bun.connect<TcpLink | undefined>({
      hostname: to.host,
      port: to.port,
      data: undefined,
      socket: {
        ...handlers,
        open(socket) {
          if (late) {
            socket.terminate();
            return;
          }
          const link = new TcpLink(socket, remoteOf(socket, to.port));
          socket.data = link;
          resolve(link);
        },
        connectError: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
  const timer = Promise.withResolvers<never>();
  const timeout = setTimeout(() => {
    late = true;
    timer.reject(new Error(`no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([connecting, timer.promise]);
  } finally {
    clearTimeout(timeout);
    connecting.catch(() => {});
    timer.promise.catch(() => {});
  }
}

export function listenTcp(at: HostPort, accept: (link: Link) => void): LinkListener {
  const listener = Bun.listen<TcpLink | undefined>({
    hostname: at.host,
    port: at.port,
    data: undefined,
    socket: {
      ...handlers,
      open(socket) {
        const link = new TcpLink(socket, remoteOf(socket, socket.remotePort));
        socket.data = link;
        accept(link);
      },
    },
  });
  return { address: { host: at.host, port: listener.port }, close: () => listener.stop(true) };
}

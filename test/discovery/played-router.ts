/** Routers that a test plays itself: one that speaks PCP or NAT-PMP, one that speaks UPnP (SSDP and SOAP). */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Maps one port after another to what it is asked for, or to `outerPort`. */
export class PlayedPcpRouter implements Disposable {
  #socket: Bun.udp.Socket<'uint8array'> | undefined;
  readonly requests: Uint8Array[] = [];
  outerPort: number | undefined;
  lifetimeSeconds = 7_200;
  /** How it answers; undefined: as its kind does. */
  play: ((request: Uint8Array) => Uint8Array | undefined) | undefined;
  readonly #kind: 'PCP' | 'NAT-PMP';

  static async start(kind: 'PCP' | 'NAT-PMP'): Promise<PlayedPcpRouter> {
    const router = new PlayedPcpRouter(kind);
    router.#socket = await Bun.udpSocket({
      hostname: '127.0.0.1',
      port: 0,
      binaryType: 'uint8array',
      socket: {
        data: (socket, bytes, port, address) => {
          const answer = router.#answerTo(bytes);
          if (answer) socket.send(answer, port, address);
        },
        error: () => {},
      },
    });
    return router;
  }

  private constructor(kind: 'PCP' | 'NAT-PMP') {
    this.#kind = kind;
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  /** Lifetimes of the mappings asked for, in seconds. */
  get lifetimes(): number[] {
    return this.requests
      .filter((request) => request.length >= 12)
      .filter((request) => this.#kind === 'PCP' || request.length === 12)
      .map((request) => viewOf(request).getUint32(request.length === 12 ? 8 : 4));
  }

  /** What mappings were asked for, of requests in the router's own version. */
  get transports(): string[] {
    return this.requests.flatMap((request) => {
      if (this.#kind === 'PCP') return [request[36] === 17 ? 'UDP' : 'TCP'];
      return request.length === 12 ? [request[1] === 1 ? 'UDP' : 'TCP'] : [];
    });
  }

  [Symbol.dispose](): void {
    this.#socket?.close();
  }

  #answerTo(request: Uint8Array): Uint8Array | undefined {
    this.requests.push(request);
    if (this.play) return this.play(request);
    return this.#kind === 'PCP' ? this.pcpAnswer(request) : this.natPmpAnswer(request);
  }

  pcpAnswer(request: Uint8Array, result = 0): Uint8Array {
    const answer = request.slice();
    const view = viewOf(answer);
    answer[1] = (request[1] as number) | 0x80;
    answer[3] = result;
    if (view.getUint32(4) > 0) view.setUint32(4, this.lifetimeSeconds);
    if (this.outerPort !== undefined) view.setUint16(42, this.outerPort);
    answer.set([0xff, 0xff, 198, 51, 100, 7], 54);
    return answer;
  }

  natPmpAnswer(request: Uint8Array, result = 0): Uint8Array {
    if (request[0] !== 0) return Uint8Array.of(0, 0x80, 0, 1, 0, 0, 0, 9);
    if (request[1] === 0) return Uint8Array.of(0, 0x80, 0, result, 0, 0, 0, 9, 198, 51, 100, 7);
    const answer = new Uint8Array(16);
    const view = viewOf(answer);
    answer.set([0, (request[1] as number) | 0x80, 0, result]);
    answer.set(request.subarray(4, 8), 8);
    if (this.outerPort !== undefined) view.setUint16(10, this.outerPort);
    const lifetime = viewOf(request).getUint32(8);
    view.setUint32(12, lifetime === 0 ? 0 : this.lifetimeSeconds);
    return answer;
  }
}

export interface Mapping {
  readonly transport: string;
  readonly outerPort: number;
  readonly localPort: number;
  readonly localAddress: string;
  readonly lifetimeSeconds: number;
}

/** Answers searches that are sent to it itself; the description and SOAP over HTTP. */
export class PlayedIgd implements AsyncDisposable {
  readonly mappings = new Map<string, Mapping>();
  /** Paths asked for. */
  readonly asked: string[] = [];
  service = 'WANIPConnection:1';
  /** Outer ports that others have. */
  readonly taken = new Set<number>();
  onlyPermanent = false;
  /** What it names as its place, by its own address; undefined: the truth. */
  location: string | undefined;
  /** Answers HTTP as it likes. */
  play: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  controlUrl = '/control';
  #ssdp: Bun.udp.Socket<'uint8array'> | undefined;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  static async start(): Promise<PlayedIgd> {
    const igd = new PlayedIgd();
    const { promise, resolve } = Promise.withResolvers<void>();
    igd.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    igd.#ssdp = await Bun.udpSocket({
      hostname: '127.0.0.1',
      port: 0,
      binaryType: 'uint8array',
      socket: {
        data: (socket, bytes, port, address) => {
          const target = /^ST: (.*)$/m.exec(Buffer.from(bytes).toString())?.[1]?.trim();
          socket.send(
            `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: ${target}\r\nLocation: ${igd.location ?? igd.place}\r\n\r\n`,
            port,
            address,
          );
        },
        error: () => {},
      },
    });
    return igd;
  }

  get place(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/root.xml`;
  }

  get ssdpTarget(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.#ssdp?.port ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ssdp?.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(request.url ?? '');
    if (this.play) return this.play(request, response);
    if (request.url === '/root.xml') return void response.end(this.#description());
    let body = '';
    for await (const part of request) body += part;
    const value = (tag: string) => new RegExp(`<${tag}>([^<]*)<`).exec(body)?.[1] ?? '';
    const transport = value('NewProtocol');
    const outerPort = Number(value('NewExternalPort'));
    const key = `${transport} ${outerPort}`;
    const fail = (code: number) =>
      response
        .writeHead(500)
        .end(`<s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault>`);
    if (body.includes('AddPortMapping')) {
      const lifetimeSeconds = Number(value('NewLeaseDuration'));
      if (this.onlyPermanent && lifetimeSeconds > 0) return void fail(725);
      if (this.taken.has(outerPort)) return void fail(718);
      this.mappings.set(key, {
        transport,
        outerPort,
        localPort: Number(value('NewInternalPort')),
        localAddress: value('NewInternalClient'),
        lifetimeSeconds,
      });
      response.end('<u:AddPortMappingResponse/>');
    } else if (body.includes('DeletePortMapping')) {
      response.writeHead(this.mappings.delete(key) ? 200 : 500).end('<u:DeletePortMappingResponse/>');
    } else response.end('<u:R><NewExternalIPAddress>198.51.100.7</NewExternalIPAddress></u:R>');
  }

  #description(): string {
    return `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceList><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType><controlURL>/common</controlURL></service>
</serviceList><deviceList><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:${this.service}</serviceType>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>${this.controlUrl}</controlURL></service>
</serviceList></device></deviceList></device></deviceList></device></root>`;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The sockets of local discovery: for each family one that hears, joined to the group on every suitable interface, and
 * for each interface (IPv4: each address) one that speaks. The hearing one is bound to the group's address, so that
 * nothing sent to this machine alone, from wherever, gets in by it; it shares its port with other programs. The
 * speaking ones send no further than the segment (TTL 1), and their source is the address to dial.
 * Decides nothing about what is said. Sources: ip(7), ipv6(7), BEP 14; measured behaviour of Bun's node:dgram.
 */
import { createSocket, type Socket } from 'node:dgram';
import { formatHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { isOnSegment, type LocalInterface, localInterfaces } from './local-interfaces.ts';
import type { LsdPort, OpenLsdPort } from './lsd.ts';

const GROUPS = { 4: '239.192.152.143', 6: 'ff15::efc0:988f' } as const;
const GROUP_PORT = 6771;
const FAMILIES = [4, 6] as const;

type Family = (typeof FAMILIES)[number];

const diary = log.withTag('lan');

interface Way {
  readonly family: Family;
  /** What names the interface to the kernel: its IPv4 address, or "::%eth0". */
  readonly via: string;
  /** The source of what is sent; the kernel's choice if undefined, which is that of a connection, too. */
  readonly from: string | undefined;
}

interface Mouth {
  readonly socket: Socket;
  isOpen: boolean;
  /** Until it is open. */
  waiting: Uint8Array[];
}

interface Ear {
  readonly socket: Socket;
  isOpen: boolean;
  readonly joined: Set<string>;
}

/** `listenHost`: where we listen for peers; nothing is announced that nobody could dial. */
export function openLsdSockets(listenHost: string, interfaces = localInterfaces): OpenLsdPort {
  return (heard) => new LsdSockets({ listenHost, interfaces, heard });
}

interface LsdSocketsOptions {
  readonly listenHost: string;
  readonly interfaces: () => LocalInterface[];
  readonly heard: (datagram: Uint8Array, host: string) => void;
}

class LsdSockets implements LsdPort {
  readonly #options: LsdSocketsOptions;
  readonly #ears = new Map<Family, Ear>();
  readonly #mouths = new Map<string, Mouth>();
  /** What has failed and was said so; until it works again. */
  readonly #failing = new Set<string>();
  #interfaces: LocalInterface[] = [];
  #ways: Way[] = [];

  constructor(options: LsdSocketsOptions) {
    this.#options = options;
  }

  get interfaces(): string[] {
    return this.#interfaces.map(({ name }) => name);
  }

  refresh(): boolean {
    const before = new Set(this.#ways.map(keyOf));
    const all = this.#options
      .interfaces()
      .map((one) => ({ one, ways: waysOf(one, this.#options.listenHost) }));
    const used = all.filter(({ ways }) => ways.length > 0);
    this.#interfaces = used.map(({ one }) => one);
    this.#ways = used.flatMap(({ ways }) => ways);
    for (const family of FAMILIES) this.#tuneEar(family);
    const keys = new Set(this.#ways.map(keyOf));
    for (const [key, { socket }] of this.#mouths) if (!keys.has(key)) this.#closeMouth(key, socket);
    for (const way of this.#ways) if (!this.#mouths.has(keyOf(way))) this.#openMouth(way);
    return [...keys].some((key) => !before.has(key));
  }

  isOnSegment(host: string): boolean {
    return isOnSegment(this.#interfaces, host);
  }

  send(datagrams: (group: string) => Uint8Array[]): void {
    const ready = {
      4: datagrams(formatHostPort({ host: GROUPS[4], port: GROUP_PORT })),
      6: datagrams(formatHostPort({ host: GROUPS[6], port: GROUP_PORT })),
    };
    for (const way of this.#ways) {
      const mouth = this.#mouths.get(keyOf(way));
      if (mouth?.isOpen) this.#sendBy(mouth, way, ready[way.family]);
      else if (mouth) mouth.waiting = ready[way.family];
    }
  }

  deafen(): void {
    for (const [family, { socket }] of this.#ears) this.#closeEar(family, socket);
  }

  [Symbol.dispose](): void {
    this.deafen();
    for (const [key, { socket }] of this.#mouths) this.#closeMouth(key, socket);
  }

  // ---- hearing ----

  #tuneEar(family: Family): void {
    const vias = new Set(this.#ways.filter((way) => way.family === family).map(({ via }) => via));
    const ear = this.#ears.get(family);
    if (vias.size === 0) {
      if (ear) this.#closeEar(family, ear.socket);
    } else if (!ear) this.#openEar(family);
    else if (ear.isOpen) this.#joinAndLeave(ear, family, vias);
  }

  #openEar(family: Family): void {
    const socket = createSocket({ type: `udp${family}`, reuseAddr: true, ipv6Only: family === 6 });
    const ear: Ear = { socket, isOpen: false, joined: new Set() };
    const what = `hear announces on UDP port ${GROUP_PORT} (IPv${family})`;
    this.#ears.set(family, ear);
    socket.on('error', (error) => {
      this.#failed(what, error);
      this.#closeEar(family, socket);
    });
    socket.on('message', (datagram, { address }) => {
      if (this.#ears.get(family) === ear) this.#options.heard(datagram, address);
    });
    socket.on('listening', () => {
      if (this.#ears.get(family) !== ear) return;
      ear.isOpen = true;
      this.#failing.delete(what);
      this.#tuneEar(family);
    });
    socket.bind({ address: GROUPS[family], port: GROUP_PORT });
    socket.unref();
  }

  #joinAndLeave({ socket, joined }: Ear, family: Family, vias: ReadonlySet<string>): void {
    for (const via of joined) {
      if (vias.has(via)) continue;
      joined.delete(via);
      try {
        socket.dropMembership(GROUPS[family], via);
      } catch {
        // The interface is gone, and its membership with it.
      }
    }
    for (const via of vias) {
      if (joined.has(via)) continue;
      const what = `hear announces by way of ${via}`;
      try {
        socket.addMembership(GROUPS[family], via);
        joined.add(via);
        this.#failing.delete(what);
      } catch (error) {
        // Two addresses of one interface: it is joined already.
        if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') joined.add(via);
        else this.#failed(what, error as Error);
      }
    }
  }

  #closeEar(family: Family, socket: Socket): void {
    if (this.#ears.get(family)?.socket === socket) this.#ears.delete(family);
    close(socket);
  }

  // ---- speaking ----

  #openMouth(way: Way): void {
    const key = keyOf(way);
    const socket = createSocket({ type: `udp${way.family}`, ipv6Only: way.family === 6 });
    const mouth: Mouth = { socket, isOpen: false, waiting: [] };
    this.#mouths.set(key, mouth);
    socket.on('error', (error) => {
      this.#failed(`announce by way of ${way.via}`, error);
      this.#closeMouth(key, socket);
    });
    socket.on('listening', () => {
      if (this.#mouths.get(key) !== mouth) return;
      try {
        socket.setMulticastInterface(way.via);
        socket.setMulticastTTL(1);
        socket.setMulticastLoopback(true);
      } catch (error) {
        this.#failed(`announce by way of ${way.via}`, error as Error);
        return this.#closeMouth(key, socket);
      }
      mouth.isOpen = true;
      this.#sendBy(mouth, way, mouth.waiting);
      mouth.waiting = [];
    });
    socket.bind({ port: 0, ...(way.from !== undefined && { address: way.from }) });
    socket.unref();
  }

  #sendBy({ socket }: Mouth, { family, via }: Way, datagrams: readonly Uint8Array[]): void {
    const what = `announce by way of ${via}`;
    for (const datagram of datagrams) {
      socket.send(datagram, GROUP_PORT, GROUPS[family], (error) => {
        if (error) this.#failed(what, error);
        else this.#failing.delete(what);
      });
    }
  }

  #closeMouth(key: string, socket: Socket): void {
    if (this.#mouths.get(key)?.socket === socket) this.#mouths.delete(key);
    close(socket);
  }

  /** Once, until it works again. It is tried again with the next refresh or announce. */
  #failed(what: string, error: Error): void {
    if (!this.#failing.has(what)) diary.warn(`could not ${what}: ${error.message}`);
    this.#failing.add(what);
  }
}

function keyOf({ family, via, from }: Way): string {
  return `${family} ${via} ${from ?? ''}`;
}

/** How to be heard on this interface, if what we listen on can be dialled there. */
function waysOf({ name, addresses }: LocalInterface, listenHost: string): Way[] {
  const isAny = listenHost === '::' || listenHost === '0.0.0.0';
  const own = addresses.filter(
    ({ address, family }) => (isAny && (family === 4 || listenHost === '::')) || address === listenHost,
  );
  const ways: Way[] = own
    .filter(({ family }) => family === 4)
    .map(({ address }) => ({ family: 4, via: address, from: address }));
  const [six] = own.filter(({ family }) => family === 6);
  if (six) ways.push({ family: 6, via: `::%${name}`, from: isAny ? undefined : six.address });
  return ways;
}

function close(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It never opened, or is closed already.
  }
}

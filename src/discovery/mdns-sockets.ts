/**
 * The sockets of multicast DNS, IPv4: one that hears, joined to the group on every suitable interface, and for each
 * interface one that speaks. All are bound to the group's own address and port: what is sent to this machine alone is not
 * heard (it is the system's daemon's, which has the port, too), and yet what is sent comes from that port, as it must.
 * Decides nothing about what is said. Sources: RFC 6762 §11, §15; ip(7), udp(7); Bun's node:dgram, measured.
 */
import { createSocket, type Socket } from 'node:dgram';
import { log } from '../lib/log.ts';
import { isOnSegment, type LocalInterface, localInterfaces } from './local-interfaces.ts';
import type { MdnsPort, MdnsSegment, OpenMdnsPort } from './mdns.ts';

const GROUP = '224.0.0.251';
const PORT = 5353;

const diary = log.withTag('lan');

interface Mouth {
  readonly socket: Socket;
  /** False when it came to nothing, or was closed before. */
  readonly opening: Promise<boolean>;
  readonly opened: (isOpen: boolean) => void;
}

/** `listenHost`: where the service is; nothing is said on interfaces where it isn't to be had. */
export function openMdnsSockets(listenHost: string, interfaces = localInterfaces): OpenMdnsPort {
  return (heard) => new MdnsSockets(listenHost, interfaces, heard);
}

class MdnsSockets implements MdnsPort {
  readonly #listenHost: string;
  readonly #interfaces: () => LocalInterface[];
  readonly #heard: (datagram: Uint8Array, host: string) => void;
  readonly #mouths = new Map<string, Mouth>();
  readonly #joined = new Set<string>();
  /** What has failed and was said so; until it works again. */
  readonly #failing = new Set<string>();
  #ear: Socket | undefined;
  #isEarOpen = false;
  #used: readonly { readonly segment: MdnsSegment; readonly one: LocalInterface }[] = [];

  constructor(
    listenHost: string,
    interfaces: () => LocalInterface[],
    heard: (datagram: Uint8Array, host: string) => void,
  ) {
    this.#listenHost = listenHost;
    this.#interfaces = interfaces;
    this.#heard = heard;
  }

  get segments(): MdnsSegment[] {
    return this.#used.map(({ segment }) => segment);
  }

  refresh(): MdnsSegment[] {
    const before = this.#used;
    const isAny = this.#listenHost === '0.0.0.0' || this.#listenHost === '::';
    this.#used = this.#interfaces().flatMap((one) => {
      const own = one.addresses.filter(({ family }) => family === 4).map(({ address }) => address);
      const addresses = own.filter((address) => isAny || address === this.#listenHost);
      if (addresses.length === 0) return [];
      const known = before.find(({ segment }) => keyOf(segment) === keyOf({ name: one.name, addresses }));
      return [{ one, segment: known?.segment ?? { name: one.name, addresses } }];
    });
    const keys = new Set(this.segments.map(keyOf));
    for (const [key, mouth] of this.#mouths) if (!keys.has(key)) this.#closeMouth(key, mouth);
    for (const segment of this.segments) if (!this.#mouths.has(keyOf(segment))) this.#openMouth(segment);
    this.#tuneEar();
    return this.segments.filter((segment) => before.every((known) => known.segment !== segment));
  }

  segmentOf(host: string): MdnsSegment | undefined {
    return this.#used.find(({ one }) => isOnSegment([one], host))?.segment;
  }

  async send(segment: MdnsSegment, datagram: Uint8Array): Promise<void> {
    const key = keyOf(segment);
    const mouth = this.#mouths.get(key);
    if (!(await mouth?.opening) || mouth !== this.#mouths.get(key)) return;
    if (mouth) await this.#sendBy(mouth.socket, segment.name, datagram);
  }

  deafen(): void {
    if (this.#ear) this.#closeEar(this.#ear);
  }

  [Symbol.dispose](): void {
    this.deafen();
    for (const [key, mouth] of this.#mouths) this.#closeMouth(key, mouth);
  }

  #tuneEar(): void {
    if (this.#used.length === 0) return this.deafen();
    if (!this.#ear) return this.#openEar();
    if (this.#isEarOpen) this.#joinAndLeave(this.#ear);
  }

  #openEar(): void {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    this.#ear = socket;
    socket.on('error', (error) => {
      this.#failed('hear multicast DNS', error);
      this.#closeEar(socket);
    });
    socket.on('message', (datagram, { address }) => {
      if (this.#ear === socket) this.#heard(datagram, address);
    });
    socket.on('listening', () => {
      if (this.#ear !== socket) return;
      this.#isEarOpen = true;
      this.#failing.delete('hear multicast DNS');
      this.#joinAndLeave(socket);
    });
    socket.bind({ address: GROUP, port: PORT });
    socket.unref();
  }

  /** By the first address of each interface. */
  #joinAndLeave(socket: Socket): void {
    const vias = new Set(this.segments.map(viaOf));
    for (const via of this.#joined) {
      if (vias.has(via)) continue;
      this.#joined.delete(via);
      try {
        socket.dropMembership(GROUP, via);
      } catch {
        // The interface is gone, and its membership with it.
      }
    }
    for (const via of vias) {
      if (this.#joined.has(via)) continue;
      const what = `hear multicast DNS by way of ${via}`;
      try {
        socket.addMembership(GROUP, via);
        this.#joined.add(via);
        this.#failing.delete(what);
      } catch (error) {
        this.#failed(what, error as Error);
      }
    }
  }

  #closeEar(socket: Socket): void {
    if (this.#ear === socket) {
      this.#ear = undefined;
      this.#isEarOpen = false;
      this.#joined.clear();
    }
    close(socket);
  }

  #openMouth(segment: MdnsSegment): void {
    const key = keyOf(segment);
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    const { promise: opening, resolve: opened } = Promise.withResolvers<boolean>();
    const mouth: Mouth = { socket, opening, opened };
    this.#mouths.set(key, mouth);
    socket.on('error', (error) => {
      this.#failed(`speak multicast DNS on ${segment.name}`, error);
      this.#closeMouth(key, mouth);
    });
    socket.on('listening', () => {
      if (this.#mouths.get(key) !== mouth) return;
      try {
        socket.setMulticastInterface(viaOf(segment));
        // RFC 6762 §11: who gets it with less knows that it comes from elsewhere.
        socket.setMulticastTTL(255);
        socket.setMulticastLoopback(true);
        opened(true);
      } catch (error) {
        this.#failed(`speak multicast DNS on ${segment.name}`, error as Error);
        this.#closeMouth(key, mouth);
      }
    });
    socket.bind({ address: GROUP, port: PORT });
    socket.unref();
  }

  #sendBy(socket: Socket, name: string, datagram: Uint8Array): Promise<void> {
    const what = `speak multicast DNS on ${name}`;
    return new Promise((resolve) => {
      socket.send(datagram, PORT, GROUP, (error) => {
        if (error) this.#failed(what, error);
        else this.#failing.delete(what);
        resolve();
      });
    });
  }

  #closeMouth(key: string, mouth: Mouth): void {
    if (this.#mouths.get(key) === mouth) this.#mouths.delete(key);
    mouth.opened(false);
    close(mouth.socket);
  }

  /** Once, until it works again; it is tried again with the next refresh. Nothing depends on it but being found. */
  #failed(what: string, error: Error): void {
    if (!this.#failing.has(what)) diary.info(`could not ${what}: ${error.message}`);
    this.#failing.add(what);
  }
}

function viaOf({ addresses }: MdnsSegment): string {
  return addresses[0] as string;
}

function keyOf({ name, addresses }: MdnsSegment): string {
  return `${name} ${addresses.join(' ')}`;
}

function close(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It never opened, or is closed already.
  }
}

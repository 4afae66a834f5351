/**
 * The proxy as a service of multicast DNS, "_apt_proxy._tcp", by which squid-deb-proxy-client finds one: what of a
 * datagram asks for it, and what is said then, at the start and at the end. Pure; when it is said, and where, is decided
 * elsewhere (mdns.ts). Names are made from this machine's own name and hardware addresses, so that no other machine can
 * have them, and none is probed for. Addresses are IPv4's. Spec: RFC 6762, RFC 6763.
 */
import { createHash } from 'node:crypto';
import { AUTHORITATIVE_ANSWER, type DnsPacket, type DnsRecord, decode, encode } from 'dns-packet';

export const SERVICE = '_apt_proxy._tcp.local';
const ALL_SERVICES = '_services._dns-sd._udp.local';
/** RFC 6762 §10: of records with a host's name or address in them, and of others. */
const HOST_TTL_SECONDS = 120;
const OTHER_TTL_SECONDS = 4500;
/** RFC 6762 §17. */
const MAX_BYTES = 9000;
const HEADER_BYTES = 12;
/** What is asked in one datagram, and what is known already: more than anybody says, and little work. */
const MAX_QUESTIONS = 64;
const MAX_RECORDS = 512;
const HOSTNAME_CHARS = 40;

/** What of ours is asked for: the list of all services, this kind of service, this one, its address. */
export type Asked = 'types' | 'service' | 'instance' | 'host';

export interface MdnsServiceOptions {
  /** This machine's. */
  readonly hostname: string;
  /** Of its interfaces, in any order. */
  readonly hardwareAddresses: readonly string[];
  readonly port: number;
}

export class MdnsService {
  /** "DebTorrent on cellar 1a2b3c4d._apt_proxy._tcp.local" */
  readonly instance: string;
  /** "debtorrent-1a2b3c4d.local" */
  readonly host: string;
  readonly #port: number;

  constructor({ hostname, hardwareAddresses, port }: MdnsServiceOptions) {
    const own = [hostname, ...[...hardwareAddresses].sort()].join('\n');
    const id = createHash('sha256').update(own).digest('hex').slice(0, 8);
    const label = (hostname.split('.')[0] ?? '').replace(/[^A-Za-z0-9-]/g, '').slice(0, HOSTNAME_CHARS);
    this.instance = `DebTorrent on ${label || 'a machine'} ${id}.${SERVICE}`;
    this.host = `debtorrent-${id}.local`;
    this.#port = port;
  }

  /** Whether it may be a question about us, at a glance: most of what is said on a segment isn't. */
  concerns(datagram: Uint8Array): boolean {
    const bytes = bufferOf(datagram);
    if (bytes.length < HEADER_BYTES || bytes.length > MAX_BYTES) return false;
    // QR and OPCODE: a standard query. The rest of the flags is none of our business (RFC 6762 §18).
    if (((bytes[2] as number) & 0xf8) !== 0) return false;
    const [questions = 0, ...records] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
    if (questions === 0 || questions > MAX_QUESTIONS) return false;
    if (records.some((count) => count > MAX_RECORDS)) return false;
    // A label stands in a datagram as it is.
    const text = bytes.toString('latin1').toLowerCase();
    return ['_apt_proxy', '_services', this.host.slice(0, -'.local'.length)].some((label) =>
      text.includes(label),
    );
  }

  /** What such a one asks for that its sender doesn't know yet; empty for what makes no sense. */
  asked(datagram: Uint8Array): ReadonlySet<Asked> {
    const query = read(bufferOf(datagram));
    const asked = new Set<Asked>();
    for (const { name, type, class: of } of query?.questions ?? []) {
      if (of !== 'IN' && of !== 'ANY') continue;
      const wants = (...types: string[]) => type === 'ANY' || types.includes(type);
      const named = name.toLowerCase();
      if (named === ALL_SERVICES && wants('PTR')) asked.add('types');
      if (named === SERVICE && wants('PTR')) asked.add('service');
      if (named === this.instance.toLowerCase() && wants('SRV', 'TXT')) asked.add('instance');
      if (named === this.host && wants('A', 'AAAA')) asked.add('host');
    }
    // RFC 6762 §7.1: known with at least half of its time to live.
    for (const { name, type, ttl = 0, data } of query?.answers ?? []) {
      if (type !== 'PTR' || ttl < OTHER_TTL_SECONDS / 2) continue;
      const [from, to] = [name.toLowerCase(), String(data).toLowerCase()];
      if (from === SERVICE && to === this.instance.toLowerCase()) asked.delete('service');
      if (from === ALL_SERVICES && to === SERVICE) asked.delete('types');
    }
    return asked;
  }

  /** `addresses`: of this machine on that segment. */
  answer(asked: ReadonlySet<Asked>, addresses: readonly string[]): Uint8Array {
    const all = this.#records(addresses, OTHER_TTL_SECONDS, HOST_TTL_SECONDS);
    const answers = [
      ...(asked.has('types') ? [all.types] : []),
      ...(asked.has('service') ? [all.service] : []),
      ...(asked.has('instance') ? all.instance : []),
      ...(asked.has('host') ? all.host : []),
    ];
    const additionals = [
      ...(asked.has('service') && !asked.has('instance') ? all.instance : []),
      ...((asked.has('service') || asked.has('instance')) && !asked.has('host') ? all.host : []),
    ];
    return respond(answers, additionals);
  }

  /** RFC 6762 §8.3. */
  announcement(addresses: readonly string[]): Uint8Array {
    const { service, instance, host } = this.#records(addresses, OTHER_TTL_SECONDS, HOST_TTL_SECONDS);
    return respond([service, ...instance, ...host]);
  }

  /** RFC 6762 §10.1. */
  goodbye(addresses: readonly string[]): Uint8Array {
    const { service, instance, host } = this.#records(addresses, 0, 0);
    return respond([service, ...instance, ...host]);
  }

  #records(addresses: readonly string[], ttl: number, hostTtl: number) {
    const own = { flush: true, ttl: hostTtl };
    const server = { priority: 0, weight: 0, port: this.#port, target: this.host };
    return {
      types: { type: 'PTR', name: ALL_SERVICES, ttl, data: SERVICE },
      service: { type: 'PTR', name: SERVICE, ttl, data: this.instance },
      instance: [
        { ...own, type: 'SRV', name: this.instance, data: server },
        { ...own, ttl, type: 'TXT', name: this.instance, data: [''] },
      ],
      host: [
        ...addresses.map((data) => ({ ...own, type: 'A', name: this.host, data })),
        // There is nothing else of that name (RFC 6762 §6.1).
        { ...own, type: 'NSEC', name: this.host, data: { nextDomain: this.host, rrtypes: ['A'] } },
      ],
    };
  }
}

function respond(answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): Uint8Array {
  return encode({ type: 'response', flags: AUTHORITATIVE_ANSWER, answers, additionals });
}

/** Undefined for what can't be read. */
function read(bytes: Buffer): DnsPacket | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

function bufferOf(datagram: Uint8Array): Buffer {
  return Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
}

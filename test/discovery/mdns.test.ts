import { beforeEach, describe, expect, test } from 'bun:test';
import { decode, encode } from 'dns-packet';
import { Mdns, type MdnsPort, type MdnsSegment } from '../../src/discovery/mdns.ts';
import { MdnsService, SERVICE } from '../../src/discovery/mdns-service.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const service = new MdnsService({ hostname: 'cellar', hardwareAddresses: ['x'], port: 3142 });
const ETH0: MdnsSegment = { name: 'eth0', addresses: ['192.0.2.7'] };
const ETH1: MdnsSegment = { name: 'eth1', addresses: ['198.51.100.7'] };
const BROWSE = encode({ type: 'query', questions: [{ type: 'PTR', name: SERVICE }] });
const RESOLVE = encode({ type: 'query', questions: [{ type: 'A', name: service.host }] });

/** Two segments, told apart by the first byte of an address; what is said there stands in `said`. */
class PlayedPort implements MdnsPort {
  segments: MdnsSegment[] = [ETH0];
  readonly said: string[] = [];
  isClosed = false;
  isDeaf = false;
  #before: MdnsSegment[] = [];

  refresh(): MdnsSegment[] {
    this.isDeaf = false;
    const fresh = this.segments.filter((segment) => !this.#before.includes(segment));
    this.#before = [...this.segments];
    return fresh;
  }

  segmentOf(host: string): MdnsSegment | undefined {
    return this.segments.find(({ addresses: [own = ''] }) => own.split('.')[0] === host.split('.')[0]);
  }

  async send({ name }: MdnsSegment, datagram: Uint8Array): Promise<void> {
    const { answers = [] } = decode(Buffer.from(datagram));
    const [first] = answers;
    const what =
      first?.ttl === 0 ? 'goodbye' : answers.length === 5 ? 'announcement' : answers.map(({ type }) => type);
    this.said.push(`${name}: ${what}`);
  }

  deafen(): void {
    this.isDeaf = true;
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
  }
}

let clock: VirtualClock;
let port: PlayedPort;
let hear: (datagram: Uint8Array, host?: string) => void;
let mdns: Mdns;

beforeEach(() => {
  clock = new VirtualClock();
  port = new PlayedPort();
  mdns = new Mdns({
    service,
    clock,
    draw: () => 0.5,
    open: (heard) => {
      hear = (datagram, host = '192.0.2.9') => heard(datagram, host);
      return port;
    },
  });
});

/** What is said while `ms` pass, after the announcements. */
async function saidWithin(ms: number): Promise<string[]> {
  port.said.length = 0;
  await clock.run(ms);
  return [...port.said];
}

describe('Mdns', () => {
  test('announces twice, a second apart, and again on each segment that is new', async () => {
    expect(port.said).toEqual(['eth0: announcement']);
    await clock.run(999);
    expect(port.said).toHaveLength(1);
    await clock.run(1);
    expect(port.said).toEqual(['eth0: announcement', 'eth0: announcement']);
    port.segments = [ETH0, ETH1];
    expect(await saidWithin(10_000)).toEqual(['eth1: announcement', 'eth1: announcement']);
  });

  test('answers on the segment where it was asked, a moment later', async () => {
    port.segments = [ETH0, ETH1];
    await clock.run(10_000);
    hear(BROWSE, '198.51.100.9');
    expect(await saidWithin(69)).toEqual([]);
    expect(await saidWithin(1)).toEqual(['eth1: PTR']);
  });

  test('who asks meanwhile has the same answer, for all that was asked', async () => {
    await clock.run(2000);
    for (let i = 0; i < 10; i += 1) hear(i % 2 ? BROWSE : RESOLVE);
    expect(await saidWithin(500)).toEqual(['eth0: PTR,A,NSEC']);
  });

  test('says the same thing once a second at most, and another at once', async () => {
    await clock.run(2000);
    hear(BROWSE);
    await clock.run(100);
    hear(BROWSE);
    expect(await saidWithin(800)).toEqual([]);
    hear(RESOLVE);
    expect(await saidWithin(100)).toEqual(['eth0: A,NSEC']);
    await clock.run(1000);
    hear(BROWSE);
    expect(await saidWithin(100)).toEqual(['eth0: PTR']);
  });

  test('does not answer who is on none of our segments, nor what is no question of ours', async () => {
    await clock.run(2000);
    hear(BROWSE, '203.0.113.9');
    hear(encode({ type: 'query', questions: [{ type: 'PTR', name: '_ipp._tcp.local' }] }));
    hear(Buffer.from('_apt_proxy'));
    hear(service.announcement(['192.0.2.9']));
    expect(await saidWithin(1000)).toEqual([]);
  });

  test('reads a bounded number of questions, and listens to none for ten seconds of a flood', async () => {
    await clock.run(2000);
    for (let i = 0; i < 2000; i += 1) hear(BROWSE);
    expect(port.isDeaf).toBe(false);
    hear(BROWSE);
    expect(port.isDeaf).toBe(true);
    expect(await saidWithin(1000)).toEqual(['eth0: PTR']);
    hear(BROWSE);
    expect(await saidWithin(9000)).toEqual([]);
    hear(BROWSE);
    expect(await saidWithin(100)).toEqual(['eth0: PTR']);
  });

  test('says goodbye, leaves no timer and closes its sockets', async () => {
    hear(BROWSE);
    port.said.length = 0;
    await mdns[Symbol.asyncDispose]();
    expect(port.said).toEqual(['eth0: goodbye']);
    expect([clock.pending, port.isClosed]).toEqual([0, true]);
  });

  test('a segment that is gone is said nothing on', async () => {
    await clock.run(2000);
    hear(BROWSE);
    port.segments = [];
    expect(await saidWithin(10_000)).toEqual([]);
    await mdns[Symbol.asyncDispose]();
    expect(port.said).toEqual([]);
  });
});

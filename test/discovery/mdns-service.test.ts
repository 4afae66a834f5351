import { describe, expect, test } from 'bun:test';
import { type DnsPacket, decode, encode } from 'dns-packet';
import { type Asked, MdnsService, SERVICE } from '../../src/discovery/mdns-service.ts';
import { randomInts } from '../archive/samples.ts';

const service = new MdnsService({
  hostname: 'cellar.example.org',
  hardwareAddresses: ['02:00:00:00:00:02', '02:00:00:00:00:01'],
  port: 3142,
});
const ALL = '_services._dns-sd._udp.local';
const ADDRESSES = ['192.0.2.7', '192.0.2.8'];

const query = (packet: DnsPacket) => encode({ type: 'query', ...packet });
const question = (type: string, name: string, more = {}) => query({ questions: [{ type, name, ...more }] });
const said = (datagram: Uint8Array) => decode(Buffer.from(datagram));
const brief = ({ type, name }: { type: string; name: string }) => `${type} ${name}`;
const asked = (datagram: Uint8Array): Asked[] =>
  service.concerns(datagram) ? [...service.asked(datagram)] : [];

describe('MdnsService', () => {
  test('has names that no machine with other hardware addresses has, and the same ones at the next start', () => {
    expect(service.instance).toMatch(/^DebTorrent on cellar [0-9a-f]{8}\._apt_proxy\._tcp\.local$/);
    expect(service.host).toMatch(/^debtorrent-[0-9a-f]{8}\.local$/);
    const of = (hostname: string, ...hardwareAddresses: string[]) =>
      new MdnsService({ hostname, hardwareAddresses, port: 3142 }).instance;
    expect(of('cellar.example.org', '02:00:00:00:00:01', '02:00:00:00:00:02')).toBe(service.instance);
    expect(of('cellar.example.org', '02:00:00:00:00:01')).not.toBe(service.instance);
    expect(of('ä', 'x')).toStartWith('DebTorrent on a machine ');
    expect(of('x'.repeat(300), 'x').indexOf('.')).toBeLessThan(64);
  });

  test.each<[string, Uint8Array, Asked[]]>([
    ['this kind of service', question('PTR', SERVICE), ['service']],
    ['in other letters', question('PTR', '_APT_Proxy._TCP.Local'), ['service']],
    ['anything of it', question('ANY', SERVICE, { class: 'ANY' }), ['service']],
    ['all kinds', question('PTR', ALL), ['types']],
    ['where it is', question('SRV', service.instance), ['instance']],
    ['what it says of itself', question('TXT', service.instance), ['instance']],
    ['its address', question('A', service.host), ['host']],
    ['an address that it has not', question('AAAA', service.host), ['host']],
    [
      'several things',
      query({
        questions: [
          { type: 'PTR', name: SERVICE },
          { type: 'A', name: service.host },
        ],
      }),
      ['service', 'host'],
    ],
    ['another kind', question('PTR', '_ipp._tcp.local'), []],
    ['another one', question('SRV', `Other.${SERVICE}`), []],
    ['another record of it', question('A', SERVICE), []],
    ['of another class', question('PTR', SERVICE, { class: 'CH' }), []],
    ['nothing', query({ questions: [] }), []],
  ])('asked for %s', (_what, datagram, expected) => {
    expect(asked(datagram)).toEqual(expected);
  });

  test('is not asked for what the other knows for more than half its time to live (RFC 6762 §7.1)', () => {
    const knowing = (ttl: number, data = service.instance) =>
      query({
        questions: [{ type: 'PTR', name: SERVICE }],
        answers: [{ type: 'PTR', name: SERVICE, ttl, data }],
      });
    expect(asked(knowing(4500))).toEqual([]);
    expect(asked(knowing(2250))).toEqual([]);
    expect(asked(knowing(2249))).toEqual(['service']);
    expect(asked(knowing(4500, `Other.${SERVICE}`))).toEqual(['service']);
  });

  test('another one’s answer is no question', () => {
    expect(service.concerns(service.announcement(ADDRESSES))).toBe(false);
  });

  test('answers with the place and the address besides, of that segment', () => {
    const {
      type,
      questions,
      answers = [],
      additionals = [],
    } = said(service.answer(new Set(['service']), ADDRESSES));
    expect([type, questions]).toEqual(['response', []]);
    expect(answers).toEqual([
      expect.objectContaining({
        type: 'PTR',
        name: SERVICE,
        ttl: 4500,
        data: service.instance,
        flush: false,
      }),
    ]);
    expect(additionals.map(brief)).toEqual([
      `SRV ${service.instance}`,
      `TXT ${service.instance}`,
      `A ${service.host}`,
      `A ${service.host}`,
      `NSEC ${service.host}`,
    ]);
    expect(additionals[0]?.data).toEqual({ priority: 0, weight: 0, port: 3142, target: service.host });
    expect(additionals.slice(2, 4).map(({ data }) => data)).toEqual(ADDRESSES);
    expect(additionals.every(({ flush }) => flush)).toBe(true);
    const host = said(service.answer(new Set(['host']), ['192.0.2.7']));
    expect(host.answers?.map(brief)).toEqual([`A ${service.host}`, `NSEC ${service.host}`]);
    expect(host.additionals).toEqual([]);
  });

  test('announces all of it, and says goodbye by a time to live of 0', () => {
    const records = said(service.announcement(ADDRESSES)).answers ?? [];
    expect(records.map(({ ttl }) => ttl)).toEqual([4500, 120, 4500, 120, 120, 120]);
    const last = said(service.goodbye(ADDRESSES)).answers ?? [];
    expect(last.map(brief)).toEqual(records.map(brief));
    expect(last.every(({ ttl }) => ttl === 0)).toBe(true);
  });

  test('reads whatever is sent, in bounded time', () => {
    const int = randomInts(7);
    const seeds = [
      question('PTR', SERVICE),
      query({
        questions: [{ type: 'PTR', name: SERVICE }],
        answers: [{ type: 'PTR', name: SERVICE, ttl: 9, data: service.instance }],
      }),
      service.announcement(ADDRESSES),
    ];
    let understood = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = Buffer.from(seeds[int(seeds.length)] as Uint8Array);
      for (let edits = int(4); edits >= 0; edits -= 1) bytes[int(bytes.length)] = int(256);
      const cut = bytes.subarray(0, int(4) === 0 ? int(bytes.length + 1) : bytes.length);
      understood += asked(cut).length;
    }
    expect(understood).toBeGreaterThan(0);
  });

  test('does not look twice at what is too long, or claims to hold more than anybody asks', () => {
    const small = question('PTR', SERVICE);
    expect(service.concerns(Buffer.concat([small, Buffer.alloc(9000)]))).toBe(false);
    for (const at of [4, 6, 8, 10]) {
      const many = Buffer.from(small);
      many.writeUInt16BE(65_535, at);
      expect(service.concerns(many)).toBe(false);
    }
    expect(service.concerns(small.subarray(0, 11))).toBe(false);
  });

  test('pointers that lead in a circle or behind the end are no names', () => {
    const header = Buffer.from('000000000001000000000000', 'hex');
    const label = Buffer.from('\x0a_apt_proxy', 'latin1');
    for (const end of ['c00c', 'c017', 'ffff', 'c0']) {
      const circle = Buffer.concat([header, label, Buffer.from(`${end}000c0001`, 'hex')]);
      expect([...service.asked(circle)]).toEqual([]);
    }
  });
});

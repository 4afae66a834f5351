import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import {
  type InfoHash,
  type InfoHashV2,
  parseInfoHash,
  parseInfoHashV2,
} from '../../src/torrent/info-hash.ts';
import { formatMagnet, parseMagnet } from '../../src/torrent/magnet.ts';
import { random } from '../bencode/random.ts';

const V1 = parseInfoHash('631a31dd0a46257d5078c0dee4e66e26f73e42ac') as InfoHash;
const V2 = parseInfoHashV2('d8dd32ac93357c368556af3ac1d95c9d76bd0dff6fa9833ecdac3d53134efabb') as InfoHashV2;

describe('parseMagnet()', () => {
  test("reads BEP 52's hybrid link", () => {
    expect(
      parseMagnet(`magnet:?xt=urn:btih:${V1}&xt=urn:btmh:1220${V2}&dn=bittorrent-v1-v2-hybrid-test`),
    ).toEqual({
      infoHashV1: V1,
      infoHashV2: V2,
      name: 'bittorrent-v1-v2-hybrid-test',
      trackers: [],
      webSeeds: [],
      peers: [],
    });
  });
  test('gives back what formatMagnet() wrote', () => {
    const magnet = {
      infoHashV1: V1,
      infoHashV2: V2,
      name: 'a & b = ü+c',
      trackers: ['udp://tracker.example:6969/announce', 'http://a.example/?x=1&y=2'],
      webSeeds: ['http://mirror.example/a%20b/'],
      peers: ['10.0.0.1:6881', '[2001:db8::1]:6881'],
    };
    expect(parseMagnet(formatMagnet(magnet))).toEqual(magnet);
    expect(formatMagnet({ infoHashV2: V2, trackers: [], webSeeds: [], peers: [] })).toBe(
      `magnet:?xt=urn:btmh:1220${V2}`,
    );
  });
  test('takes base32, capitals, numbered parameters, and leaves out what makes no sense', () => {
    const base32 = 'MMNDDXIKIYSX2UDYYDPOJZTOE33T4QVM';
    const link = `MAGNET:?xt.1=urn:btih:${base32}&xt.2=urn:sha1:X&tr.1=udp://a.example:1&tr.2=wss://b.example&tr=udp://a.example:1&x.pe=1.2.3.4&x.pe=1.2.3.4:5&so=0-2&ws=ftp://x.example`;
    expect(parseMagnet(link)).toEqual({
      infoHashV1: V1,
      infoHashV2: undefined,
      name: undefined,
      trackers: ['udp://a.example:1'],
      webSeeds: [],
      peers: ['1.2.3.4:5'],
    });
    expect(parseMagnet(`magnet:?xt=urn:btih:${V1.toUpperCase()}`).infoHashV1).toBe(V1);
  });
  test.each([
    ['http://a.example/', /does not begin with "magnet:\?"/],
    ['magnet:?dn=x', /no info-hash/],
    ['magnet:?xt=urn:btih:abc', /no info-hash/],
    [`magnet:?xt=urn:btmh:1114${V1}`, /no info-hash/],
    ['magnet:?xt=urn:btih:1MNDDXIKIYSX2UDYYDPOJZTOE33T4QVM', /no info-hash/],
    [`magnet:?xt=urn:btih:${V1}&dn=${'x'.repeat(70_000)}`, /longer than 65536/],
  ])('refuses %.40s', (link, reason) => {
    expect(() => parseMagnet(link)).toThrow(reason);
    expect(() => parseMagnet(link)).toThrow(ProtocolError);
  });
  test('takes at most 200 trackers', () => {
    const many = Array.from({ length: 500 }, (_, i) => `&tr=http://${i}.example/`).join('');
    expect(parseMagnet(`magnet:?xt=urn:btih:${V1}${many}`).trackers).toHaveLength(200);
  });
  test('damaged links give a link or ProtocolError, nothing else', () => {
    const { int } = random(5);
    const good = formatMagnet({
      infoHashV1: V1,
      infoHashV2: V2,
      name: 'ü',
      trackers: ['http://a.example/'],
      webSeeds: [],
      peers: ['1.2.3.4:5'],
    });
    for (let i = 0; i < 3000; i++) {
      const letters = [...good];
      for (let n = int(3); n >= 0; n--)
        letters[8 + int(letters.length - 8)] = String.fromCharCode(int(0x180));
      try {
        parseMagnet(letters.join(''));
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

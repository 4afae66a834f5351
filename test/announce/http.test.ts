import { describe, expect, test } from 'bun:test';
import {
  type AnnounceAnswer,
  type AnnounceRequest,
  announceUrl,
  decodeAnnounceAnswer,
  encodeAnnounceAnswer,
  parseAnnounceQuery,
  peersOf,
} from '../../src/announce/http.ts';
import { encode } from '../../src/bencode/encode.ts';
import type { BInputDict } from '../../src/bencode/value.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { randomBytes, randomQuery, seeded } from './samples.ts';

const request: AnnounceRequest = {
  infoHash: new Uint8Array(20).fill(0xfe),
  peerId: new TextEncoder().encode('-DB0100-abcdefghijkl'),
  port: 9989,
  uploadedBytes: 1,
  downloadedBytes: 2,
  leftBytes: 3,
};
const full: AnnounceRequest = {
  ...request,
  event: 'started',
  numWant: 80,
  key: 'k&y',
  trackerId: Uint8Array.of(0, 255),
  ipv6: '2001:db8::1',
};
const queryOf = (url: string) => url.slice(url.indexOf('?') + 1);

describe('announceUrl()', () => {
  test('writes the parameters of BEP 3, 7 and 23', () => {
    expect(announceUrl('http://tracker.example.org:6969/announce', request)).toBe(
      `http://tracker.example.org:6969/announce?info_hash=${'%FE'.repeat(20)}&peer_id=-DB0100-abcdefghijkl&port=9989&uploaded=1&downloaded=2&left=3&compact=1`,
    );
  });

  test('goes behind a query that the tracker URL has itself, without its fragment', () => {
    const url = announceUrl('http://tracker.example.org/announce?pass=1#x', request);
    expect(url).toStartWith('http://tracker.example.org/announce?pass=1&info_hash=');
    expect(url).not.toContain('#');
  });

  test('is read back by parseAnnounceQuery()', () => {
    expect(parseAnnounceQuery(queryOf(announceUrl('http://x/announce', full)))).toEqual(full);
    expect(parseAnnounceQuery(queryOf(announceUrl('http://x/announce', request)))).toEqual(request);
  });

  test('carries an info-hash of any bytes, through the URL class too', () => {
    for (let from = 0; from < 256; from += 16) {
      const infoHash = Uint8Array.from({ length: 20 }, (_, i) => (from + i) & 255);
      const url = new URL(announceUrl('http://x/announce', { ...request, infoHash }));
      expect(parseAnnounceQuery(url.search.slice(1)).infoHash).toEqual(infoHash);
    }
  });
});

describe('parseAnnounceQuery()', () => {
  const query = queryOf(announceUrl('http://x/announce', request));

  test('needs info_hash, peer_id and port only', () => {
    const short = query.replace(/&uploaded.*/, '');
    const { leftBytes: _, ...rest } = request;
    expect(parseAnnounceQuery(short)).toEqual({ ...rest, uploadedBytes: 0, downloadedBytes: 0 });
  });

  test('does not read ip and ipv4', () => {
    expect(parseAnnounceQuery(`${query}&ip=192.0.2.66&ipv4=192.0.2.66`)).toEqual(request);
  });

  test('takes numwant=-1 and an empty event as not said, and counts beyond 2^53 as 2^53 - 1', () => {
    expect(parseAnnounceQuery(`${query}&numwant=-1&event=`)).toEqual(request);
    const large = query.replace('left=3', 'left=18446744073709551615');
    expect(parseAnnounceQuery(large).leftBytes).toBe(Number.MAX_SAFE_INTEGER);
  });

  const wrong: Record<string, string> = {
    'no info_hash': query.replace('info_hash', 'hash'),
    'an info_hash of 19 bytes': query.replace('%FE', ''),
    'a torn escape': query.replace('%FE', '%F'),
    'no peer_id': query.replace('peer_id', 'id'),
    'no port': query.replace('port', 'prt'),
    'port 0': query.replace('9989', '0'),
    'port 65536': query.replace('9989', '65536'),
    'a port in words': query.replace('9989', 'http'),
    'a negative left': query.replace('left=3', 'left=-3'),
    'an unknown event': `${query}&event=exploded`,
  };
  for (const [what, text] of Object.entries(wrong)) {
    test(`refuses ${what}`, () => {
      expect(() => parseAnnounceQuery(text)).toThrow(ProtocolError);
    });
  }

  test('gives for arbitrary text a request or ProtocolError, nothing else', () => {
    const draw = seeded(6);
    for (let round = 0; round < 5000; round += 1) {
      try {
        parseAnnounceQuery(draw(2) ? randomQuery(draw) : query.slice(0, draw(query.length)));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });
});

describe('announce answer', () => {
  const answer: AnnounceAnswer = {
    intervalSeconds: 900,
    minIntervalSeconds: 60,
    trackerId: Uint8Array.of(1, 2),
    warning: 'soon to move',
    complete: 3,
    incomplete: 4,
    peers: Uint8Array.of(192, 0, 2, 1, 0x27, 0x05),
    peers6: new Uint8Array(18).fill(1),
  };
  const decodeDict = (dict: BInputDict) => decodeAnnounceAnswer(encode(dict));

  test('is written canonically, compact', () => {
    const bytes = encodeAnnounceAnswer({
      intervalSeconds: 9,
      peers: new Uint8Array(0),
      peers6: new Uint8Array(0),
    });
    expect(Buffer.from(bytes).toString()).toBe('d8:intervali9e5:peers0:e');
  });

  test('decodeAnnounceAnswer() gives back every field', () => {
    expect(decodeAnnounceAnswer(encodeAnnounceAnswer(answer))).toEqual(answer);
    expect(decodeAnnounceAnswer(encodeAnnounceAnswer({ failure: 'no such swarm' }))).toEqual({
      failure: 'no such swarm',
    });
  });

  test('decodeAnnounceAnswer() reads the list of dictionaries too, without names', () => {
    const decoded = decodeDict({
      interval: 9,
      peers: [
        { ip: '192.0.2.1', 'peer id': 'x'.repeat(20), port: 9989 },
        { ip: 'ftp.de.debian.org', port: 80 },
        { ip: '2001:db8::1', port: 1 },
      ],
    });
    expect('failure' in decoded ? [] : peersOf(decoded, 10)).toEqual([
      { host: '192.0.2.1', port: 9989 },
      { host: '2001:db8::1', port: 1 },
    ]);
  });

  test('decodeAnnounceAnswer() takes keys that are not sorted, as some trackers write them', () => {
    const body = Buffer.from(
      'd5:peers6:\xc0\x00\x02\x01\x27\x058:intervali900e8:completei3e10:incompletei4ee',
      'latin1',
    );
    expect(decodeAnnounceAnswer(body)).toEqual({
      ...{ intervalSeconds: 900, complete: 3, incomplete: 4 },
      ...{ peers: Uint8Array.of(192, 0, 2, 1, 0x27, 0x05), peers6: new Uint8Array(0) },
    });
    expect(decodeAnnounceAnswer(Buffer.from('d8:retry ini5e14:failure reason4:busye'))).toEqual({
      failure: 'busy',
    });
    const listed = Buffer.from('d5:peersld4:porti9989e2:ip9:192.0.2.1ee8:intervali9ee');
    const decoded = decodeAnnounceAnswer(listed);
    expect('failure' in decoded ? [] : peersOf(decoded, 10)).toEqual([{ host: '192.0.2.1', port: 9989 }]);
  });

  test('decodeAnnounceAnswer() takes a failure without anything else, and cuts its text', () => {
    expect(decodeDict({ 'failure reason': 'x'.repeat(10_000) })).toEqual({ failure: 'x'.repeat(500) });
    expect(decodeDict({ 'failure reason': Uint8Array.of(0xff) })).toEqual({ failure: '\ufffd' });
  });

  const wrong: Record<string, BInputDict> = {
    'no interval': { peers: '' },
    'a negative interval': { interval: -1, peers: '' },
    'an interval in words': { interval: 'soon', peers: '' },
    'torn peers': { interval: 1, peers: '12345' },
    'torn peers6': { interval: 1, peers6: '123456' },
    'peers that are a number': { interval: 1, peers: 5 },
    'peers that are a dictionary': { interval: 1, peers: {} },
    'a list of numbers': { interval: 1, peers: [1] },
    'a listed peer without a port': { interval: 1, peers: [{ ip: '192.0.2.1' }] },
    'a listed peer with port 65536': { interval: 1, peers: [{ ip: '192.0.2.1', port: 65536 }] },
    'a listed peer whose address is a number': { interval: 1, peers: [{ ip: 1, port: 1 }] },
  };
  for (const [what, dict] of Object.entries(wrong)) {
    test(`decodeAnnounceAnswer() refuses ${what}`, () => {
      expect(() => decodeDict(dict)).toThrow(ProtocolError);
    });
  }

  test('decodeAnnounceAnswer() refuses HTML and more than 1 MiB', () => {
    expect(() => decodeAnnounceAnswer(new TextEncoder().encode('<html>'))).toThrow(ProtocolError);
    expect(() => decodeDict({ interval: 1, peers: new Uint8Array(6 * 200_000) })).toThrow(ProtocolError);
  });

  test('decodeAnnounceAnswer() gives for arbitrary bytes an answer or ProtocolError, nothing else', () => {
    const draw = seeded(7);
    const seed = encodeAnnounceAnswer(answer);
    let decoded = 0;
    for (let round = 0; round < 5000; round += 1) {
      const bytes = draw(4) ? seed.slice() : randomBytes(draw, draw(60));
      for (let change = draw(3); change > 0 && bytes.length > 0; change -= 1)
        bytes[draw(bytes.length)] = draw(256);
      try {
        const result = decodeAnnounceAnswer(bytes);
        if (!('failure' in result)) peersOf(result, 50);
        decoded += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(decoded).toBeGreaterThan(500);
  });

  test('peersOf() mixes both families up to `max`', () => {
    const many = { ...answer, peers: new Uint8Array(60), peers6: new Uint8Array(180) };
    const hosts = peersOf(many, 5).map(({ host }) => host);
    expect(hosts).toEqual(['0.0.0.0', '::', '0.0.0.0', '::', '0.0.0.0']);
  });
});

import { describe, expect, test } from 'bun:test';
import {
  decodeScrapeAnswer,
  encodeScrapeAnswer,
  MAX_SCRAPE_HASHES,
  parseScrapeQuery,
  type ScrapeEntry,
  scrapeUrl,
} from '../../src/announce/scrape.ts';
import { encode } from '../../src/bencode/encode.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { randomBytes, seeded } from './samples.ts';

const hash = (from: number) => Uint8Array.from({ length: 20 }, (_, i) => (from + i) & 255);

describe('scrapeUrl()', () => {
  test('follows BEP 48: "announce" at the start of the last part of the path becomes "scrape"', () => {
    const query = `info_hash=${'%00'.repeat(20)}`;
    const one = [new Uint8Array(20)];
    expect(scrapeUrl('http://example.com/announce', one)).toBe(`http://example.com/scrape?${query}`);
    expect(scrapeUrl('http://example.com/x/announce.php?pass=1', one)).toBe(
      `http://example.com/x/scrape.php?pass=1&${query}`,
    );
    expect(scrapeUrl('http://example.com/a', one)).toBeUndefined();
    expect(scrapeUrl('http://example.com/announce/x', one)).toBeUndefined();
    expect(scrapeUrl('http://example.com/xannounce', one)).toBeUndefined();
  });

  test('is read back by parseScrapeQuery(), every byte value in the hashes', () => {
    const hashes = Array.from({ length: 13 }, (_, i) => hash(i * 20));
    const url = new URL(scrapeUrl('http://example.com/announce', hashes) as string);
    expect(parseScrapeQuery(url.search.slice(1))).toEqual(hashes);
  });
});

describe('parseScrapeQuery()', () => {
  test('gives nothing for a scrape of all', () => {
    expect(parseScrapeQuery('')).toEqual([]);
  });

  test('refuses a short info_hash and too many', () => {
    expect(() => parseScrapeQuery('info_hash=abc')).toThrow(ProtocolError);
    const one = `info_hash=${'a'.repeat(20)}&`;
    expect(parseScrapeQuery(one.repeat(MAX_SCRAPE_HASHES)).length).toBe(MAX_SCRAPE_HASHES);
    expect(() => parseScrapeQuery(one.repeat(MAX_SCRAPE_HASHES + 1))).toThrow(ProtocolError);
  });
});

describe('scrape answer', () => {
  const entries: ScrapeEntry[] = Array.from({ length: 13 }, (_, i) => ({
    infoHash: hash(i * 20),
    complete: i,
    downloaded: 2 * i,
    incomplete: 3 * i,
  }));

  test('has raw info-hashes as keys', () => {
    const bytes = encodeScrapeAnswer([{ infoHash: hash(240), complete: 1, downloaded: 2, incomplete: 3 }]);
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      `d5:filesd20:${Buffer.from(hash(240)).toString('latin1')}d8:completei1e10:downloadedi2e10:incompletei3eeee`,
    );
  });

  test('decodeScrapeAnswer() gives back every entry', () => {
    const byHash = (a: ScrapeEntry, b: ScrapeEntry) => Buffer.compare(a.infoHash, b.infoHash);
    expect(decodeScrapeAnswer(encodeScrapeAnswer(entries))).toEqual(entries.toSorted(byHash));
  });

  test('decodeScrapeAnswer() takes keys that are not sorted', () => {
    const body = Buffer.from(
      `d5:filesd20:${'b'.repeat(20)}d10:incompletei3e8:completei1e10:downloadedi2eeee`,
    );
    const infoHash = new Uint8Array(20).fill(0x62);
    expect(decodeScrapeAnswer(body)).toEqual([{ infoHash, complete: 1, downloaded: 2, incomplete: 3 }]);
  });

  test('decodeScrapeAnswer() refuses other keys, values and no files', () => {
    const counts = { complete: 1, downloaded: 1, incomplete: 1 };
    expect(() => decodeScrapeAnswer(encode({ files: { abc: counts } }))).toThrow(ProtocolError);
    expect(() => decodeScrapeAnswer(encode({ files: { ['a'.repeat(20)]: 1 } }))).toThrow(ProtocolError);
    expect(() => decodeScrapeAnswer(encode({ files: { ['a'.repeat(20)]: { complete: 1 } } }))).toThrow(
      ProtocolError,
    );
    expect(() => decodeScrapeAnswer(encode({}))).toThrow(ProtocolError);
  });

  test('decodeScrapeAnswer() gives for arbitrary bytes entries or ProtocolError, nothing else', () => {
    const draw = seeded(9);
    const seed = encodeScrapeAnswer(entries.slice(0, 2));
    for (let round = 0; round < 3000; round += 1) {
      const bytes = draw(4) ? seed.slice() : randomBytes(draw, draw(60));
      for (let change = draw(3); change > 0 && bytes.length > 0; change -= 1)
        bytes[draw(bytes.length)] = draw(256);
      try {
        decodeScrapeAnswer(bytes);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });
});

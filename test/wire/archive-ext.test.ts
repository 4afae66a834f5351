import { describe, expect, test } from 'bun:test';
import { encode } from '../../src/bencode/encode.ts';
import type { BInputDict } from '../../src/bencode/value.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import {
  type ArchiveMessage,
  blindSwarm,
  decodeArchiveMessage,
  encodeArchiveMessage,
  Grade,
  type HaveEntry,
  MAX_ARCHIVE_MESSAGE_BYTES,
  packHaves,
} from '../../src/wire/archive-ext.ts';
import { join, randomBytes, seeded } from './samples.ts';

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const key = (name: string) => sha256Of(new TextEncoder().encode(name));
const have: HaveEntry = { want: 3, sizeBytes: 1234, firstPiece: 17, grade: Grade.whole };

const all: ArchiveMessage[] = [
  { kind: 'hello', version: 1, swarms: [hash(1), hash(2)], maxRequestBytes: 262_144 },
  { kind: 'hello', version: 1, swarms: [], maxRequestBytes: 16_384 },
  { kind: 'want', first: 40, keys: [key('a'), key('b'), key('c')] },
  { kind: 'want', first: 40, keys: [key('a')], ahead: true },
  {
    kind: 'unwant',
    ranges: [
      { first: 0, count: 3 },
      { first: 9, count: 1 },
    ],
  },
  { kind: 'none', ranges: [{ first: 2 ** 31 - 1, count: 1 }] },
  {
    kind: 'have',
    entries: [
      have,
      { ...have, grade: Grade.relayed, root: hash(3), pieces: Uint8Array.of(0x80, 0x01) },
      {
        ...have,
        sizeBytes: 2 ** 40,
        grade: Grade.firstHand,
        firstHand: [{ pieceOffset: 2047, hash: hash(9) }],
      },
      { ...have, grade: Grade.signed, root: hash(4) },
    ],
  },
  { kind: 'claim', entries: [{ want: 1, pieces: [{ first: 16, count: 16 }], etaMs: 900 }] },
];

const decodeDict = (dict: BInputDict) => decodeArchiveMessage(encode(dict));

describe('encodeArchiveMessage()', () => {
  test('writes want as the specification has it', () => {
    const bytes = encodeArchiveMessage({ kind: 'want', first: 7, keys: [key('a')] });
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      `d1:k32:${Buffer.from(key('a'), 'hex').toString('latin1')}1:ni7e1:t4:wante`,
    );
  });

  test('writes ranges as a flat list of first and count', () => {
    const bytes = encodeArchiveMessage({
      kind: 'none',
      ranges: [
        { first: 1, count: 2 },
        { first: 5, count: 1 },
      ],
    });
    expect(Buffer.from(bytes).toString()).toBe('d1:rli1ei2ei5ei1ee1:t4:nonee');
  });

  test('writes a have of a whole one-piece file without root and bitfield', () => {
    const bytes = encodeArchiveMessage({ kind: 'have', entries: [have] });
    expect(Buffer.from(bytes).toString()).toBe('d1:hld1:gi0e1:ni3e1:pi17e1:si1234eee1:t4:havee');
  });

  test('refuses to write more than 64 KiB', () => {
    const entry = { ...have, pieces: new Uint8Array(MAX_ARCHIVE_MESSAGE_BYTES) };
    expect(() => encodeArchiveMessage({ kind: 'have', entries: [entry] })).toThrow(RangeError);
  });
});

describe('decodeArchiveMessage()', () => {
  all.forEach((message, index) => {
    test(`gives back ${message.kind} (${index})`, () => {
      expect(decodeArchiveMessage(encodeArchiveMessage(message))).toEqual(message);
    });
  });

  test('gives undefined for a kind that it does not know', () => {
    expect(decodeDict({ t: 'later', x: 1 })).toBeUndefined();
    expect(decodeDict({ t: 'constructor' })).toBeUndefined();
  });

  test('ignores fields that it does not know', () => {
    expect(decodeDict({ t: 'none', r: [1, 1], zz: [{}] })).toEqual({
      kind: 'none',
      ranges: [{ first: 1, count: 1 }],
    });
  });

  const entry = { n: 1, s: 1, p: 1, g: 0 };
  const wrong: Record<string, BInputDict> = {
    'no kind': { r: [] },
    'a kind that is a number': { t: 1 },
    'hello without swarms': { t: 'hello', v: 1, q: 16_384 },
    'hello with a torn swarm': { t: 'hello', v: 1, q: 16_384, s: new Uint8Array(33) },
    'hello with 65 swarms': { t: 'hello', v: 1, q: 16_384, s: new Uint8Array(65 * 32) },
    'hello with requests of 16385 bytes': { t: 'hello', v: 1, q: 16_385, s: '' },
    'hello with requests of 0 bytes': { t: 'hello', v: 1, q: 0, s: '' },
    'hello with requests above 256 KiB': { t: 'hello', v: 1, q: 278_528, s: '' },
    'want with an odd word of being ahead': { t: 'want', n: 0, k: '', a: 2 },
    'want with a torn key': { t: 'want', n: 0, k: new Uint8Array(31) },
    'want with 1025 keys': { t: 'want', n: 0, k: new Uint8Array(1025 * 32) },
    'want with a negative number': { t: 'want', n: -1, k: '' },
    'want with numbers beyond 2^31': { t: 'want', n: 2 ** 31 - 1, k: new Uint8Array(64) },
    'want with keys as a list': { t: 'want', n: 0, k: [] },
    'ranges cut in half': { t: 'unwant', r: [1, 2, 3] },
    'a range of nothing': { t: 'none', r: [1, 0] },
    'a range beyond 2^31': { t: 'none', r: [2 ** 31 - 1, 2] },
    'a range of text': { t: 'none', r: ['1', 1] },
    '1025 ranges': { t: 'none', r: Array.from({ length: 2050 }, () => 1) },
    'ranges of 2,049 numbers together': { t: 'unwant', r: [0, 2048, 7000, 1] },
    'have that is no list': { t: 'have', h: entry },
    'have of text': { t: 'have', h: ['x'] },
    'have with 257 entries': { t: 'have', h: Array.from({ length: 257 }, () => entry) },
    'have without a size': { t: 'have', h: [{ n: 1, p: 1, g: 0 }] },
    'have of a grade 4': { t: 'have', h: [{ ...entry, g: 4 }] },
    'have above 2^40 bytes': { t: 'have', h: [{ ...entry, s: 2 ** 40 + 1 }] },
    'have with a piece number of 2^31': { t: 'have', h: [{ ...entry, p: 2 ** 31 }] },
    'have with a short root': { t: 'have', h: [{ ...entry, r: new Uint8Array(31) }] },
    'have with a bitfield of numbers': { t: 'have', h: [{ ...entry, b: [1] }] },
    'first-hand hashes in grade whole': { t: 'have', h: [{ ...entry, f: new Uint8Array(36) }] },
    'first-hand hashes torn': { t: 'have', h: [{ ...entry, g: 2, f: new Uint8Array(35) }] },
    'first-hand hash of piece 2^31': { t: 'have', h: [{ ...entry, g: 2, f: new Uint8Array(36).fill(0x80) }] },
    'claim without an ETA': { t: 'claim', c: [{ n: 1, r: [] }] },
    'claim with a negative ETA': { t: 'claim', c: [{ n: 1, r: [], e: -1 }] },
  };
  for (const [what, dict] of Object.entries(wrong)) {
    test(`refuses ${what}`, () => {
      expect(() => decodeDict(dict)).toThrow(ProtocolError);
    });
  }

  test('refuses more than 64 KiB, trailing bytes and anything but a dictionary', () => {
    const many = Array.from({ length: 40_000 }, () => 1);
    expect(() => decodeDict({ t: 'later', many })).toThrow(ProtocolError);
    expect(() => decodeArchiveMessage(join(encode({ t: 'later' }), Uint8Array.of(0x65)))).toThrow(
      ProtocolError,
    );
    expect(() => decodeArchiveMessage(encode([]))).toThrow(ProtocolError);
    expect(() => decodeArchiveMessage(new Uint8Array(0))).toThrow(ProtocolError);
  });

  test('gives for arbitrary bytes a message that re-encodes alike, undefined, or ProtocolError', () => {
    const draw = seeded(31);
    const seeds = all.map(encodeArchiveMessage);
    let decoded = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const bytes = (seeds[round % seeds.length] as Uint8Array).slice();
      for (let change = draw(3); change >= 0; change -= 1) {
        bytes[draw(bytes.length)] = draw(2) === 0 ? draw(256) : 0x30 + draw(10);
      }
      const input = draw(8) === 0 ? randomBytes(draw, draw(100)) : bytes;
      try {
        const message = decodeArchiveMessage(input);
        if (!message) continue;
        decoded += 1;
        expect(decodeArchiveMessage(encodeArchiveMessage(message))).toEqual(message);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    expect(decoded).toBeGreaterThan(500);
  });
});

describe('packHaves()', () => {
  test('keeps order, and every message within 64 KiB and 256 entries', () => {
    const entries = Array.from(
      { length: 900 },
      (_, want): HaveEntry => ({ ...have, want, root: hash(1), pieces: new Uint8Array(want % 256) }),
    );
    const payloads = packHaves(entries);
    const seen = payloads.flatMap((payload) => {
      const message = decodeArchiveMessage(payload);
      return message?.kind === 'have' ? message.entries : [];
    });
    expect(seen).toEqual(entries);
    expect(payloads.length).toBeLessThan(6);
    expect(packHaves([])).toEqual([]);
  });
});

describe('blindSwarm()', () => {
  const infoHash = new Uint8Array(20).fill(1);
  const a = new Uint8Array(20).fill(0x7f);
  const b = new Uint8Array(20).fill(0x80);

  test('is SHA-256 over info-hash, lower id, higher id, whichever end computes it', () => {
    expect(blindSwarm(infoHash, a, b).toHex()).toBe(sha256Of(join(infoHash, a, b)));
    expect(blindSwarm(infoHash, b, a)).toEqual(blindSwarm(infoHash, a, b));
    expect(blindSwarm(infoHash, a, b).length).toBe(32);
  });

  test('differs by info-hash and by peer', () => {
    expect(blindSwarm(new Uint8Array(20), a, b)).not.toEqual(blindSwarm(infoHash, a, b));
    expect(blindSwarm(infoHash, a, a)).not.toEqual(blindSwarm(infoHash, a, b));
  });
});

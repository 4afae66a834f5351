import { describe, expect, test } from 'bun:test';
import { sha256Of } from '../../src/lib/sha256.ts';
import {
  decodeJournal,
  encodeHead,
  encodeJournal,
  encodeRecord,
  HEAD_BYTES,
  type JournalRecord,
  RECORD_BYTES,
} from '../../src/store/partial-journal.ts';
import type { Kept } from '../../src/store/store.ts';
import { random } from '../bencode/random.ts';
import { piece } from './store-conformance.ts';

const OF = { key: sha256Of(new Uint8Array(1)), sizeBytes: 2_500_000, pieceLength: 262_144 };
const KEPT: Kept = {
  pieces: [piece(0), piece(2, 'peer'), piece(7, 'signed'), piece(9)],
  lastModifiedMs: 1_700_000_000_000,
};
const JOURNAL = encodeJournal(OF, KEPT);

/** Records one after the other, as they are appended. */
function journal(...records: JournalRecord[]): Uint8Array {
  const head = encodeHead(OF);
  return Buffer.concat([head, ...records.map((record) => encodeRecord(head, record))]);
}

describe('decodeJournal()', () => {
  test('gives back what encodeJournal() was given', () => expect(decodeJournal(JOURNAL, OF)).toEqual(KEPT));

  test('of two records for one piece the later one holds', () => {
    const bytes = journal(
      { kind: 'piece', ...piece(3, 'peer') },
      { kind: 'piece', ...piece(1) },
      { kind: 'gone', index: 3 },
      { kind: 'gone', index: 1 },
      { kind: 'piece', ...piece(3, 'mirror') },
      { kind: 'dated', lastModifiedMs: 1000 },
      { kind: 'dated', lastModifiedMs: 2000 },
    );
    expect(decodeJournal(bytes, OF)).toEqual({ pieces: [piece(3, 'mirror')], lastModifiedMs: 2000 });
  });

  test('a piece that the file has not is passed over', () => {
    expect(decodeJournal(journal({ kind: 'piece', ...piece(10) }), OF)).toEqual({ pieces: [] });
  });

  test.each([
    ['another key', { ...OF, key: sha256Of(new Uint8Array(2)) }],
    ['another size', { ...OF, sizeBytes: 2_500_001 }],
    ['another piece length', { ...OF, pieceLength: 524_288 }],
  ])('of a file with %s is nothing', (_what, of) => expect(decodeJournal(JOURNAL, of)).toBeUndefined());

  test('records of another journal are passed over', () => {
    const other = encodeJournal({ ...OF, key: sha256Of(new Uint8Array(2)) }, KEPT).subarray(HEAD_BYTES);
    expect(decodeJournal(Buffer.concat([encodeHead(OF), other]), OF)).toEqual({ pieces: [] });
  });

  test('cut at any byte: the whole records before the cut, and nothing without its head', () => {
    for (let length = 0; length <= JOURNAL.length; length++) {
      const kept = decodeJournal(JOURNAL.subarray(0, length), OF);
      if (length < HEAD_BYTES) {
        expect(kept).toBeUndefined();
        continue;
      }
      const whole = Math.floor((length - HEAD_BYTES) / RECORD_BYTES);
      expect(kept?.pieces).toEqual(KEPT.pieces.slice(0, whole));
      expect(kept?.lastModifiedMs).toBe(whole > KEPT.pieces.length ? KEPT.lastModifiedMs : undefined);
    }
  });

  test('any one byte changed: that record is passed over, all others hold', () => {
    for (let at = 0; at < JOURNAL.length; at++) {
      const bytes = new Uint8Array(JOURNAL);
      bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
      const kept = decodeJournal(bytes, OF);
      if (at < HEAD_BYTES) {
        expect(kept).toBeUndefined();
        continue;
      }
      const hit = Math.floor((at - HEAD_BYTES) / RECORD_BYTES);
      expect(kept?.pieces).toEqual(KEPT.pieces.filter((_, index) => index !== hit));
    }
  });

  test('a stretch of zeros, as a power cut leaves it, is passed over', () => {
    const bytes = Buffer.concat([JOURNAL, new Uint8Array(10 * RECORD_BYTES)]);
    bytes.fill(0, HEAD_BYTES, HEAD_BYTES + RECORD_BYTES);
    expect(decodeJournal(bytes, OF)?.pieces).toEqual(KEPT.pieces.slice(1));
  });

  test('whatever the bytes: no piece that no record has, never an error', () => {
    const { int } = random(11);
    for (let round = 0; round < 2000; round++) {
      const garbage = new Uint8Array(int(400)).map(() => int(256));
      expect(decodeJournal(garbage, OF)).toBeUndefined();
      const bytes = Buffer.concat([encodeHead(OF), garbage]);
      expect(decodeJournal(bytes, OF)).toEqual({ pieces: [] });
      // Pieces of journals, cut and put together anew.
      const parts = Array.from({ length: int(6) }, () => {
        const from = int(JOURNAL.length);
        return JOURNAL.subarray(from, from + int(3 * RECORD_BYTES));
      });
      const kept = decodeJournal(Buffer.concat([encodeHead(OF), ...parts]), OF);
      for (const found of kept?.pieces ?? []) expect(KEPT.pieces).toContainEqual(found);
    }
  });
});

/**
 * The session in docs/protocol.md: two real nodes speak it byte for byte, and every message of it passes the codecs in
 * both directions. When the nodes speak differently by intent: `UPDATE_DOCS=1 node scripts/bun.mjs test test/docs`
 * writes what they say now into the document; then read it.
 */
import { describe, expect, test } from 'bun:test';
import {
  type ArchiveMessage,
  decodeArchiveMessage,
  encodeArchiveMessage,
} from '../../src/wire/archive-ext.ts';
import { decodeExtendedHandshake, encodeExtendedHandshake } from '../../src/wire/extended.ts';
import { decodeHandshake, encodeHandshake, HANDSHAKE_BYTES, hasFeature } from '../../src/wire/handshake.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/wire/message.ts';
import { decodePex, encodePex } from '../../src/wire/pex.ts';
import { blocks, hex, rewriteBlock, unhex } from './protocol-document.ts';
import { session } from './session.ts';

interface Line {
  readonly from: string;
  readonly note: string;
  readonly bytes: Uint8Array;
}

const BYTES_A_LINE = 48;

/** What both sides sent, message by message. */
async function spoken(): Promise<Line[]> {
  const lines: Line[] = [];
  const shaken = new Set<string>();
  for (const { from, bytes } of await session()) {
    for (let at = 0; at < bytes.length; ) {
      const to = shaken.has(from) ? at + 4 + Buffer.from(bytes).readUInt32BE(at) : at + HANDSHAKE_BYTES;
      const message = bytes.subarray(at, to);
      lines.push({
        from,
        note: shaken.has(from) ? noteOf(decodeMessage(message.subarray(4))) : 'handshake',
        bytes: message,
      });
      shaken.add(from);
      at = to;
    }
  }
  return lines;
}

/** The session as the document has it. */
function written(): Line[] {
  const body = blocks.find(({ kind }) => kind === 'session')?.body ?? '';
  return body.split(/^(?=[AB]>)/m).map((part) => {
    const [head = '', ...rest] = part.split('\n');
    return { from: head[0] ?? '', note: head.slice(3), bytes: unhex(rest.join('')) };
  });
}

function printed(lines: readonly Line[]): string {
  return lines.map(({ from, note, bytes }) => `${from}> ${note}\n${wrapped(bytes)}`).join('\n');
}

/** Hexadecimal, long runs of zeros in short. */
function wrapped(bytes: Uint8Array): string {
  const payloadAt = bytes.findIndex(
    (_, i) => i >= 13 && bytes.subarray(i, i + 64).every((b) => b === 0) && i + 64 <= bytes.length,
  );
  const head = payloadAt < 0 ? bytes : bytes.subarray(0, payloadAt);
  const lines: string[] = [];
  for (let at = 0; at < head.length; at += BYTES_A_LINE)
    lines.push(`   ${hex(head.subarray(at, at + BYTES_A_LINE))}`);
  if (payloadAt >= 0) lines[lines.length - 1] += ` (00 × ${bytes.length - payloadAt})`;
  return lines.join('\n');
}

/** What a message says, in a few words. */
function noteOf(message: Message): string {
  switch (message.type) {
    case 'extended':
      if (message.id === 0) return 'extended handshake';
      if (message.id === 1) return archiveNote(decodeArchiveMessage(message.payload) as ArchiveMessage);
      return message.id === 3 ? `lt_donthave ${Buffer.from(message.payload).readUInt32BE()}` : 'ut_pex';
    case 'request':
    case 'cancel':
    case 'reject':
      return `${message.type.toUpperCase()} piece ${message.index}, ${message.length} bytes from ${message.begin}`;
    case 'piece':
      return `PIECE ${message.index}, ${message.payload.length} bytes from ${message.begin}`;
    case 'hash-request':
      return `HASH REQUEST: ${message.length} hashes from ${message.index} of layer ${message.baseLayer}, and ${message.proofLayers} layers of proof`;
    case 'hashes':
      return `HASHES: ${message.hashes.length / 32}`;
    default:
      return message.type.toUpperCase().replace('-', ' ');
  }
}

function archiveNote(message: ArchiveMessage): string {
  switch (message.kind) {
    case 'hello':
      return `hello: in ${message.swarms.length} swarms, answers requests of ${message.maxRequestBytes} bytes`;
    case 'want':
      return `want: ${message.keys.length} from number ${message.first} on`;
    case 'have':
      return `have: ${message.entries.map((e) => `want ${e.want} as piece ${e.firstPiece}`).join(', ')}`;
    case 'claim':
      return `claim: ${message.entries.map((e) => `want ${e.want}, in ${e.etaMs} ms`).join(', ')}`;
    default:
      return `${message.kind}: ${message.ranges.map((r) => `${r.count} from number ${r.first} on`).join(', ')}`;
  }
}

/** The same bytes, made anew from what they were understood to say. */
function recoded(bytes: Uint8Array): Uint8Array {
  const message = decodeMessage(bytes.subarray(4));
  if (message.type !== 'extended') return encodeMessage(message);
  const { id, payload } = message;
  if (id === 0)
    return encodeMessage({ ...message, payload: encodeExtendedHandshake(decodeExtendedHandshake(payload)) });
  if (id === 1)
    return encodeMessage({
      ...message,
      payload: encodeArchiveMessage(decodeArchiveMessage(payload) as ArchiveMessage),
    });
  if (id === 4) return encodeMessage({ ...message, payload: encodePex(decodePex(payload)) });
  return encodeMessage(message);
}

describe('the session in docs/protocol.md', () => {
  test('is what two nodes say to each other', async () => {
    const lines = printed(await spoken());
    if (process.env.UPDATE_DOCS) rewriteBlock('session', lines);
    else expect(printed(written())).toBe(lines);
  });

  test('passes the codecs in both directions', () => {
    const begun = new Set<string>();
    for (const { from, bytes } of written()) {
      if (!begun.has(from)) {
        const handshake = decodeHandshake(bytes);
        expect(hex(encodeHandshake(handshake))).toBe(hex(bytes));
        expect(hasFeature(handshake.reserved, 'extended') && hasFeature(handshake.reserved, 'fast')).toBe(
          true,
        );
        begun.add(from);
      } else expect(hex(recoded(bytes))).toBe(hex(bytes));
    }
    expect([...begun].sort()).toEqual(['A', 'B']);
  });

  test('has every kind of message that nodes say', () => {
    const notes = written().map(({ note }) => note.replace(/[:,]? ?\d.*|:.*/, ''));
    const kinds = [
      'handshake',
      'extended handshake',
      'HAVE NONE',
      'UNCHOKE',
      'hello',
      'want',
      'have',
      'none',
      'unwant',
      'claim',
      'lt_donthave',
    ];
    for (const kind of [...kinds, 'INTERESTED', 'HASH REQUEST', 'HASHES', 'REQUEST piece', 'PIECE'])
      expect(notes).toContain(kind);
  });
});

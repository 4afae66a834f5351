/** Every bencoded or hexadecimal example in docs/protocol.md, decoded by the code and encoded again to the same bytes. */
import { describe, expect, test } from 'bun:test';
import { decodeAnnounceAnswer, encodeAnnounceAnswer } from '../../src/announce/http.ts';
import { decodeLsdMessage, encodeLsdMessages } from '../../src/discovery/lsd-message.ts';
import { decodeDtorrent, encodeDtorrent } from '../../src/torrent/dtorrent.ts';
import {
  type ArchiveMessage,
  decodeArchiveMessage,
  encodeArchiveMessage,
} from '../../src/wire/archive-ext.ts';
import {
  decodeExtendedHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeMetadataMessage,
  type MetadataMessage,
} from '../../src/wire/extended.ts';
import { Framer } from '../../src/wire/framer.ts';
import { encodeMessage, type Message } from '../../src/wire/message.ts';
import { decodePex, encodePex } from '../../src/wire/pex.ts';
import { blocks, hex, unbencodeText, unhex } from './protocol-document.ts';

/** By kind of block: its bytes, and what the code makes of them when it has read them. */
const CODECS: Record<
  string,
  { bytes: (body: string) => Uint8Array; again: (bytes: Uint8Array) => Uint8Array }
> = {
  dt_archive: {
    bytes: unbencodeText,
    again: (bytes) => encodeArchiveMessage(decodeArchiveMessage(bytes) as ArchiveMessage),
  },
  'extended-handshake': {
    bytes: unbencodeText,
    again: (bytes) => encodeExtendedHandshake(decodeExtendedHandshake(bytes)),
  },
  ut_metadata: {
    bytes: unbencodeText,
    again: (bytes) => encodeMetadataMessage(decodeMetadataMessage(bytes) as MetadataMessage),
  },
  ut_pex: { bytes: unbencodeText, again: (bytes) => encodePex(decodePex(bytes)) },
  'announce-answer': {
    bytes: unbencodeText,
    again: (bytes) => encodeAnnounceAnswer(decodeAnnounceAnswer(bytes)),
  },
  lsd: {
    // The last line of a block has no line end here.
    bytes: (body) => new TextEncoder().encode(`${body.trimEnd().replaceAll('\n', '\r\n')}\r\n\r\n\r\n`),
    again: (bytes) => encodeLsdMessages('239.192.152.143:6771', decodeLsdMessage(bytes))[0] as Uint8Array,
  },
  dtorrent: { bytes: unbencodeText, again: (bytes) => encodeDtorrent(decodeDtorrent(bytes)) },
  /** Whole messages of BEP 3 and its extensions, with their lengths. */
  messages: {
    bytes: unhex,
    again: (bytes) => new Uint8Array(Buffer.concat(messagesIn(bytes).map(encodeMessage))),
  },
};
/** Read by the other tests of this folder. */
const ELSEWHERE = ['vector', 'session'];

const examples = blocks.filter(({ kind }) => Object.hasOwn(CODECS, kind));

describe('examples of docs/protocol.md', () => {
  test.each(examples.map(({ kind, name, body }) => [kind, name, body] as const))(
    '%s %s',
    (kind, name, body) => {
      const codec = CODECS[kind] as (typeof CODECS)[string];
      const bytes = codec.bytes(body);
      expect(hex(codec.again(bytes))).toBe(hex(bytes));
      if (kind === 'dt_archive')
        expect(decodeArchiveMessage(bytes)?.kind as string).toBe(name.replace(/:.*/, ''));
      if (kind === 'ut_metadata') expect(decodeMetadataMessage(bytes)?.type as string).toBe(name);
    },
  );

  test('there is one of every kind of dt_archive message, and no block without a check', () => {
    const kinds = new Set(
      examples.filter(({ kind }) => kind === 'dt_archive').map(({ name }) => name.replace(/:.*/, '')),
    );
    expect([...kinds].sort()).toEqual(['claim', 'have', 'hello', 'none', 'unwant', 'want']);
    expect(blocks.filter(({ kind }) => !Object.hasOwn(CODECS, kind) && !ELSEWHERE.includes(kind))).toEqual(
      [],
    );
  });
});

function messagesIn(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  const unexpected = () => {
    throw new Error('no PIECE is expected here');
  };
  const framer = new Framer({
    message: (message) => messages.push(message),
    pieceStart: unexpected,
    pieceData: unexpected,
    pieceEnd: unexpected,
  });
  framer.push(bytes);
  expect(framer.idle).toBe(true);
  return messages;
}

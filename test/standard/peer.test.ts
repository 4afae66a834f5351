/** One node, and a stranger who says what each test has it say, byte by byte. */
import { describe, expect, test } from 'bun:test';
import { TokenBucket } from '../../src/lib/token-bucket.ts';
import { StandardSwarms } from '../../src/standard/standard-swarms.ts';
import type { Link } from '../../src/swarm/link.ts';
import { infoHashToBytes } from '../../src/torrent/info-hash.ts';
import { encodeExtendedHandshake, encodeMetadataMessage } from '../../src/wire/extended.ts';
import {
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_BYTES,
  reservedBytes,
} from '../../src/wire/handshake.ts';
import { encodeMessage, type Message } from '../../src/wire/message.ts';
import { MemoryNetwork } from '../fixtures/memory-network.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { MemoryStorage, made } from './made.ts';

const HOST = '10.0.0.1';
const WHAT = made({ kind: 'hybrid', sizes: 300_000 });
const PIECES = WHAT.metainfo.pieceCount;

interface Scene {
  readonly clock: VirtualClock;
  readonly link: Link;
  readonly swarms: StandardSwarms;
  /** What the node has sent, handshake included. */
  heard(): Buffer;
  closed(): boolean;
  say(...messages: readonly Message[]): void;
}

async function scene(
  play: (scene: Scene) => Promise<void>,
  { isSeed = true, isFast = true, saysV2 = false } = {},
): Promise<void> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock);
  const bucket = new TokenBucket(0, clock.nowMs());
  const { infoHashV1, infoHashV2 } = WHAT.metainfo;
  const swarms = new StandardSwarms({
    clock,
    ...network.node(HOST),
    peerId: new Uint8Array(20).fill(1),
    client: 'test',
    uploadBuckets: { lan: bucket, wan: bucket },
    downloadBucket: bucket,
  });
  swarms.listen({ host: HOST, port: 1 });
  const storage = () => new MemoryStorage(WHAT, isSeed);
  swarms.add({ infoHashV1, infoHashV2, metainfo: WHAT.metainfo, storage });
  await clock.run(100);
  const link = await clock.until(network.node('10.0.0.2').dial({ host: HOST, port: 1 }, 1_000));
  const chunks: Uint8Array[] = [];
  let isClosed = false;
  link.attach({
    data: (chunk) => void chunks.push(chunk.slice()),
    drained: () => {},
    closed: () => {
      isClosed = true;
    },
  });
  const more = [...(isFast ? (['fast'] as const) : []), ...(saysV2 ? (['v2'] as const) : [])];
  const reserved = reservedBytes('extended', ...more);
  const infoHash = infoHashToBytes(infoHashV1 as NonNullable<typeof infoHashV1>);
  link.send(encodeHandshake({ reserved, infoHash, peerId: new Uint8Array(20).fill(2) }));
  await clock.run(100);
  await play({
    clock,
    link,
    swarms,
    heard: () => Buffer.concat(chunks),
    closed: () => isClosed,
    say: (...messages) => {
      for (const message of messages) link.send(encodeMessage(message));
    },
  });
  await swarms[Symbol.asyncDispose]();
  await clock.run(100);
  expect(network.openEnds).toBe(0);
}

const bits = (...bytes: readonly number[]): Message => ({ type: 'bitfield', bits: Uint8Array.from(bytes) });
const block = (index: number, begin: number, length: number) => ({ index, begin, length });
const extended = (id: number, payload: Uint8Array): Message => ({ type: 'extended', id, payload });

test.each([
  [true, 'v2'],
  [false, 'v1'],
] as const)('who dials by the v1 hash and says of v2 %p is answered by the %s hash', (saysV2, answer) =>
  scene(
    async ({ heard, swarms }) => {
      const { infoHashV1, infoHashV2 } = WHAT.metainfo;
      const hash = answer === 'v2' ? infoHashV2 : infoHashV1;
      expect(decodeHandshake(heard().subarray(0, HANDSHAKE_BYTES)).infoHash.toHex()).toBe(
        (hash as string).slice(0, 40),
      );
      expect(swarms.torrents[0]?.peers.map(({ isV2, infoHash }) => ({ isV2, infoHash }))).toEqual([
        { isV2: saysV2, infoHash: infoHashV1 as string },
      ]);
    },
    { saysV2 },
  ),
);

describe('a peer is closed that', () => {
  test.each<[string, Message[]]>([
    ['has pieces that there are not', [{ type: 'have', index: PIECES }]],
    ['sends a bitfield of another length', [bits(0)]],
    ['sets bits beyond the last piece', [bits(0xff, 0xff)]],
    ['rejects what was never asked, in a hash message cut short', [extended(2, Uint8Array.of(0x64))]],
    ['sends an extended handshake that is none', [extended(0, Uint8Array.of(1, 2, 3))]],
    [
      'introduces itself again and again',
      new Array<Message>(20).fill(extended(0, encodeExtendedHandshake({ extensions: new Map() }))),
    ],
    [
      'sends 32 MB that nobody asked for',
      new Array<Message>(130).fill({
        type: 'piece',
        index: 0,
        begin: 0,
        payload: new Uint8Array(256 * 1024),
      }),
    ],
  ])('%s', (_name, messages) =>
    scene(
      async ({ say, closed, clock }) => {
        say(...messages);
        await clock.run(1_000);
        expect(closed()).toBe(true);
      },
      { isSeed: false },
    ),
  );

  test('speaks of the fast extension without speaking it', () =>
    scene(
      async ({ say, closed, clock }) => {
        say({ type: 'have-all' });
        await clock.run(1_000);
        expect(closed()).toBe(true);
      },
      { isSeed: false, isFast: false },
    ));

  test('says nothing for minutes', () =>
    scene(async ({ closed, clock }) => {
      await clock.run(200_000);
      expect(closed()).toBe(true);
    }));
});

describe('a peer is not closed that', () => {
  test('sends bitfields in place of HAVEs, as aria2 does', () =>
    scene(async ({ say, closed, clock }) => {
      for (let i = 0; i < 100; i += 1) {
        say(bits(0x80, 0), bits(0xc0, 0), { type: 'have', index: 3 });
        await clock.run(10);
      }
      expect(closed()).toBe(false);
    }));
});

describe('a request', () => {
  test('is answered when it is unchoked, and libtorrent’s for the padding of a last block, too', () =>
    scene(async ({ say, heard, clock }) => {
      say({ type: 'interested' });
      await clock.run(100);
      const before = heard().length;
      say({ type: 'request', ...block(1, 16_384, 16_384) });
      await clock.run(100);
      const answer = heard().subarray(before);
      expect(answer.length).toBe(13 + 16_384);
      const from = WHAT.metainfo.pieceLength + 16_384;
      expect(answer.subarray(13).equals(Buffer.from(WHAT.space.subarray(from, from + 16_384)))).toBe(true);
    }));

  test.each([
    ['of a piece that there is not', block(PIECES, 0, 16_384)],
    ['beyond the end of the piece', block(0, 32_768, 16_384)],
    ['of no length', block(0, 0, 0)],
    ['longer than anybody may ask for', block(0, 0, 256 * 1024)],
  ])('%s is rejected', (_name, asked) =>
    scene(async ({ say, heard, clock, closed }) => {
      say({ type: 'interested' });
      await clock.run(100);
      const before = heard().length;
      say({ type: 'request', ...asked });
      await clock.run(100);
      expect(closed()).toBe(false);
      expect(heard().subarray(before)).toEqual(Buffer.from(encodeMessage({ type: 'reject', ...asked })));
    }),
  );

  test('before an unchoke, and more than a thousand at once, are rejected', () =>
    scene(async ({ say, heard, clock }) => {
      say({ type: 'request', ...block(0, 0, 16_384) });
      await clock.run(100);
      const reject = Buffer.from(encodeMessage({ type: 'reject', ...block(0, 0, 16_384) }));
      expect(heard().includes(reject)).toBe(true);
      say({ type: 'interested' });
      await clock.run(100);
      const before = heard().length;
      say(...new Array<Message>(1_100).fill({ type: 'request', ...block(0, 0, 1) }));
      await clock.run(5_000);
      const rejects = heard().subarray(before).length - 1_024 * 14;
      expect(rejects).toBe(76 * 17);
    }));

  test('for metadata beyond its end is rejected', () =>
    scene(async ({ say, heard, clock }) => {
      say(extended(0, encodeExtendedHandshake({ extensions: new Map([['ut_metadata', 9]]) })));
      await clock.run(100);
      const before = heard().length;
      say(extended(2, encodeMetadataMessage({ type: 'request', piece: 77 })));
      await clock.run(100);
      const reject = encodeMessage(extended(9, encodeMetadataMessage({ type: 'reject', piece: 77 })));
      expect(heard().subarray(before)).toEqual(Buffer.from(reject));
    }));
});

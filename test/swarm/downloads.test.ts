import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { Downloads } from '../../src/swarm/downloads.ts';
import type { Offer } from '../../src/swarm/offer.ts';
import { type PieceBuffers, pieceBuffers } from '../../src/swarm/piece-buffers.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { Framer } from '../../src/wire/framer.ts';
import { BLOCK_BYTES, type BlockRef, type Message } from '../../src/wire/message.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function scene(sizeBytes = 8 * MIB, firstPiece = 100, buffers: PieceBuffers = pieceBuffers) {
  const clock = new VirtualClock();
  const sent: Message[] = [];
  const wire = new Framer({
    message: (message) => sent.push(message),
    pieceStart: () => {},
    pieceData: () => {},
    pieceEnd: () => {},
  });
  const arrived: { piece: number; bytes: Uint8Array }[] = [];
  const downloads = new Downloads(
    { clock, buffers, send: (bytes) => wire.push(bytes), downloaded: () => {} },
    20,
  );
  downloads.choked = false;
  const pieces = new Pieces(sizeBytes);
  const seeker = {
    arrived: (_: Offer, piece: number, bytes: Uint8Array) => arrived.push({ piece, bytes: bytes.slice() }),
  };
  const offer = { firstPiece, pieces, closed: false, want: { seeker } } as unknown as Offer;
  const all = (type: 'request' | 'cancel') =>
    sent.filter((m): m is { type: typeof type } & BlockRef => m.type === type);
  /** A PIECE as the framer hands it on. */
  const give = ({ index, begin, length }: BlockRef, fill = 1) => {
    downloads.pieceStart(index, begin, length);
    downloads.pieceData(new Uint8Array(length).fill(fill));
    downloads.pieceEnd();
  };
  return {
    clock,
    downloads,
    offer,
    arrived,
    give,
    requests: () => all('request'),
    cancels: () => all('cancel'),
  };
}

describe('Downloads', () => {
  test('awaitedBytes is what was asked for and has not come', () => {
    const { downloads, offer, requests, give } = scene(3 * MIB);
    expect(downloads.awaitedBytes).toBe(0);
    downloads.ask(offer, 0);
    downloads.ask(offer, 1);
    expect(downloads.awaitedBytes).toBe(512 * KIB);
    const [first, ...rest] = requests();
    give(first as BlockRef);
    expect(downloads.awaitedBytes).toBe(512 * KIB - (first as BlockRef).length);
    downloads.cancel(offer, 0);
    expect(downloads.awaitedBytes).toBe(256 * KIB);
    for (const block of rest) if (block.index === 101) give(block);
    expect(downloads.awaitedBytes).toBe(0);
    downloads.ask(offer, 2);
    give(requests().at(-1) as BlockRef);
    downloads.close();
    expect(downloads.awaitedBytes).toBe(0);
  });

  test('asks for a piece in blocks that cover it exactly, in the peer’s numbers', () => {
    const { downloads, offer, requests } = scene(3 * MIB + 5);
    downloads.ask(offer, 0);
    downloads.ask(offer, 12);
    const [first, last] = [
      requests().filter((r) => r.index === 100),
      requests().filter((r) => r.index === 112),
    ];
    expect(first.map(({ begin }) => begin)).toEqual(Array.from({ length: 16 }, (_, i) => i * BLOCK_BYTES));
    expect(last.map(({ begin, length }) => [begin, length])).toEqual([[0, 5]]);
    expect(downloads.queuedBytes).toBe(256 * KIB + 5);
  });

  test('hands a piece on when its last block is here, in whatever order they come', () => {
    const { downloads, offer, requests, give, arrived } = scene();
    downloads.ask(offer, 3);
    const blocks = requests();
    for (const [i, block] of blocks.toReversed().entries()) {
      expect(arrived).toEqual([]);
      give(block, i);
    }
    expect(arrived).toHaveLength(1);
    expect(arrived[0]?.piece).toBe(3);
    expect(arrived[0]?.bytes[0]).toBe(blocks.length - 1);
    expect(downloads.queuedBytes).toBe(0);
  });

  test('memory is taken for pieces that come, not for all that were asked for, and always given back', () => {
    const out = new Set<Uint8Array>();
    const buffers: PieceBuffers = {
      take: (lengthBytes) => {
        const bytes = new Uint8Array(lengthBytes);
        out.add(bytes);
        return bytes;
      },
      give: (bytes) => {
        expect(out.delete(bytes)).toBe(true);
      },
    };
    const { downloads, offer, requests, give, arrived } = scene(8 * MIB, 100, buffers);
    for (let piece = 0; piece < 8; piece += 1) downloads.ask(offer, piece);
    expect(out.size).toBe(0);
    for (const block of requests().filter(({ index }) => index === 100)) give(block);
    expect(arrived).toHaveLength(1);
    expect(out.size).toBe(0);
    for (const index of [101, 102, 103]) {
      const first = requests().find((block) => block.index === index);
      if (first) give(first);
    }
    expect(out.size).toBe(3);
    downloads.cancel(offer, 1);
    expect(out.size).toBe(2);
    downloads.rejected({ index: 102, begin: BLOCK_BYTES, length: BLOCK_BYTES });
    expect(out.size).toBe(1);
    downloads.close();
    expect(out.size).toBe(0);
  });

  test('a piece is asked for once', () => {
    const { downloads, offer, requests } = scene();
    downloads.ask(offer, 3);
    downloads.ask(offer, 3);
    expect(requests()).toHaveLength(16);
  });

  test('blocks get larger as the peer allows it and is quick', async () => {
    const { clock, downloads, offer, requests, give } = scene(64 * MIB);
    downloads.maxRequestBytes = 256 * KIB;
    downloads.ask(offer, 0);
    expect(requests()[0]?.length).toBe(64 * KIB);
    for (let piece = 0; piece < 40; piece += 1) {
      await clock.run(10);
      for (const block of requests().filter((r) => r.index === 100 + piece)) give(block);
      downloads.ask(offer, piece + 1);
    }
    expect(requests().at(-1)?.length).toBe(256 * KIB);
    downloads.maxRequestBytes = BLOCK_BYTES;
    downloads.ask(offer, 60);
    expect(requests().at(-1)?.length).toBe(BLOCK_BYTES);
  });

  test('room grows with the measured rate, and there is none while choked', async () => {
    const { clock, downloads, offer, requests, give } = scene(64 * MIB);
    expect(downloads.roomBytes(clock.nowMs())).toBe(MIB);
    downloads.choked = true;
    expect(downloads.roomBytes(clock.nowMs())).toBe(0);
    downloads.choked = false;
    for (let piece = 0; piece < 100; piece += 1) {
      downloads.ask(offer, piece);
      await clock.run(10);
      for (const block of requests().filter((r) => r.index === 100 + piece)) give(block);
    }
    expect(downloads.bytesPerSecond(clock.nowMs())).toBeWithin(24 * MIB, 27 * MIB);
    expect(downloads.roomBytes(clock.nowMs())).toBeWithin(6 * MIB, 7 * MIB);
  });

  test('a cancelled piece is cancelled block by block, and not handed on when it comes all the same', () => {
    const { downloads, offer, requests, cancels, give, arrived } = scene();
    downloads.ask(offer, 0);
    const blocks = requests();
    give(blocks[0] as BlockRef);
    downloads.cancel(offer, 0);
    expect(cancels().map(({ begin }) => begin)).toEqual(blocks.slice(1).map(({ begin }) => begin));
    for (const block of blocks.slice(1)) give(block);
    expect(arrived).toEqual([]);
    expect(downloads.queuedBytes).toBe(0);
  });

  test('one that is cancelled in the middle of a block leaves nothing half', () => {
    const { downloads, offer, requests, give, arrived } = scene();
    downloads.ask(offer, 0);
    const [block] = requests();
    downloads.pieceStart(100, 0, block?.length ?? 0);
    downloads.pieceData(new Uint8Array(100));
    downloads.cancel(offer, 0);
    downloads.pieceData(new Uint8Array(100));
    downloads.pieceEnd();
    downloads.ask(offer, 0);
    for (const again of requests().slice(16)) give(again, 9);
    expect(arrived).toHaveLength(1);
    expect(arrived[0]?.bytes.every((byte) => byte === 9)).toBe(true);
  });

  test('late blocks of cancelled requests are no offence, however many they are over time', () => {
    const { downloads, offer, requests, give } = scene();
    for (let i = 0; i < 400; i += 1) {
      downloads.ask(offer, i % 32);
      const blocks = requests().slice(-16);
      downloads.cancel(offer, i % 32);
      for (const block of blocks) give(block);
    }
    expect(downloads.queuedBytes).toBe(0);
  });

  test('blocks that nobody asked for are, beyond 32 MiB', () => {
    const { give } = scene();
    const block = { index: 5, begin: 0, length: 256 * KIB };
    for (let i = 0; i < 128; i += 1) give(block);
    expect(() => give(block)).toThrow(ProtocolError);
  });

  test('a block of another length, or twice, does not count', () => {
    const { downloads, offer, requests, give, arrived } = scene();
    downloads.ask(offer, 0);
    const [first, ...rest] = requests();
    if (!first) throw new Error('unreachable');
    give({ ...first, length: first.length - 1 });
    give({ ...first, begin: first.begin + 1 });
    for (let i = 0; i < 3; i += 1) give(first);
    for (const block of rest.slice(1)) give(block);
    expect(arrived).toEqual([]);
    give(rest[0] as BlockRef);
    expect(arrived).toHaveLength(1);
  });

  test('REJECT gives the piece as a whole back', () => {
    const { downloads, offer, requests } = scene();
    downloads.ask(offer, 7);
    const block = requests()[5] as BlockRef;
    expect(downloads.rejected(block)).toEqual({ offer, piece: 7 });
    expect(downloads.rejected(block)).toBeUndefined();
    expect(downloads.queuedBytes).toBe(0);
  });

  test('REJECT of one block gives up the others; what comes of them all the same is no offence, and no word is lost on them', () => {
    const { downloads, offer, requests, cancels, give, arrived } = scene();
    for (let i = 0; i < 400; i += 1) {
      downloads.ask(offer, i % 32);
      const blocks = requests().slice(-16);
      downloads.rejected(blocks[0] as BlockRef);
      for (const block of blocks.slice(1)) give(block);
    }
    expect(cancels()).toEqual([]);
    expect(arrived).toEqual([]);
    expect(downloads.queuedBytes).toBe(0);
  });

  test('REJECT of a block that was cancelled settles it, and does not cost the piece when that is asked for again', () => {
    const { downloads, offer, requests, give } = scene();
    for (let i = 0; i < 128; i += 1) {
      downloads.ask(offer, 0);
      downloads.cancel(offer, 0);
    }
    for (const block of requests()) expect(downloads.rejected(block)).toBeUndefined();
    downloads.ask(offer, 0);
    expect(downloads.rejected({ index: 100, begin: 0, length: BLOCK_BYTES - 1 })).toBeUndefined();
    expect(downloads.queuedBytes).toBe(256 * KIB);
    const unasked = { index: 5, begin: 0, length: 256 * KIB };
    for (let i = 0; i < 128; i += 1) give(unasked);
    expect(() => give(unasked)).toThrow(ProtocolError);
  });

  test('close() gives back what was asked for', () => {
    const { downloads, offer } = scene();
    downloads.ask(offer, 1);
    downloads.ask(offer, 2);
    expect(downloads.close().map(({ piece }) => piece)).toEqual([1, 2]);
    expect(downloads.close()).toEqual([]);
  });

  test('silence counts while something is owed, from the last byte', async () => {
    const { clock, downloads, offer, requests, give } = scene();
    await clock.run(60_000);
    expect(downloads.silentMs(clock.nowMs())).toBe(0);
    downloads.ask(offer, 0);
    await clock.run(700);
    expect(downloads.silentMs(clock.nowMs())).toBe(700);
    give(requests()[0] as BlockRef);
    expect(downloads.silentMs(clock.nowMs())).toBe(0);
    await clock.run(300);
    expect(downloads.silentMs(clock.nowMs())).toBe(300);
    for (const block of requests().slice(1)) give(block);
    await clock.run(300);
    expect(downloads.silentMs(clock.nowMs())).toBe(0);
  });

  test('a stall is remembered for ten seconds when the piece is taken back, a short wait is not', async () => {
    const { clock, downloads, offer } = scene();
    downloads.ask(offer, 0);
    await clock.run(100);
    downloads.cancel(offer, 0);
    expect(downloads.silentMs(clock.nowMs())).toBe(0);
    downloads.ask(offer, 0);
    await clock.run(2_000);
    downloads.cancel(offer, 0);
    await clock.run(1_000);
    expect(downloads.silentMs(clock.nowMs())).toBe(3_000);
    await clock.run(9_000);
    expect(downloads.silentMs(clock.nowMs())).toBe(0);
  });

  test('and forgiven as soon as anything comes', async () => {
    const { clock, downloads, offer, requests, give } = scene();
    downloads.ask(offer, 0);
    await clock.run(2_000);
    downloads.cancel(offer, 0);
    expect(downloads.silentMs(clock.nowMs())).toBe(2_000);
    give(requests()[0] as BlockRef);
    expect(downloads.silentMs(clock.nowMs())).toBe(0);
  });
});

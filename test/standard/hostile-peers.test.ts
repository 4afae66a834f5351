/** What peers of a standard swarm may try, and what it costs: never the file, never who is honest. */
import { describe, expect, test } from 'bun:test';
import { infoHashToBytes, parseInfoHash } from '../../src/torrent/info-hash.ts';
import { encodeMetadataMessage } from '../../src/wire/extended.ts';
import { encodeHandshake, reservedBytes } from '../../src/wire/handshake.ts';
import { encodeMessage, type Message } from '../../src/wire/message.ts';
import type { RawPeer } from '../fixtures/raw-peer.ts';
import { type Stage, staged } from './hostile-stage.ts';
import { made } from './made.ts';

const SEED = '203.0.113.5';
const HOSTILE = '198.51.100.7';
const SLOW = reservedBytes('extended');

function bytesOf(...messages: readonly Message[]): Uint8Array {
  return Buffer.concat(messages.map(encodeMessage));
}

function handshakeOf({ swarm }: Stage, id: string): Uint8Array {
  const infoHash = infoHashToBytes(parseInfoHash(swarm) as NonNullable<ReturnType<typeof parseInfoHash>>);
  return encodeHandshake({
    reserved: reservedBytes('extended', 'fast'),
    infoHash,
    peerId: new TextEncoder().encode(id.padEnd(20, '.')),
  });
}

/** Says that it has all, and gives nothing yet. */
async function claimant(stage: Stage, host: string, reserved?: Uint8Array): Promise<RawPeer> {
  const peer = await stage.stranger(host);
  if (reserved) peer.handshake(stage.swarm, reserved as never);
  else peer.handshake(stage.swarm);
  await stage.clock.run(100);
  const bits = new Uint8Array(Math.ceil(stage.what.metainfo.pieceCount / 8));
  for (let piece = 0; piece < stage.what.metainfo.pieceCount; piece += 1)
    bits[piece >> 3] = (bits[piece >> 3] as number) | (0x80 >> (piece & 7));
  peer.send(encodeMessage({ type: 'bitfield', bits }));
  return peer;
}

describe('a place is not lost', () => {
  test('to connections that end with their first bytes, however many there were', () =>
    staged({}, async (stage) => {
      stage.seed(SEED);
      for (let i = 0; i < 60; i += 1) {
        const peer = await stage.stranger(`198.51.100.${i + 1}`);
        peer.send(handshakeOf(stage, `${i}`), bytesOf({ type: 'have', index: 0xffffffff }));
        await stage.clock.run(50);
        expect(peer.closed).toBeDefined();
      }
      stage.find(SEED);
      await stage.untilDone();
    }));

  test('to one address that comes again and again under other names', () =>
    staged({ how: 'seed' }, async (stage) => {
      const crowd: RawPeer[] = [];
      for (let i = 0; i < 100; i += 1) {
        const peer = await stage.stranger(HOSTILE, `${i}`);
        peer.handshake(stage.swarm);
        crowd.push(peer);
        await stage.clock.run(2_500);
      }
      expect(crowd.filter(({ closed }) => closed === undefined).length).toBeLessThanOrEqual(8);
    }));

  test('to a stranger who goes by an honest peer’s id', () =>
    staged({}, async (stage) => {
      stage.seed(SEED, 10_000);
      stage.find(SEED);
      await stage.clock.run(2_000);
      const [honest] = stage.torrent.peers;
      const thief = await stage.stranger(HOSTILE, honest?.id);
      thief.handshake(stage.swarm);
      await stage.clock.run(2_000);
      expect(stage.torrent.peers.map(({ address }) => address)).toContain(SEED);
    }));

  test('to who is banned and is named again: others are dialled in the same breath', () =>
    staged({}, async (stage) => {
      for (let i = 1; i <= 30; i += 1) {
        stage.victim.ban(`198.51.100.${i}`, 'a test', false);
        stage.find(`198.51.100.${i}`);
      }
      stage.seed(SEED);
      stage.find(SEED);
      await stage.untilDone(5_000);
    }));
});

describe('it costs the victim little', () => {
  test('when all that it asks for is rejected', () =>
    staged({}, async (stage) => {
      const peer = await claimant(stage, HOSTILE);
      peer.onMessage = (message) => {
        if (message.type === 'request') peer.send(encodeMessage({ ...message, type: 'reject' }));
      };
      peer.unchoke();
      await stage.clock.run(10_000);
      expect(peer.all('request').length).toBeLessThan(1_000);
      stage.seed(SEED);
      stage.find(SEED);
      await stage.untilDone();
    }));

  test('when it is choked and unchoked ten thousand times at once', () =>
    staged({}, async (stage) => {
      const peer = await claimant(stage, HOSTILE, SLOW);
      await stage.clock.run(100);
      peer.send(
        bytesOf(...new Array<Message[]>(10_000).fill([{ type: 'choke' }, { type: 'unchoke' }]).flat()),
      );
      await stage.clock.run(1_000);
      expect(peer.all('request').length).toBeLessThan(1_000);
      stage.seed(SEED);
      stage.find(SEED);
      await stage.untilDone();
    }));

  test('when somebody is interested and not, ten thousand times at once', () =>
    staged({ how: 'seed' }, async (stage) => {
      const peer = await stage.stranger(HOSTILE);
      peer.handshake(stage.swarm);
      await stage.clock.run(100);
      const flap: Message[] = [{ type: 'interested' }, { type: 'not-interested' }];
      peer.send(bytesOf(...new Array<Message[]>(10_000).fill(flap).flat()));
      await stage.clock.run(1_000);
      expect(peer.all('unchoke').length).toBeLessThan(100);
    }));

  test('when somebody asks for what there isn’t and does not read the answers', () =>
    staged({ how: 'seed', shape: { bytesPerSecond: 1_000 } }, async (stage) => {
      const peer = await stage.stranger(HOSTILE);
      peer.handshake(stage.swarm);
      await stage.clock.run(500);
      const flood = bytesOf(
        ...new Array<Message>(20_000).fill({ type: 'request', index: 9_999, begin: 0, length: 1 }),
      );
      for (let i = 0; i < 40; i += 1) peer.send(flood);
      await stage.clock.run(10);
      expect(stage.torrent.peers).toEqual([]);
      await stage.clock.run(20_000_000);
      expect(peer.closed).toBeDefined();
    }));
});

describe('the file comes', () => {
  test('though one who spoilt a piece has it again and sends a byte each second', () =>
    staged({ what: made({ kind: 'v1', sizes: 32_768 }) }, async (stage) => {
      const [a, b] = [await claimant(stage, HOSTILE, SLOW), await claimant(stage, '198.51.101.8', SLOW)];
      const right = (at: number) => stage.what.space.slice(at, at + 16_384);
      await stage.clock.run(100);
      a.unchoke();
      await stage.clock.run(100);
      expect(a.all('request').length).toBe(2);
      a.send(
        bytesOf({ type: 'piece', index: 0, begin: 0, payload: new Uint8Array(16_384) }, { type: 'choke' }),
      );
      await stage.clock.run(100);
      b.unchoke();
      await stage.clock.run(100);
      expect(b.all('request')).toMatchObject([{ begin: 16_384 }]);
      b.send(bytesOf({ type: 'piece', index: 0, begin: 16_384, payload: right(16_384) }));
      await stage.clock.run(100);
      // Both had a hand in it, so neither is caught yet, and the one who sent the right half is asked for all of it.
      expect(stage.victim.isBanned(HOSTILE)).toBe(false);
      expect(b.all('request').length).toBe(3);
      stage.seed(SEED);
      stage.find(SEED);
      const head = encodeMessage({ type: 'piece', index: 0, begin: 0, payload: new Uint8Array(16_384) });
      for (let i = 0; i < 180; i += 1) {
        if (b.closed === undefined) b.send(i === 0 ? head.slice(0, 14) : new Uint8Array(1));
        await stage.clock.run(1_000);
      }
      await stage.untilDone(1_000);
      expect(stage.victim.isBanned(HOSTILE)).toBe(true);
      expect(stage.victim.isBanned(SEED)).toBe(false);
    }));

  test('of a magnet link though three strangers come first and hand out metadata without end', () =>
    staged({ how: 'magnet' }, async (stage) => {
      const sizeBytes = 32 * 1024 * 1024;
      for (const host of [HOSTILE, '198.51.101.8', '198.51.102.9']) {
        const peer = await stage.stranger(host);
        peer.handshake(stage.swarm);
        peer.extendedHandshake({ metadataSizeBytes: sizeBytes });
        let piece = 0;
        const next = () => {
          if (peer.closed !== undefined) return;
          const bytes = new Uint8Array(16_384);
          const data = encodeMetadataMessage({ type: 'data', piece, totalSizeBytes: sizeBytes, bytes });
          if (peer.theirs) peer.extension('ut_metadata', data);
          piece += 1;
          if (piece < 500) stage.clock.after(5_000, next);
        };
        stage.clock.after(1_000, next);
      }
      await stage.clock.run(3_000);
      stage.seed(SEED);
      stage.find(SEED);
      await stage.untilDone(60_000);
    }));
});

/** What no program that speaks the protocol would send: each closes the connection, and the node goes on for others. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { encodeExtended } from '../../src/wire/message.ts';
import { poolFile, SWARM } from '../fixtures/memory-node.ts';
import { World } from '../fixtures/world.ts';
import { memoryGround } from './grounds.ts';
import { startWith, type Talk } from './hostile.ts';

setDefaultTimeout(60_000);

const KIB = 1024;
const FILE = poolFile(100 * KIB, 3);
const text = (what: string) => new TextEncoder().encode(what);

/** Length prefix, id, and as many zeros as that says or as are wanted. */
function frame(lengthBytes: number, id: number, bodyBytes = lengthBytes - 1): Uint8Array {
  const bytes = new Uint8Array(5 + Math.max(0, bodyBytes));
  new DataView(bytes.buffer).setUint32(0, lengthBytes);
  bytes[4] = id;
  return bytes;
}

const archive = (payload: Uint8Array) => (talk: Talk) => talk.raw.extension('dt_archive', payload);
const raw = (bytes: Uint8Array) => (talk: Talk) => talk.raw.send(bytes);

const VIOLATIONS: Readonly<Record<string, (talk: Talk) => void>> = {
  'a message of four gigabytes': raw(frame(0xff_ff_ff_ff, 20, 100)),
  'an EXTENDED message longer than may be': raw(frame(128 * KIB, 20, 10)),
  'a PIECE longer than may be': raw(frame(9 + 257 * KIB, 7, 20)),
  'a REQUEST of a wrong length': raw(frame(12, 6)),
  'a HAVE of a wrong length': raw(frame(7, 4)),
  'bencoding nested 30,000 deep': archive(text('l'.repeat(30_000) + 'e'.repeat(30_000))),
  'a dictionary that never ends': archive(text('d1:t')),
  'a string longer than the message': archive(text('d1:t99999999999:e')),
  'an integer with a leading zero': archive(text('d1:ni007e1:t4:nonee')),
  'keys out of order': archive(text('d1:t4:none1:rlee')),
  'the same key twice': archive(text('d1:rle1:rle1:t4:nonee')),
  'something behind the dictionary': archive(text('d1:rle1:t4:noneexyz')),
  'no dictionary at all': archive(text('i5e')),
  'a want number below zero': archive(text(`d1:k32:${'x'.repeat(32)}1:ni-5e1:t4:wante`)),
  'a key of 31 bytes': archive(text(`d1:k31:${'x'.repeat(31)}1:ni5e1:t4:wante`)),
  'a range of nothing': archive(text('d1:rli5ei0ee1:t4:nonee')),
  'a range of two thousand million numbers': archive(text('d1:rli0ei2000000000ee1:t4:nonee')),
  'an extension that was never agreed on': raw(encodeExtended(77, text('de'))),
  'a request for a number that was never given': raw(
    Uint8Array.from([0, 0, 0, 13, 6, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 64, 0]),
  ),
};

describe('what can’t be meant honestly', () => {
  test.each(Object.keys(VIOLATIONS))('%s: closed, and others are served', async (what) => {
    await using world = new World();
    const victim = world.node('10.0.0.1', { latencyMs: 1 });
    victim.keep(FILE);
    await using lives = new AsyncDisposableStack();
    const ground = memoryGround(world.network, '198.51.100.7');
    const ready = (talk: Talk) => VIOLATIONS[what]?.(talk);
    const aim = { swarms: [SWARM], files: [], victims: [victim.address] };
    const hostile = lives.use(await startWith({ name: 'malformed', ready })(ground, aim));
    await world.clock.run(2_000);
    expect(hostile.connections).toBe(1);
    expect(hostile.heard.get('hello')).toBe(1);
    expect(hostile.talks.size).toBe(0);
    const honest = world.node('10.0.0.2', { latencyMs: 1 });
    honest.mirror.dead = true;
    honest.meet(victim);
    await world.clock.run(1_000);
    expect(await world.until(honest.fetch(FILE))).toEqual(FILE.bytes);
    expect(victim.swarms.banned().map(({ address }) => address)).not.toContain(honest.host);
  });
});

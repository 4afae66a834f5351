import { describe, expect, test } from 'bun:test';
import { Gulps } from '../../src/lib/gulps.ts';

const PACKET = 1448;
/** What Linux takes in for a connection by default before anything was read. */
const WINDOW_BYTES = 64 * 1024;

/** Reads what a line of so many bytes a millisecond brings for a second; the lengths of reads and of rests. */
function reads(gulps: Gulps, bytesPerMs: number, fromMs = 0) {
  const lengths: number[] = [];
  const rests: number[] = [];
  const packetMs = PACKET / bytesPerMs;
  let [nowMs, readMs] = [fromMs, fromMs];
  while (nowMs < fromMs + 1000) {
    const restMs = rests.at(-1) ?? 0;
    nowMs += Math.max(restMs, packetMs);
    const length = Math.min(WINDOW_BYTES, Math.floor((nowMs - readMs) * bytesPerMs));
    readMs = nowMs;
    lengths.push(length);
    rests.push(gulps.read(length, nowMs));
  }
  return { lengths: lengths.slice(-10), rests: rests.slice(-10), all: rests };
}

describe('Gulps.read()', () => {
  test.each([
    [50, 32],
    [160, 32],
    [2_500, 16],
    [5_000, 8],
    [12_500, 2],
    [60_000, 0],
    [300_000, 0],
  ])('on a line of %d bytes a millisecond rests for %d ms', (bytesPerMs, restMs) => {
    const { rests } = reads(new Gulps(), bytesPerMs);
    expect(new Set(rests)).toEqual(new Set([restMs]));
  });

  test('no rest lets more pile up than the system takes in', () => {
    for (let bytesPerMs = 1; bytesPerMs < 1_000_000; bytesPerMs *= 1.3) {
      const rests = new Set(reads(new Gulps(), bytesPerMs).all);
      expect(Math.max(...rests) * bytesPerMs).toBeLessThan(WINDOW_BYTES);
      for (const restMs of rests) expect([0, 2, 4, 8, 16, 32]).toContain(restMs);
    }
  });

  test('a line of which nothing is known is read at once; so is one that has been idle', () => {
    const gulps = new Gulps();
    expect(gulps.read(PACKET, 0)).toBe(0);
    expect(gulps.read(PACKET, 1)).toBe(0);
    reads(gulps, 100);
    gulps.end();
    expect(gulps.read(PACKET, 100_000)).toBe(0);
    expect(gulps.read(PACKET, 100_001)).toBe(0);
  });

  test('a line that has become quick is read at once', () => {
    const gulps = new Gulps();
    expect(reads(gulps, 100).rests.at(-1)).toBe(32);
    expect(gulps.read(WINDOW_BYTES, 1_032)).toBe(0);
    expect(reads(gulps, 100_000, 1_033).all.slice(2)).not.toContain(32);
  });
});

import { describe, expect, test } from 'bun:test';
import { MirrorLines } from '../../src/acquire/mirror-lines.ts';

const KNOWN = { latencyMs: 20, bytesPerSecond: 1_000_000 };

describe('MirrorLine', () => {
  test('share() is what is known, divided by the flights under way', () => {
    const line = new MirrorLines().of('ftp.de.debian.org');
    expect(line.share(KNOWN, 0)).toBe(1_000_000);
    line.flights = 10;
    expect(line.share(KNOWN, 0)).toBe(100_000);
    expect(line.whole(KNOWN, 0)).toBe(1_000_000);
  });

  test('share() follows what all runs together bring', () => {
    const line = new MirrorLines().of('ftp.de.debian.org');
    line.flights = 2;
    line.opened(1_000, 0);
    line.opened(1_000, 0);
    for (let now = 10; now <= 2_000; now += 10) {
      line.add(1_000, now);
      line.add(1_000, now);
    }
    expect(line.share(KNOWN, 2_000)).toBeCloseTo(100_000, -4);
  });

  test('the time until the first bytes of an answer is no measure of its rate', () => {
    const line = new MirrorLines().of('ftp.de.debian.org');
    for (let now = 0; now < 20_000; now += 1_000) {
      line.opened(14_000, now + 900);
      for (let ms = 1; ms <= 20; ms += 1) line.add(1_000, now + 900 + ms);
      line.closed();
    }
    expect(line.share(KNOWN, 20_000)).toBeCloseTo(1_000_000, -5);
  });

  test('what was measured long ago does not speak against the mirror', () => {
    const line = new MirrorLines().of('ftp.de.debian.org');
    line.opened(1_000, 0);
    for (let now = 10; now <= 2_000; now += 10) line.add(1_000, now);
    line.closed();
    expect(line.share(KNOWN, 3_000)).toBeLessThan(200_000);
    expect(line.share(KNOWN, 60_000)).toBe(1_000_000);
  });

  test('what peers leave it of a full line makes it no slower; a line that is empty does', () => {
    const line = new MirrorLines().of('ftp.de.debian.org');
    line.opened(1, 0);
    let now = 0;
    const bring = (forMs: number, mirror: number, peers: number) => {
      for (const end = now + forMs; now < end; now += 10) {
        line.add(mirror, now);
        line.fromPeers(peers, now);
      }
    };
    bring(2_000, 10_000, 0);
    expect(line.share(KNOWN, now)).toBeCloseTo(1_000_000, -5);
    bring(2_000, 2_000, 8_000);
    expect(line.share(KNOWN, now)).toBeCloseTo(1_000_000, -5);
    expect(line.isQuick).toBe(true);
    bring(3_000, 2_000, 1_000);
    expect(line.share(KNOWN, now)).toBeLessThan(300_000);
    expect(line.isQuick).toBe(false);
  });

  test('hosts that nothing comes from are forgotten, those in use are kept', () => {
    const lines = new MirrorLines();
    const used = lines.of('used.example');
    used.flights = 1;
    for (let i = 0; i < 200; i += 1) lines.of(`host${i}.example`);
    expect(lines.of('used.example')).toBe(used);
  });
});

import { describe, expect, test } from 'bun:test';
import { statusTable } from '../../src/status/table.ts';
import { busy, idle } from './fixtures.ts';

describe('statusTable()', () => {
  test.each([40, 60, 80, 200])('has no line longer than %p columns', (width) => {
    const lines = statusTable(busy, { width, colour: false }).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
  });

  test('says what was saved, from where, and with whom', () => {
    const text = statusTable(busy, { width: 100, colour: false });
    expect(text).toContain('7.00 GiB saved (87 % not from mirrors)');
    expect(text).toContain('1 d 2 h');
    expect(text).toMatch(/local network +2\.00 GiB +█+/);
    expect(text).toMatch(/mirrors +1\.00 GiB/);
    expect(text).toContain('192.0.2.7:9989');
    expect(text).toMatch(/99 % +1000 B/);
    expect(text).toContain('hello_2.10-3_amd64.deb');
    expect(text).toContain('not reachable from outside at 203.0.113.7:9989');
    expect(text.replaceAll('\n', ' ')).toContain(busy.reachability.advice);
    expect(text).toMatch(/udp:\/\/tracker\.example\.org:6969\/announce +working +counts 12/);
    expect(text).toContain('failing: it says: ?[2J<b>no</b>');
    expect(text).toMatch(/bookworm +shared +2 h/);
    expect(text).toContain('no longer valid; the mirror does not answer');
    expect(text).toContain('DHT: 120 nodes; strangers do not reach our UDP port');
    expect(text).toContain('Releases since the first start: 3 from our copy, 2 older than before');
  });

  test('says what may be given, and that others fill the disk', () => {
    const limits = {
      monthlyUpload: { month: '2026-11', bytes: 0, limitBytes: 2 ** 30 },
      upload: { wanBytesPerSecond: 0, paused: ['battery'] },
      businessHours: false,
      cache: { limitBytes: 2 ** 30, minFreeBytes: 2 ** 30, freeBytes: 0 },
    };
    const text = statusTable({ ...busy, limits }, { width: 100, colour: false });
    expect(text).toContain(
      'given beyond the local network: 0 B of 1.00 GiB in 2026-11; nothing now: battery',
    );
    expect(text).toContain('the disk has 0 B free');
  });

  test('passes no control character of a stranger to the terminal', () => {
    const text = statusTable(busy, { width: 100, colour: false });
    expect(text).toContain('sent ?[31mwrong bytes');
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('colours only when asked', () => {
    expect(statusTable(busy, { width: 80, colour: true })).toContain('\x1b[1mDebTorrent\x1b[0m');
  });

  test('leaves out what there is none of', () => {
    const text = statusTable(idle, { width: 80, colour: false });
    expect(text).toContain('nothing was asked of it yet');
    expect(text).not.toMatch(/Archives|Swarms|Peers|Banned|On the way/);
  });

  test('counts peers as people do', () => {
    const swarms = [0, 1, 2].map((peers) => ({ infoHash: 'ab'.repeat(20), name: `swarm ${peers}`, peers }));
    const lines = statusTable({ ...idle, swarms }, { width: 80, colour: false }).split('\n');
    const counted = lines.filter((line) => line.includes('swarm ')).map((line) => line.split('  ').at(-1));
    expect(counted).toEqual(['0 peers', '1 peer', '2 peers']);
  });

  test('shows the busiest of many peers and counts the rest', () => {
    const peers = Array.from({ length: 40 }, (_, i) => ({
      ...{
        address: `192.0.2.${i}:1`,
        client: 'x',
        lan: false,
        bytesDown: i,
        bytesUp: 0,
        downRate: 0,
        upRate: 0,
      },
    }));
    const text = statusTable({ ...idle, peers }, { width: 80, colour: false });
    expect(text).toContain('192.0.2.39:1');
    expect(text).not.toContain('192.0.2.0:1');
    expect(text).toContain('and 25 more');
  });
});

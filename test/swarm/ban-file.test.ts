import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BanFile } from '../../src/swarm/ban-file.ts';
import { Bans } from '../../src/swarm/bans.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

describe('BanFile', () => {
  test('gives back after a restart what was written a moment after the ban', async () => {
    using dir = tempDir('bans');
    const clock = new VirtualClock();
    const file = new BanFile(dir.path, clock);
    const bans = new Bans(clock, file.read());
    bans.add('198.51.100.7', 'lies', false);
    file.touch(bans);
    await clock.run(1_000);
    expect(readdirSync(dir.path)).toEqual(['bans.json']);
    expect(clock.pending).toBe(0);
    const after = new Bans(clock, new BanFile(dir.path, clock).read());
    expect(after.list()).toMatchObject([{ address: '198.51.100.7', reason: 'lies', times: 1, near: false }]);
  });

  test('writes at its end what was not written yet, and nothing when nothing changed', () => {
    using dir = tempDir('bans');
    const clock = new VirtualClock();
    {
      using file = new BanFile(dir.path, clock);
      file.touch(new Bans(clock));
    }
    expect(readdirSync(dir.path)).toEqual([]);
    {
      using file = new BanFile(dir.path, clock);
      const bans = new Bans(clock);
      bans.add('198.51.100.7', 'lies', false);
      file.touch(bans);
    }
    expect(clock.pending).toBe(0);
    expect(new BanFile(dir.path, clock).read()).toHaveLength(1);
  });

  test.each([
    ['nonsense', 'nonsense', 0],
    ['no list', '{}', 0],
    [
      'entries of another kind',
      '[1, null, {"address": 7}, {"address": "198.51.100.7", "reason": "lies"}]',
      0,
    ],
    [
      'a sound entry among others',
      '[{}, {"address":"198.51.100.7","reason":"lies","untilWallMs":1,"times":1,"near":false}]',
      1,
    ],
    ['times that are none', '[{"address":"a","reason":"b","untilWallMs":1e400,"times":1,"near":false}]', 0],
  ])('reads what is sound: %s', (_what, text, count) => {
    using dir = tempDir('bans');
    writeFileSync(join(dir.path, 'bans.json'), text);
    expect(new BanFile(dir.path, new VirtualClock()).read()).toHaveLength(count);
    expect(readFileSync(join(dir.path, 'bans.json'), 'utf8')).toBe(text);
  });

  test('a folder that can not be written costs a warning and nothing else', async () => {
    const clock = new VirtualClock();
    using file = new BanFile('/nonexistent/state', clock);
    const bans = new Bans(clock, file.read());
    bans.add('198.51.100.7', 'lies', false);
    file.touch(bans);
    await clock.run(2_000);
    expect(bans.has('198.51.100.7')).toBe(true);
  });
});

import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Totals } from '../../src/metrics/totals.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

describe('Totals', () => {
  test('counts since this start and, over restarts, since the first one', () => {
    using dir = tempDir('totals');
    {
      using totals = new Totals(dir.path, new VirtualClock());
      totals.add('fromPeers', 10);
      totals.add('fromPeers', 5);
      totals.add('uploaded', 7);
      expect(totals.session()).toEqual({
        fromPeers: 15,
        fromLan: 0,
        fromMirror: 0,
        fromStore: 0,
        uploaded: 7,
      });
      expect(totals.all()).toEqual(totals.session());
    }
    using totals = new Totals(dir.path, new VirtualClock());
    totals.add('fromPeers', 1);
    expect(totals.session().fromPeers).toBe(1);
    expect(totals.all()).toEqual({ fromPeers: 16, fromLan: 0, fromMirror: 0, fromStore: 0, uploaded: 7 });
  });

  test('counts what mirrors did, over restarts, beside the bytes; a file from before knows nothing of it', () => {
    using dir = tempDir('totals');
    writeFileSync(join(dir.path, 'totals.json'), '{"fromPeers": 5}');
    for (const _ of [1, 2]) {
      using totals = new Totals(dir.path, new VirtualClock());
      totals.add('rolledBack', 1);
      totals.add('stale', 2);
    }
    using totals = new Totals(dir.path, new VirtualClock());
    expect(totals.troubles()).toEqual({ stale: 4, rolledBack: 2, refused: 0 });
    expect(totals.all()).toEqual({ fromPeers: 5, fromLan: 0, fromMirror: 0, fromStore: 0, uploaded: 0 });
  });

  test('counts since midnight by the machine’s own time, over restarts of the same day', async () => {
    using dir = tempDir('totals');
    const noon = new Date(2026, 5, 15, 12).getTime();
    const hours = (count: number) => count * 3_600_000;
    {
      using totals = new Totals(dir.path, new VirtualClock(noon));
      totals.add('fromLan', 5);
    }
    const clock = new VirtualClock(noon + hours(8));
    {
      using totals = new Totals(dir.path, clock);
      totals.add('fromLan', 2);
      expect(totals.today().fromLan).toBe(7);
      await clock.run(hours(4));
      expect(totals.today().fromLan).toBe(0);
      totals.add('fromLan', 1);
      expect([totals.today().fromLan, totals.all().fromLan]).toEqual([1, 8]);
    }
    using totals = new Totals(dir.path, new VirtualClock(noon + hours(72)));
    expect([totals.today().fromLan, totals.all().fromLan]).toEqual([0, 8]);
  });

  test('is written now and then, not only at the end, and not while nothing happens', async () => {
    using dir = tempDir('totals');
    const clock = new VirtualClock();
    using totals = new Totals(dir.path, clock);
    expect(clock.pending).toBe(0);
    totals.add('fromMirror', 3);
    totals.add('fromMirror', 4);
    expect(clock.pending).toBe(1);
    await clock.run(30_000);
    expect(JSON.parse(readFileSync(join(dir.path, 'totals.json'), 'utf8')).fromMirror).toBe(7);
    expect(clock.pending).toBe(0);
  });

  test('leaves no timer and no temporary file behind', () => {
    using dir = tempDir('totals');
    const clock = new VirtualClock();
    {
      using totals = new Totals(dir.path, clock);
      totals.add('fromStore', 1);
    }
    expect(clock.pending).toBe(0);
    expect(readdirSync(dir.path)).toEqual(['totals.json']);
  });

  test.each(['', '{', '[]', 'null', '{"fromPeers": -1}', '{"fromPeers": 1e99}', '{"fromPeers": "5"}'])(
    'starts anew where the file says %p',
    (text) => {
      using dir = tempDir('totals');
      writeFileSync(join(dir.path, 'totals.json'), text);
      using totals = new Totals(dir.path, new VirtualClock());
      expect(totals.all().fromPeers).toBe(0);
    },
  );

  test('a folder that cannot be written is no reason to fail', () => {
    const clock = new VirtualClock();
    const totals = new Totals('/nowhere/at/all', clock);
    totals.add('uploaded', 1);
    expect(() => totals[Symbol.dispose]()).not.toThrow();
    expect(totals.all().uploaded).toBe(1);
  });
});

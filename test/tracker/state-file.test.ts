import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { StateFile } from '../../src/tracker/state-file.ts';
import { Tracker } from '../../src/tracker/tracker.ts';
import { eventually } from '../fixtures/eventually.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { seededDraw } from './samples.ts';

const trackerOf = (clock: VirtualClock) => new Tracker({ clock, draw: seededDraw(1) });
const put = (tracker: Tracker, i: number) =>
  tracker.table.put(new Uint8Array(20).fill(i), Uint8Array.of(10, 0, 0, i, 1, 1), {
    complete: false,
    nowSeconds: tracker.nowSeconds,
  });

describe('StateFile', () => {
  test('keeps peers from one tracker to the next, in a file that only its owner reads', async () => {
    using directory = tempDir('tracker');
    const clock = new VirtualClock();
    const first = trackerOf(clock);
    {
      await using _ = await StateFile.open(`${directory.path}/new`, first, clock);
      for (let i = 0; i < 200; i += 1) put(first, i);
    }
    expect(statSync(`${directory.path}/new/tracker-peers`).mode & 0o777).toBe(0o600);
    const second = trackerOf(clock);
    await using _ = await StateFile.open(`${directory.path}/new`, second, clock);
    expect(second.stats()).toMatchObject({ swarms: 200, peers: 200 });
  });

  test('saves every five minutes, so that a tracker that is killed loses what came since', async () => {
    using directory = tempDir('tracker');
    const clock = new VirtualClock();
    const first = trackerOf(clock);
    await using file = await StateFile.open(directory.path, first, clock);
    put(first, 1);
    await clock.run(5 * 60_000);
    await eventually('it is saved', async () => existsSync(`${directory.path}/tracker-peers`));
    // As kill -9 in the middle of the next one leaves it.
    const whole = readFileSync(`${directory.path}/tracker-peers`);
    writeFileSync(`${directory.path}/tracker-peers.new`, whole.subarray(0, 20));
    const second = trackerOf(clock);
    await using other = await StateFile.open(directory.path, second, clock);
    expect(second.stats().peers).toBe(1);
    await Promise.all([file.save(), other.save()]);
  });

  test('begins anew with a file that is none of its own', async () => {
    using directory = tempDir('tracker');
    writeFileSync(`${directory.path}/tracker-peers`, 'something else');
    const clock = new VirtualClock();
    const tracker = trackerOf(clock);
    await using _ = await StateFile.open(directory.path, tracker, clock);
    expect(tracker.stats().peers).toBe(0);
  });
});

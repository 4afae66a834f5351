import { describe, expect, test } from 'bun:test';
import { type Giving, GivingLimits, type GivingSettings } from '../../src/limits/giving.ts';
import { MonthCount } from '../../src/limits/month-count.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const SETTINGS: GivingSettings = {
  ...{ wanUploadLimit: 2000, downloadLimit: 0, monthlyUpload: 10_000, metered: 'auto', onBattery: 'pause' },
  ...{ businessHours: [], businessUploadLimit: 100, businessDownloadLimit: 300 },
};
const HOUR_MS = 3600_000;

/** A Monday at midnight, by the machine's own time. */
function scene(more: Partial<GivingSettings> = {}) {
  const dir = tempDir('giving');
  const clock = new VirtualClock(new Date(2026, 10, 23).getTime());
  const month = new MonthCount(dir.path, clock);
  const world = { onBattery: false, metered: undefined as boolean | undefined, asked: 0 };
  const heard: Giving[] = [];
  const limits = new GivingLimits({
    ...{ clock, month, settings: { ...SETTINGS, ...more } },
    isOnBattery: () => world.onBattery,
    isMetered: async () => {
      world.asked += 1;
      return world.metered;
    },
    changed: (giving) => heard.push(giving),
  });
  limits.start();
  const end = () => {
    limits[Symbol.dispose]();
    month[Symbol.dispose]();
    dir[Symbol.dispose]();
  };
  return { limits, clock, world, heard, [Symbol.dispose]: end };
}

describe('GivingLimits', () => {
  test('begins with what holds, and is quiet while nothing changes', async () => {
    using s = scene();
    await s.clock.run(HOUR_MS);
    expect(s.heard).toEqual([{ paused: [], isBusinessHours: false, uploadLimit: 2000, downloadLimit: 0 }]);
  });

  test('nothing more is given from the byte on that uses the month up, and again in the next one', async () => {
    using s = scene();
    s.limits.given(9_999);
    expect(s.limits.now.paused).toEqual([]);
    s.limits.given(1);
    expect(s.heard.at(-1)?.paused).toEqual(['monthly limit']);
    await s.clock.run(8 * 24 * HOUR_MS);
    expect(s.heard.at(-1)?.paused).toEqual([]);
  });

  test('a monthly limit of 0 is none', () => {
    using s = scene({ monthlyUpload: 0 });
    s.limits.given(1e12);
    expect(s.limits.now.paused).toEqual([]);
  });

  test('on battery nothing is given, unless the operator says so', async () => {
    using s = scene();
    s.world.onBattery = true;
    await s.clock.run(60_000);
    expect(s.heard.at(-1)?.paused).toEqual(['battery']);
    s.limits.settings = { ...SETTINGS, onBattery: 'share' };
    expect(s.heard.at(-1)?.paused).toEqual([]);
  });

  test('a connection that costs is noticed within two minutes, and its end', async () => {
    using s = scene();
    s.world.metered = false;
    await s.clock.run(11 * 60_000);
    s.world.metered = true;
    await s.clock.run(2 * 60_000);
    expect(s.heard.at(-1)?.paused).toEqual(['metered connection']);
    s.world.metered = false;
    await s.clock.run(2 * 60_000);
    expect(s.heard.at(-1)?.paused).toEqual([]);
  });

  test('where nobody knows it is asked every ten minutes only; where the operator does, never', async () => {
    using s = scene();
    await s.clock.run(HOUR_MS);
    expect(s.world.asked).toBeWithin(6, 8);
    using told = scene({ metered: 'yes' });
    await told.clock.run(HOUR_MS);
    expect([told.world.asked, told.limits.now.paused]).toEqual([0, ['metered connection']]);
  });

  test('in business hours the lesser rates hold, at the minute', async () => {
    using s = scene({ businessHours: ['Mon-Fri 08:00-18:00', 'Sat 09:00-12:00'] });
    await s.clock.run(9 * HOUR_MS);
    expect(s.heard.at(-1)).toEqual({
      paused: [],
      isBusinessHours: true,
      uploadLimit: 100,
      downloadLimit: 300,
    });
    await s.clock.run(10 * HOUR_MS);
    expect(s.heard.at(-1)).toMatchObject({ isBusinessHours: false, uploadLimit: 2000, downloadLimit: 0 });
    expect(s.heard).toHaveLength(3);
  });

  test('leaves no timer behind', () => {
    const s = scene();
    s[Symbol.dispose]();
    expect(s.clock.pending).toBe(0);
  });
});

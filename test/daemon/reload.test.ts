import { describe, expect, test } from 'bun:test';
import { readSettings, type Written } from '../../src/config/read-settings.ts';
import { LIVE_SETTINGS, type LiveSetting } from '../../src/config/settings.ts';
import { type Appliers, LiveSettings } from '../../src/daemon/reload.ts';

/** Notes what is taken over; of `refused` nothing is. */
function watched(refused: readonly LiveSetting[] = []): { live: LiveSettings; applied: LiveSetting[] } {
  const applied: LiveSetting[] = [];
  const entries = LIVE_SETTINGS.map((name) => [
    name,
    () => {
      if (refused.includes(name)) return false;
      applied.push(name);
    },
  ]);
  return { live: new LiveSettings(readSettings({}), Object.fromEntries(entries) as Appliers), applied };
}

const settingsOf = (written: Written) => readSettings({}, written);

describe('LiveSettings', () => {
  test('reload() with the same settings touches nothing', () => {
    const { live, applied } = watched();
    expect(live.reload(settingsOf({}))).toEqual({ changed: [], waiting: [] });
    expect(applied).toEqual([]);
  });

  test('reload() takes over what can be, and names what takes a restart, each time until then', () => {
    const { live, applied } = watched();
    const other = settingsOf({ logLevel: 'debug', downloadLimit: '1 MiB/s', cacheDir: '/srv/other' });
    expect(live.reload(other)).toEqual({ changed: ['downloadLimit', 'logLevel'], waiting: ['cacheDir'] });
    expect(applied).toEqual(['downloadLimit', 'logLevel']);
    expect(live.inForce).toMatchObject({ logLevel: 'debug', cacheDir: settingsOf({}).cacheDir });
    expect(live.reload(other)).toEqual({ changed: [], waiting: ['cacheDir'] });
  });

  test('reload() counts a change that its room does not take as waiting', () => {
    const { live } = watched(['uploadLimit']);
    const reloaded = live.reload(settingsOf({ uploadLimit: '1 MiB/s' }));
    expect(reloaded).toEqual({ changed: [], waiting: ['uploadLimit'] });
    expect(live.inForce.uploadLimit).toBeUndefined();
  });
});

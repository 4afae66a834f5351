import { describe, expect, test } from 'bun:test';
import { readEnvironment } from '../../src/config/read-environment.ts';
import { readSettings, variableOf } from '../../src/config/read-settings.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { ConfigError } from '../../src/lib/errors.ts';

const settingsOf = (env: Record<string, string>) => readSettings({}, {}, readEnvironment(env));

describe('readEnvironment()', () => {
  test('knows every setting by its variable', () => {
    for (const name of SETTING_NAMES)
      expect(Object.keys(readEnvironment({ [variableOf(name)]: 'x' }))).toEqual([name]);
  });

  test('reads values, lists and switches', () => {
    const settings = settingsOf({
      DEBTORRENT_CACHE_LIMIT: '5 GiB',
      DEBTORRENT_PEER: 'a:1, b:2',
      DEBTORRENT_LAN: 'false',
      DEBTORRENT_DHT: 'off',
      DEBTORRENT_WITH_TRACKER: 'yes',
      DEBTORRENT_SHARE: 'Docker CE,Example',
    });
    expect(settings).toMatchObject({
      ...{ cacheLimit: { bytes: 5 * 2 ** 30 }, lan: false, dht: false },
      peers: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      withTracker: { host: '0.0.0.0', port: 6969 },
      share: ['Docker CE', 'Example'],
    });
  });

  test('an empty variable is as good as none', () => {
    expect(readEnvironment({ DEBTORRENT_CACHE_DIR: '' })).toEqual({});
  });

  test('a value without sense is refused by the name of its variable', () => {
    expect(() => settingsOf({ DEBTORRENT_CACHE_LIMIT: 'much' })).toThrow(ConfigError);
    expect(() => settingsOf({ DEBTORRENT_CACHE_LIMIT: 'much' })).toThrow(
      'DEBTORRENT_CACHE_LIMIT is "much", which has no sense: give a size such as "10 GiB", or a share such as "20%"',
    );
    expect(() => settingsOf({ DEBTORRENT_LAN: 'perhaps' })).toThrow('DEBTORRENT_LAN is true or false');
  });

  test('a slip is refused with the variable that was meant', () => {
    expect(() => readEnvironment({ DEBTORRENT_CACHEDIR: '/x' })).toThrow(
      'the environment has DEBTORRENT_CACHEDIR; did you mean DEBTORRENT_CACHE_DIR?',
    );
    expect(() => readEnvironment({ DEBTORRENT_UPLOAD_LIMITS: '1' })).toThrow('DEBTORRENT_UPLOAD_LIMIT?');
  });

  test('what is like none of them is left to whom it belongs', () => {
    expect(readEnvironment({ DEBTORRENT_DEV: '1', DEBTORRENT_TEST_ROOT: '/x', HOME: '/root' })).toEqual({});
  });
});

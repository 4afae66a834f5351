import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyOf, readConfigFile, readSettings, type Written } from '../../src/config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';
import { ConfigError, UsageError } from '../../src/lib/errors.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

function fromFile(toml: string): Written {
  using dir = tempDir('config');
  const path = join(dir.path, 'debtorrent.toml');
  writeFileSync(path, toml);
  return readConfigFile(path);
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'nothing was thrown';
}

describe('readSettings()', () => {
  test('without anything gives the defaults of the table', () => {
    const settings = readSettings({});
    for (const name of SETTING_NAMES) expect(settings[name]).toEqual(SETTINGS[name].initial as never);
  });

  test('a flag wins over the file, the file over the default', () => {
    const file = fromFile(
      'listen = "127.0.0.1:1"\ncache_limit = "1 GiB"\nlan = false\npeer = ["a:1", "b:2"]',
    );
    const settings = readSettings({ listen: '127.0.0.1:2', peers: ['c:3'] }, file);
    expect(settings.listen).toEqual({ host: '127.0.0.1', port: 2 });
    expect(settings.peers).toEqual([{ host: 'c', port: 3 }]);
    expect(settings.cacheLimit).toEqual({ bytes: 2 ** 30 });
    expect(settings.lan).toBe(false);
    expect(settings.dht).toBe(true);
  });

  test('the environment wins over the file, a flag over both', () => {
    const file = { logLevel: 'debug', privacy: 'lan', lan: false };
    const environment = { logLevel: 'warn', privacy: 'open' };
    const settings = readSettings({ logLevel: 'error' }, file, environment);
    expect(settings).toMatchObject({ logLevel: 'error', privacy: 'open', lan: false });
  });

  test('a switch given as a flag wins over the file both ways', () => {
    expect(readSettings({ lan: true }, { lan: false }).lan).toBe(true);
    expect(readSettings({ lan: false }, { lan: true }).lan).toBe(false);
  });

  test('--with-tracker without a value means the default address', () => {
    expect(readSettings({ withTracker: true }).withTracker).toEqual({ host: '0.0.0.0', port: 6969 });
    expect(readSettings({ withTracker: '127.0.0.1:7' }).withTracker).toEqual({ host: '127.0.0.1', port: 7 });
    expect(readSettings({}, { withTracker: false }).withTracker).toBeUndefined();
  });

  test('an upload limit of 0 is not the same as none given', () => {
    expect(readSettings({ uploadLimit: '0' }).uploadLimit).toBe(0);
    expect(readSettings({}).uploadLimit).toBeUndefined();
  });

  test.each<[Written, string]>([
    [{ listen: 'a:b:c' }, '--listen "a:b:c"'],
    [{ peerListen: ':70000' }, '--peer-listen ":70000"'],
    [{ cacheLimit: 'much' }, '--cache-limit "much"'],
    [{ cacheLimit: '0' }, '--cache-limit "0"'],
    [{ peers: ['a:1', 'b:x'] }, '--peer "b:x"'],
    [{ trackers: ['udp://tracker.example.org'] }, '--tracker "udp://tracker.example.org"'],
    [{ trackers: ['ftp://tracker.example.org:6969'] }, '--tracker "ftp://tracker.example.org:6969"'],
    [{ uploadLimit: '-1' }, '--upload-limit "-1"'],
    [{ logLevel: 'loud' }, '--log-level "loud"'],
    [{ cacheDir: '' }, '--cache-dir ""'],
  ])('refuses %p, and says which and what would have sense', (written, names) => {
    const message = messageOf(() => readSettings(written));
    expect(message).toStartWith('UsageError: ');
    expect(message).toContain(names);
    expect(message).toMatch(/: give \S/);
  });

  test('a wrong value in the file is a ConfigError that names the key as the file has it', () => {
    const message = messageOf(() => readSettings({}, { cacheLimit: 'much' }));
    expect(message).toBe(
      'ConfigError: "cache_limit" is "much", which has no sense: give a size such as "10 GiB", or a share such as "20%"',
    );
  });

  test.each<[Written, string]>([
    [{ cacheDir: true }, 'cache_dir'],
    [{ peers: false }, 'peer'],
    [{ lan: 'no' }, 'lan'],
    [{ listen: ['a:1', 'b:2'] }, 'listen'],
  ])('a value of another kind in the file (%p) is refused by name', (file, key) => {
    expect(() => readSettings({}, file)).toThrow(ConfigError);
    expect(messageOf(() => readSettings({}, file))).toContain(`"${key}"`);
  });

  test('a wrong flag is refused although the file is right', () => {
    expect(() => readSettings({ logLevel: 'x' }, { logLevel: 'info' })).toThrow(UsageError);
  });
});

describe('readConfigFile()', () => {
  test('knows every setting by its key', () => {
    for (const name of SETTING_NAMES) {
      expect(Object.keys(fromFile(`${keyOf(name)} = "x"`))).toEqual([name]);
    }
  });

  test('an unknown key is refused with the nearest known one', () => {
    expect(messageOf(() => fromFile('cache-dir = "/x"'))).toContain(
      'unknown setting "cache-dir"; did you mean "cache_dir"?',
    );
    expect(messageOf(() => fromFile('trakers = []'))).toContain('did you mean "tracker"?');
    expect(messageOf(() => fromFile('no_lan = true'))).toContain('did you mean "lan"?');
  });

  test('an unknown key that is like none is refused without a guess', () => {
    const message = messageOf(() => fromFile('frobnicate = 1'));
    expect(message).toContain('unknown setting "frobnicate"');
    expect(message).not.toContain('did you mean');
  });

  test.each(['[cache_dir]\nx = 1', 'peer = [1, 2]', 'peer = [["a"]]'])('refuses %p by its key', (toml) => {
    expect(messageOf(() => fromFile(toml))).toMatch(/^ConfigError: .*"(cache_dir|peer)" must be/);
  });

  test('what is no TOML is refused with the name of the file', () => {
    expect(messageOf(() => fromFile('listen = '))).toMatch(
      /^ConfigError: could not read .*debtorrent\.toml: /,
    );
  });

  test('a file that is not there is refused with its name', () => {
    expect(() => readConfigFile('/nowhere/debtorrent.toml')).toThrow(
      'could not read /nowhere/debtorrent.toml',
    );
  });
});

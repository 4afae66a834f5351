import { describe, expect, test } from 'bun:test';
import { keyOf } from '../../src/config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';

describe('SETTINGS', () => {
  test('no two settings share a flag or a key', () => {
    expect(new Set(SETTING_NAMES.map((name) => SETTINGS[name].flag)).size).toBe(SETTING_NAMES.length);
    expect(new Set(SETTING_NAMES.map(keyOf)).size).toBe(SETTING_NAMES.length);
  });

  test('the flags that scripts may rely on are there', () => {
    const flags = SETTING_NAMES.map((name) => SETTINGS[name].flag);
    const promised =
      'listen peer-listen cache-dir state-dir peer tracker torrent no-lan no-dht no-port-mapping share allow-upstream upload-limit download-limit with-tracker log-level';
    for (const flag of promised.split(' ')) expect(flags).toContain(flag);
  });

  test('every setting says in a sentence what it is for, and what it expects', () => {
    for (const name of SETTING_NAMES) {
      const { description, expects, kind } = SETTINGS[name];
      expect(description).toMatch(/^[A-Z].{10,}[^.]$/);
      if (kind !== 'off-switch') expect(expects).not.toBe('');
    }
  });

  test('there are no more than an operator can look through', () => {
    expect(SETTING_NAMES.length).toBeLessThanOrEqual(35);
  });

  test('APT is served on loopback unless told otherwise', () => {
    expect(SETTINGS.listen.initial).toEqual({ host: '127.0.0.1', port: 9988 });
  });
});

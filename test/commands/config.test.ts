import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/commands/config.ts';
import { keyOf, readConfigFile, readSettings } from '../../src/config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** What `debtorrent config` prints. */
async function print(...rawArgs: string[]): Promise<string> {
  const { write } = process.stdout;
  let printed = '';
  process.stdout.write = (text: string | Uint8Array) => {
    printed += String(text);
    return true;
  };
  try {
    expect(await run({ rawArgs })).toBe(0);
  } finally {
    process.stdout.write = write;
  }
  return printed;
}

describe('debtorrent config', () => {
  test('prints every setting, with a sentence', async () => {
    const printed = await print();
    for (const name of SETTING_NAMES) expect(printed).toMatch(new RegExp(`^# .+\\n#?${keyOf(name)} =`, 'm'));
  });

  test('says of a switch what true means, not what its flag does', async () => {
    const printed = await print();
    for (const name of SETTING_NAMES) {
      if (SETTINGS[name].kind !== 'off-switch') continue;
      const [, comment] = new RegExp(`^# (.+)\\n${keyOf(name)} = true$`, 'm').exec(printed) ?? [];
      expect(comment).toMatch(/^(?:Look for|Ask) /);
    }
  });

  test('what it prints, read back, gives the same settings', async () => {
    using dir = tempDir('config');
    const file = join(dir.path, 'a.toml');
    writeFileSync(
      file,
      [
        'listen = "[::1]:7"',
        'cache_dir = "/tmp/with \\"quotes\\" and \\\\"',
        'cache_limit = "7 GiB"',
        'peer = ["lab:1", "[2001:db8::1]:2"]',
        'lan = false',
        'with_tracker = true',
        'upload_limit = 0',
        'log_level = "debug"',
      ].join('\n'),
    );
    const again = join(dir.path, 'b.toml');
    writeFileSync(again, await print('--config', file));
    expect(readSettings({}, readConfigFile(again))).toEqual(readSettings({}, readConfigFile(file)));
    expect(readFileSync(again, 'utf8')).toContain('lan = false');
  });

  test('the defaults, read back, are the defaults', async () => {
    using dir = tempDir('config');
    const file = join(dir.path, 'a.toml');
    writeFileSync(file, await print());
    expect(readSettings({}, readConfigFile(file))).toEqual(readSettings({}));
  });
});

import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/commands/config.ts';
import { readConfiguration } from '../../src/commands/configuration.ts';
import { keyOf, readConfigFile, readSettings } from '../../src/config/read-settings.ts';
import { SETTING_NAMES, SETTINGS } from '../../src/config/settings.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** Neither this machine's file nor its environment. */
const HERE = { usualFile: undefined, env: { DEBTORRENT_LOG_LEVEL: 'warn' } };

/** What `debtorrent config` prints. */
async function print(...rawArgs: string[]): Promise<string> {
  const { write } = process.stdout;
  let printed = '';
  process.stdout.write = (text: string | Uint8Array) => {
    printed += String(text);
    return true;
  };
  try {
    expect(await run({ args: { json: rawArgs.includes('--json') }, rawArgs }, HERE)).toBe(0);
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
      const [, comment] = new RegExp(`^# (.+)\\n${keyOf(name)} = true  # default$`, 'm').exec(printed) ?? [];
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
    const fromEnvironment = { logLevel: 'warn' };
    expect(readSettings({}, readConfigFile(again))).toEqual(
      readSettings({}, readConfigFile(file), fromEnvironment),
    );
    expect(readFileSync(again, 'utf8')).toContain('lan = false');
  });

  test('the defaults, read back, are the defaults', async () => {
    using dir = tempDir('config');
    const file = join(dir.path, 'a.toml');
    writeFileSync(file, await print());
    expect(readSettings({}, readConfigFile(file))).toEqual(readSettings({ logLevel: 'warn' }));
  });

  test('says of each value where it came from', async () => {
    using dir = tempDir('config');
    const file = join(dir.path, 'a.toml');
    writeFileSync(file, 'log_level = "debug"\nprivacy = "lan"\n');
    const printed = await print('--config', file, '--upload-limit', '1 MiB/s', '--no-dht');
    expect(printed).toStartWith(`# Read: ${file}\n`);
    expect(printed).toContain('\nlog_level = "warn"  # DEBTORRENT_LOG_LEVEL\n');
    expect(printed).toContain('\nprivacy = "lan"  # the file\n');
    expect(printed).toContain('\nupload_limit = 1048576  # --upload-limit\n');
    expect(printed).toContain('\ndht = false  # --no-dht\n');
    expect(printed).toContain('\nlan = true  # default\n');
  });

  test('--json has the same for programs', async () => {
    const { file, settings } = JSON.parse(await print('--json', '--peer', '[2001:db8::1]:7'));
    expect(file).toBeNull();
    expect(Object.keys(settings)).toEqual(SETTING_NAMES.map(keyOf));
    expect(settings.peer).toEqual({ value: ['[2001:db8::1]:7'], from: 'flag', needsRestart: false });
    expect(settings.log_level).toEqual({ value: 'warn', from: 'environment', needsRestart: false });
    expect(settings.upload_limit).toEqual({ value: null, from: 'default', needsRestart: false });
    expect(settings.cache_dir.needsRestart).toBe(true);
  });

  test('a file that the environment names is read; --config wins over it', () => {
    using dir = tempDir('config');
    const [named, other] = [join(dir.path, 'a.toml'), join(dir.path, 'b.toml')];
    writeFileSync(named, 'privacy = "lan"\n');
    writeFileSync(other, 'privacy = "open"\n');
    const env = { DEBTORRENT_CONFIG: named };
    expect(readConfiguration([], { env }).settings.privacy).toBe('lan');
    expect(readConfiguration(['--config', other], { env }).settings.privacy).toBe('open');
  });
});

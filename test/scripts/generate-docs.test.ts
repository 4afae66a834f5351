import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationDoc, metricsDoc } from '../../scripts/generate-docs.ts';
import { readSettings } from '../../src/config/read-settings.ts';

const root = join(import.meta.dir, '../..');

test('docs/configuration.md is what scripts/generate-docs.ts writes', () => {
  expect(readFileSync(join(root, 'docs/configuration.md'), 'utf8')).toBe(configurationDoc());
});

test('docs/metrics.md is what scripts/generate-docs.ts writes', () => {
  expect(readFileSync(join(root, 'docs/metrics.md'), 'utf8')).toBe(metricsDoc());
});

test('configurationDoc() names the folders that an ordinary user gets', () => {
  const home = '/home/someone';
  const ran = Bun.spawnSync([process.execPath, join(root, 'src/main.ts'), 'config'], { env: { HOME: home } });
  const defaults = Bun.TOML.parse(ran.stdout.toString()) as Record<string, unknown>;
  for (const key of ['cache_dir', 'state_dir']) {
    const folder = String(defaults[key]);
    expect(folder).toStartWith(`${home}/`);
    expect(configurationDoc()).toContain(`| \`${key}\` | \`${folder.replace(home, '~')}\` |`);
  }
});

test('configurationDoc() has an example that the program takes', () => {
  const example = /```toml\n([\s\S]*?)```/.exec(configurationDoc())?.[1] ?? '';
  const table = Bun.TOML.parse(example) as Record<string, string | string[]>;
  const settings = readSettings(
    {},
    {
      cacheDir: table.cache_dir as string,
      cacheLimit: table.cache_limit as string,
      peers: table.peer as string[],
      trackers: table.tracker as string[],
      uploadLimit: table.upload_limit as string,
    },
  );
  expect(Object.keys(table)).toHaveLength(5);
  expect(settings.cacheLimit).toEqual({ bytes: 50 * 2 ** 30 });
  expect(settings.peers).toHaveLength(2);
});

import { describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOnBattery } from '../../src/limits/battery.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** Power supplies as the kernel shows them. */
function judge(supplies: Record<string, Record<string, string>>): boolean {
  using dir = tempDir('power');
  for (const [name, files] of Object.entries(supplies)) {
    mkdirSync(join(dir.path, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir.path, name, file), `${text}\n`);
  }
  return isOnBattery(dir.path);
}

const BATTERY = { type: 'Battery', status: 'Discharging' };

describe('isOnBattery()', () => {
  test('a machine without power supplies, or without a battery, is not', () => {
    expect(isOnBattery('/nowhere')).toBe(false);
    expect(judge({})).toBe(false);
    expect(judge({ AC: { type: 'Mains', online: '0' } })).toBe(false);
  });

  test('a laptop is when it is unplugged', () => {
    expect(judge({ AC: { type: 'Mains', online: '0' }, BAT0: BATTERY })).toBe(true);
    expect(judge({ AC: { type: 'Mains', online: '1' }, BAT0: BATTERY })).toBe(false);
    expect(judge({ BAT0: { ...BATTERY, status: 'Charging' } })).toBe(false);
    expect(judge({ UCSI: { type: 'USB', online: '1' }, BAT0: BATTERY })).toBe(false);
  });

  test('the battery of a mouse does not count', () => {
    expect(judge({ mouse: { ...BATTERY, scope: 'Device' } })).toBe(false);
  });
});

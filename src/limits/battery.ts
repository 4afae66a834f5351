/**
 * Whether this machine runs on its battery, by what the kernel says of its power supplies. A machine without one, and one
 * whose state can't be read, doesn't. The batteries of mice and keyboards (scope "Device") don't count.
 * Source: Documentation/ABI/testing/sysfs-class-power of Linux; upower asks the same.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SUPPLIES_MAX = 64;

export function isOnBattery(directory = '/sys/class/power_supply'): boolean {
  let names: string[];
  try {
    names = readdirSync(directory).slice(0, SUPPLIES_MAX);
  } catch {
    return false;
  }
  let discharges = false;
  for (const name of names) {
    const of = (what: string) => read(join(directory, name, what));
    if (of('scope') === 'Device') continue;
    if (of('type') === 'Battery') discharges ||= of('status') === 'Discharging';
    else if (of('online') === '1') return false;
  }
  return discharges;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

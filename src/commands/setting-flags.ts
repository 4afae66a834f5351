/** Settings as flags of a command: what citty has to know of them, and what was written. */
import type { ArgsDef } from 'citty';
import type { Written } from '../config/read-settings.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../config/settings.ts';
import { repeatedFlag } from './repeated-flag.ts';

/** For commands that take these settings. */
export function settingArgs(names: readonly SettingName[]): ArgsDef {
  return Object.fromEntries(
    names.map((name) => {
      const { flag, kind, valueHint, description } = SETTINGS[name];
      // citty's way of saying --no-lan.
      if (kind === 'off-switch') {
        return [
          flag.slice('no-'.length),
          { type: 'boolean', default: true, negativeDescription: description },
        ];
      }
      return [flag, { type: 'string', valueHint, description }];
    }),
  );
}

/** Flags as they were written. citty keeps only the last of several and can't have a value left out. */
export function writtenFlags(rawArgs: readonly string[]): Written {
  const written: Written = {};
  for (const name of SETTING_NAMES) {
    const { flag, kind } = SETTINGS[name];
    if (kind === 'off-switch') {
      // The last one counts; --lan takes back what the file says.
      const off = rawArgs.lastIndexOf(`--${flag}`);
      const on = rawArgs.lastIndexOf(`--${flag.slice('no-'.length)}`);
      if (off !== on) written[name] = on > off;
      continue;
    }
    if (kind === 'optional-value') {
      const at = rawArgs.indexOf(`--${flag}`);
      const bare = at >= 0 && (rawArgs[at + 1] === undefined || rawArgs[at + 1]?.startsWith('-'));
      if (bare) written[name] = true;
      else if (repeatedFlag(rawArgs, flag).length > 0)
        written[name] = repeatedFlag(rawArgs, flag).at(-1) as string;
      continue;
    }
    const values = repeatedFlag(rawArgs, flag);
    if (values.length > 0) written[name] = kind === 'list' ? values : (values.at(-1) as string);
  }
  return written;
}

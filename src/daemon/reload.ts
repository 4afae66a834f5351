/**
 * Which settings are in force in a daemon that runs, and what becomes of others that are given to it: what can be taken
 * over is, by the one who knows how (`Appliers`, handed over by daemon.ts), and the rest is named, for it takes a
 * restart. Checks nothing: what comes here was read and found right.
 */
import {
  isLive,
  type LiveSetting,
  SETTING_NAMES,
  type SettingName,
  type Settings,
} from '../config/settings.ts';

/** Takes the setting over; false when this change of it takes a restart, too. */
export type Appliers = {
  readonly [N in LiveSetting]: (settings: Settings, before: Settings) => unknown;
};

export interface Reloaded {
  /** In force now. */
  readonly changed: readonly SettingName[];
  /** Other than what is in force, until a restart. */
  readonly waiting: readonly SettingName[];
}

export class LiveSettings {
  readonly #appliers: Appliers;
  #inForce: Settings;

  constructor(settings: Settings, appliers: Appliers) {
    this.#inForce = settings;
    this.#appliers = appliers;
  }

  get inForce(): Settings {
    return this.#inForce;
  }

  reload(settings: Settings): Reloaded {
    const before = this.#inForce;
    const changed: SettingName[] = [];
    const waiting: SettingName[] = [];
    for (const name of SETTING_NAMES) {
      if (JSON.stringify(settings[name]) === JSON.stringify(before[name])) continue;
      const isTaken = isLive(name) && this.#appliers[name](settings, before) !== false;
      (isTaken ? changed : waiting).push(name);
    }
    const taken = changed.map((name) => [name, settings[name]]);
    this.#inForce = { ...before, ...Object.fromEntries(taken) };
    return { changed, waiting };
  }
}

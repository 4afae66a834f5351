/**
 * How much is given beyond the local network, and fetched: nothing given while the month's part is used up, while the
 * network costs by volume, or while the machine runs on its battery; less in business hours. It looks every half a
 * minute and says when something is other than before; what is to be done then is others' business.
 */
import type { Clock } from '../lib/clock.ts';
import { isWithin, parseWeeklyHours } from '../lib/weekly-hours.ts';
import type { MonthCount } from './month-count.ts';

/** Rates in bytes a second, 0 = no limit; sizes in bytes. */
export interface GivingSettings {
  readonly wanUploadLimit: number;
  readonly downloadLimit: number;
  /** 0 = no limit. */
  readonly monthlyUpload: number;
  readonly metered: 'auto' | 'yes' | 'no';
  readonly onBattery: 'pause' | 'share';
  /** As parseWeeklyHours() takes them. */
  readonly businessHours: readonly string[];
  readonly businessUploadLimit: number;
  readonly businessDownloadLimit: number;
}

export type PauseReason = 'monthly limit' | 'metered connection' | 'battery';

export interface Giving {
  /** Why nothing is given beyond the local network; empty = it is. */
  readonly paused: readonly PauseReason[];
  readonly isBusinessHours: boolean;
  /** Bytes a second, 0 = no limit. */
  readonly uploadLimit: number;
  readonly downloadLimit: number;
}

export interface GivingLimitsOptions {
  readonly clock: Clock;
  readonly settings: GivingSettings;
  readonly month: MonthCount;
  readonly isOnBattery: () => boolean;
  readonly isMetered: () => Promise<boolean | undefined>;
  readonly changed: (giving: Giving) => void;
}

const LOOK_EVERY_MS = 30_000;
/** A child process each time. */
const ASK_EVERY_MS = 60_000;
/** While nobody knows. */
const ASK_RARELY_MS = 600_000;

export class GivingLimits implements Disposable {
  readonly #options: GivingLimitsOptions;
  #settings: GivingSettings;
  #isMetered = false;
  #askAtMs = 0;
  #now: Giving;
  #cancel: (() => void) | undefined;
  #isOver = false;

  constructor(options: GivingLimitsOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#now = this.#judge();
  }

  /** Says how it is, and from now on when that changes. */
  start(): void {
    this.#options.changed(this.#now);
    this.#tick();
  }

  get now(): Giving {
    return this.#now;
  }

  get settings(): GivingSettings {
    return this.#settings;
  }

  set settings(settings: GivingSettings) {
    this.#settings = settings;
    this.#askAtMs = 0;
    this.#look();
  }

  /** So many bytes went beyond the local network. */
  given(bytes: number): void {
    const { month } = this.#options;
    const wasUsedUp = this.#isUsedUp();
    month.add(bytes);
    if (!wasUsedUp && this.#isUsedUp()) this.#look();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#cancel?.();
  }

  #tick(): void {
    const { clock } = this.#options;
    this.#look();
    if (this.#settings.metered === 'auto' && clock.nowMs() >= this.#askAtMs) this.#ask();
    this.#cancel = clock.after(LOOK_EVERY_MS, () => this.#tick());
  }

  #ask(): void {
    const { clock, isMetered } = this.#options;
    this.#askAtMs = clock.nowMs() + ASK_RARELY_MS;
    void isMetered().then((answer) => {
      if (this.#isOver) return;
      this.#isMetered = answer === true;
      if (answer !== undefined) this.#askAtMs = clock.nowMs() + ASK_EVERY_MS;
      this.#look();
    });
  }

  #look(): void {
    const now = this.#judge();
    if (JSON.stringify(now) === JSON.stringify(this.#now)) return;
    this.#now = now;
    if (!this.#isOver) this.#options.changed(now);
  }

  #judge(): Giving {
    const { clock, isOnBattery } = this.#options;
    const { metered, onBattery, businessHours, ...limits } = this.#settings;
    const paused: PauseReason[] = [];
    if (this.#isUsedUp()) paused.push('monthly limit');
    if (metered === 'yes' || (metered === 'auto' && this.#isMetered)) paused.push('metered connection');
    if (onBattery === 'pause' && isOnBattery()) paused.push('battery');
    const isBusinessHours = businessHours.some((text) => {
      const hours = parseWeeklyHours(text);
      return hours !== undefined && isWithin(hours, clock.wallMs());
    });
    const rate = (usual: number, business: number) => (isBusinessHours ? lesser(usual, business) : usual);
    return {
      paused,
      isBusinessHours,
      uploadLimit: rate(limits.wanUploadLimit, limits.businessUploadLimit),
      downloadLimit: rate(limits.downloadLimit, limits.businessDownloadLimit),
    };
  }

  #isUsedUp(): boolean {
    const { monthlyUpload } = this.#settings;
    return monthlyUpload > 0 && this.#options.month.bytes >= monthlyUpload;
  }
}

/** Of two limits, of which 0 is none. */
function lesser(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}

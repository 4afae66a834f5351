/**
 * Keeps a daemon alive that may crash or hang: starts it, listens to its signs of life, kills it when it is silent,
 * starts it anew. It holds no socket and starts no process itself (supervise.ts). What ends before it was ever ready, or
 * ends by itself with 0, is not started again: its exit code is ours.
 *
 * Silence is counted in ticks of our own, so that a machine that slept, or a process group that was stopped, costs
 * nobody his life. apt gives up after 30 s of silence: a hang must be over well before.
 */
import type { Clock } from '../lib/clock.ts';
import { log } from '../lib/log.ts';

export type SignOfLife = 'alive' | 'ready';

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Kept {
  readonly ended: Promise<Ended>;
  /** Asks it to end in good order, in the name of the signal that we got. */
  stop(signal: NodeJS.Signals): void;
  /** Asks it to read its settings again. */
  reload(): void;
  kill(): void;
}

export interface KeeperOptions {
  readonly clock: Clock;
  /** Starts one; `heard` is to be called for each of its signs of life. */
  readonly start: (heard: (sign: SignOfLife) => void) => Kept;
}

/** How often a daemon says that it is alive. */
export const SIGN_EVERY_MS = 3000;
const TICK_MS = 1000;
export const SILENT_MAX_TICKS = 15;
/** While it starts it may have much to read. */
const STARTING_MAX_TICKS = 90;
/** Before it is started again, when it has died soon after it was ready: the more often, the longer. */
const DELAYS_MS = [0, 250, 500, 1000, 2000, 5000] as const;
const SOON_MS = 10_000;
/** Starts in a row that came to nothing, after which we give up: a closed door is better than one nobody opens. */
const FAILED_STARTS_MAX = 5;

interface Life extends Ended {
  readonly wasReady: boolean;
  readonly wasSilent: boolean;
}

export class Keeper {
  readonly #options: KeeperOptions;
  #kept: Kept | undefined;
  #stopping = false;
  #wake: (() => void) | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Resolves with the exit code when there is nothing to keep any more. */
  async run(): Promise<number> {
    const { clock } = this.#options;
    let wasEverReady = false;
    let failedStarts = 0;
    let soonDead = 0;
    for (;;) {
      const bornMs = clock.nowMs();
      const life = await this.#live();
      if (this.#stopping || life.code === 0) return exitCode(life);
      wasEverReady ||= life.wasReady;
      if (!wasEverReady) return exitCode(life);
      failedStarts = life.wasReady ? 0 : failedStarts + 1;
      if (failedStarts >= FAILED_STARTS_MAX) {
        log.error(`the daemon could not be started again, ${FAILED_STARTS_MAX} times`);
        return exitCode(life);
      }
      soonDead = clock.nowMs() - bornMs < SOON_MS ? soonDead + 1 : 0;
      log.warn(`the daemon ${story(life)}: starting it again`);
      await this.#wait(DELAYS_MS[Math.min(soonDead, DELAYS_MS.length) - 1] ?? 0);
      if (this.#stopping) return 0;
    }
  }

  /** Each call is passed on: who asks twice doesn't want to wait. */
  stop(signal: NodeJS.Signals): void {
    this.#stopping = true;
    this.#wake?.();
    this.#kept?.stop(signal);
  }

  /** Passed on to the one that lives; one that is to be born reads them anyway. */
  reload(): void {
    this.#kept?.reload();
  }

  async #live(): Promise<Life> {
    let wasReady = false;
    let wasSilent = false;
    let silentTicks = 0;
    const kept = this.#options.start((sign) => {
      wasReady ||= sign === 'ready';
      silentTicks = 0;
    });
    this.#kept = kept;
    let cancel = () => {};
    const tick = () => {
      silentTicks += 1;
      if (silentTicks >= (wasReady ? SILENT_MAX_TICKS : STARTING_MAX_TICKS)) {
        wasSilent = true;
        kept.kill();
        return;
      }
      cancel = this.#options.clock.after(TICK_MS, tick);
    };
    cancel = this.#options.clock.after(TICK_MS, tick);
    const ended = await kept.ended;
    cancel();
    this.#kept = undefined;
    return { ...ended, wasReady, wasSilent };
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function story({ code, signal, wasSilent }: Life): string {
  if (wasSilent) return `was silent for ${SILENT_MAX_TICKS} s and was killed`;
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}

/** As a shell tells it: 128 and the number of the signal. */
function exitCode({ code, signal }: Ended): number {
  if (code !== null) return code;
  const numbers: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
  return 128 + (numbers[signal ?? 'SIGTERM'] ?? 6);
}

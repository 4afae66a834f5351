/**
 * In which order apt hears of files. It shows one at a time: the one announced last (200), by its growth, and forgets
 * it when any file ends. So a file is announced when it ends, unless it takes a while and nothing else happens: then it
 * is announced as it grows, and what ends meanwhile is held back for a moment. Pure; time is told.
 */
export interface Act {
  /** Bytes of it are coming in, so there is something to show. */
  readonly isGrowing: boolean;
}

export type Cue<A extends Act> = { readonly kind: 'start' | 'end'; readonly act: A };

/** Nothing has ended for this long: one that grows may be shown. */
const QUIET_MS = 500;
/** The same one again: apt prints another line for it. */
const ENCORE_MS = 3_000;
const HOLD_MS = 1_000;
/** apt waits for answers before it asks for more. */
const MAX_HELD = 8;

export class Stage<A extends Act> {
  /** Under way, in order of their coming. */
  readonly #playing = new Set<A>();
  readonly #held: A[] = [];
  readonly #shown = new Set<A>();
  #current: A | undefined;
  #heldSinceMs = 0;
  #lastMs: number;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  add(act: A): void {
    this.#playing.add(act);
  }

  get isEmpty(): boolean {
    return this.#playing.size === 0 && this.#held.length === 0;
  }

  /** It has ended: what is said now. */
  end(act: A, nowMs: number): Cue<A>[] {
    this.#playing.delete(act);
    this.#lastMs = nowMs;
    if (this.#current === act) {
      this.#current = undefined;
      this.#shown.delete(act);
      return [{ kind: 'end', act }, ...this.#release()];
    }
    if (this.#held.length === 0) this.#heldSinceMs = nowMs;
    this.#held.push(act);
    if (this.#current && this.#held.length < MAX_HELD && this.#current.isGrowing) return [];
    return this.#release();
  }

  /** Some time has gone by: what is said now. */
  tick(nowMs: number): Cue<A>[] {
    if (this.#held.length > 0) {
      if (nowMs - this.#heldSinceMs < HOLD_MS) return [];
      this.#lastMs = nowMs;
      return this.#release();
    }
    const quietMs = nowMs - this.#lastMs;
    if (this.#current || quietMs < QUIET_MS) return [];
    const growing = [...this.#playing].filter(({ isGrowing }) => isGrowing);
    const act =
      growing.find((each) => !this.#shown.has(each)) ?? (quietMs < ENCORE_MS ? undefined : growing[0]);
    if (!act) return [];
    this.#current = act;
    this.#shown.add(act);
    return [{ kind: 'start', act }];
  }

  /** All that was held back; apt forgets the one that it shows. */
  #release(): Cue<A>[] {
    const cues: Cue<A>[] = [];
    for (const act of this.#held.splice(0)) {
      // It has been announced while it grew.
      if (!this.#shown.delete(act)) cues.push({ kind: 'start', act });
      cues.push({ kind: 'end', act });
      this.#current = undefined;
    }
    return cues;
  }
}

/**
 * The order in which the trackers of one list are tried (BEP 12): tier by tier, each tier shuffled once, and within it
 * the one that answered last comes first. Decides nothing about times. Pure but for the chance handed in.
 */
export class TrackerTiers {
  readonly #tiers: readonly string[][];

  /** `draw`: 0 to 1. Each URL counts once, where it comes first. */
  constructor(tiers: readonly (readonly string[])[], draw: () => number) {
    const seen = new Set<string>();
    this.#tiers = tiers
      .map((tier) => tier.filter((url) => !seen.has(url) && seen.add(url)))
      .map((tier) => shuffled(tier, draw));
  }

  /** All of them, as they are to be tried now. */
  inOrder(): string[] {
    return this.#tiers.flat();
  }

  answered(url: string): void {
    for (const tier of this.#tiers) {
      const at = tier.indexOf(url);
      if (at > 0) tier.unshift(...tier.splice(at, 1));
    }
  }
}

/** Fisher and Yates. */
function shuffled(urls: readonly string[], draw: () => number): string[] {
  const result = [...urls];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.min(i, Math.floor(draw() * (i + 1)));
    [result[i], result[j]] = [result[j] as string, result[i] as string];
  }
  return result;
}

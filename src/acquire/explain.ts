/** A decision of the plan in words, for the debug log: which pieces go where, and why. */
import type { Decision } from './plan.ts';

/**
 * "pieces 0, 3–5 of 192.0.2.7; mirror from piece 8 to 12: own part"; undefined when nothing was decided.
 * `addressOf` names the peer of an offer.
 */
export function explain(
  { requests, mirror, why }: Decision,
  addressOf: (offer: number) => string,
): string | undefined {
  const byOffer = new Map<number, number[]>();
  for (const { offer, piece } of requests) {
    const pieces = byOffer.get(offer);
    if (pieces) pieces.push(piece);
    else byOffer.set(offer, [piece]);
  }
  const parts = [...byOffer].map(([offer, pieces]) => `pieces ${ranges(pieces)} of ${addressOf(offer)}`);
  if (mirror.kind === 'start') parts.push(`mirror from piece ${mirror.from} to ${mirror.to}`);
  if (mirror.kind === 'stop') parts.push('the mirror rests');
  return parts.length > 0 ? `${parts.join('; ')}: ${why}` : undefined;
}

function ranges(pieces: readonly number[]): string {
  const sorted = pieces.toSorted((a, b) => a - b);
  const texts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (end + 1 < sorted.length && sorted[end + 1] === (sorted[end] as number) + 1) end += 1;
    texts.push(end > i ? `${sorted[i]}–${sorted[end]}` : String(sorted[i]));
    i = end + 1;
  }
  return texts.join(', ');
}

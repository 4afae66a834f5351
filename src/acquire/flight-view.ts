/**
 * What a flight tells its plan: who offers what, how the mirror is, how long answers are worth waiting for, and how the
 * mirror is divided when others look for the same file. It gathers and decides nothing of pieces: plan.ts does.
 */
import type { Entry } from '../archive/entry.ts';
import type { Want } from '../swarm/wants.ts';
import type { Pieces } from '../torrent/pieces.ts';
import { answersUntilMs } from './answer-wait.ts';
import { ASSUMED_RATE, type Crowd } from './crowd.ts';
import type { FlightMirror } from './flight-mirror.ts';
import type { FlightOffers } from './flight-offers.ts';
import type { FlightParts } from './flight-parts.ts';
import type { FlightTrust } from './flight-trust.ts';
import { type FlightView, HAVE, type MirrorView } from './plan.ts';
import type { Progress } from './progress.ts';

export interface ViewedFlight {
  readonly entry: Entry;
  readonly pieces: Pieces;
  readonly progress: Progress;
  readonly crowd: Crowd | undefined;
  /** Nothing unproven may enter it. */
  readonly promised: boolean;
  readonly startedMs: number;
  /** When bytes last came, from whomever. */
  readonly movedMs: number;
  readonly want: Want | undefined;
  readonly mirror: FlightMirror;
  readonly offers: FlightOffers;
  readonly trust: FlightTrust;
}

/** What planFlight decides from, as it is now. In a crowd the mirror's run is shortened, or told of, on the way. */
export function viewFlight(flight: ViewedFlight, parts: FlightParts): FlightView {
  const { clock, draw, swarms } = parts;
  const nowMs = clock.nowMs();
  const mirror = flight.mirror.view(nowMs);
  const expectedMs = mirror.latencyMs + (flight.entry.sizeBytes / mirror.bytesPerSecond) * 1000;
  let untilMs = flight.want && swarms.answersUntilMs(flight.want);
  if (untilMs !== undefined)
    untilMs = patientUntilMs(flight, parts, { dueMs: untilMs, mirrorMs: expectedMs, isBusy: mirror.isBusy });
  // A layer on its way is an answer on its way.
  const { layerUntilMs } = flight.trust;
  if (layerUntilMs !== undefined) untilMs = Math.max(untilMs ?? 0, layerUntilMs);
  return {
    nowMs,
    draw,
    answersUntilMs: untilMs,
    sizeBytes: flight.entry.sizeBytes,
    pieceLength: flight.pieces.pieceLength,
    pieces: flight.progress.state,
    askedOf: flight.progress.askedOf,
    head: flight.progress.head,
    haveBytes: flight.progress.haveBytes,
    quietMs: nowMs - flight.movedMs,
    shown: flight.progress.rootReleased,
    // A transfer that carries the mirror's date takes nothing unproven while the mirror works.
    offers:
      (flight.promised || flight.trust.isMisled) && mirror.usable && !flight.trust.isSigned
        ? []
        : flight.offers.views(mirror.usable),
    mirror,
    share: shareOf(flight, mirror),
  };
}

/** Until when answers that are due by `dueMs` are worth waiting for. */
function patientUntilMs(
  flight: ViewedFlight,
  { swarms }: FlightParts,
  { dueMs, mirrorMs, isBusy = false }: { dueMs: number; mirrorMs: number; isBusy: boolean | undefined },
): number {
  const { crowd } = flight;
  const likely: { latencyMs: number; wholeMs: number }[] = [];
  for (const peer of flight.want ? swarms.likely(flight.want) : []) {
    const { latencyMs } = peer;
    const bytesMs = (flight.entry.sizeBytes * 1000) / Math.max(peer.bytesPerSecond() ?? ASSUMED_RATE, 1);
    likely.push({ latencyMs, wholeMs: 2 * latencyMs + bytesMs });
  }
  const isWide = crowd?.isWide ?? false;
  const isDialling = flight.want?.asked.size === 0;
  const isNear = flight.want?.unanswered.keys().some((peer) => peer.trusted) ?? false;
  const startedMs = flight.startedMs;
  return answersUntilMs({ startedMs, dueMs, mirrorMs, isBusy, isDialling, isNear, likely, isWide });
}

/** How the mirror is divided, when others look for the same file. */
function shareOf(
  flight: ViewedFlight,
  { latencyMs, bytesPerSecond, isBusy = false }: MirrorView,
): FlightView['share'] {
  const { crowd } = flight;
  if (!crowd || flight.promised || crowd.isEmpty) return undefined;
  const mirrorMs = latencyMs + ((flight.entry.sizeBytes - flight.progress.haveBytes) / bytesPerSecond) * 1000;
  const { sizeBytes, pieceLength, count: pieceCount } = flight.pieces;
  const startedMs = flight.startedMs;
  const movedMs = flight.movedMs;
  const { isWide } = crowd;
  const view = { mirrorMs, isBusy, isWide, startedMs, movedMs, sizeBytes, pieceLength, pieceCount };
  if (pieceCount === 1) flight.mirror.tellClaim();
  else {
    const needed = (piece: number) => flight.progress.state[piece] !== HAVE;
    flight.mirror.shorten((run) => crowd.limit({ ...view, needed }, run));
  }
  return (needed) => crowd.share({ ...view, needed });
}

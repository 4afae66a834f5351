/**
 * Serves the release files (InRelease, Release, Release.gpg). They have no entry, so each is revalidated at its
 * mirror, once however many ask; a new one is verified, parsed and put in force before anyone sees it, so that what
 * apt asks next is known already.
 *
 * apt always gets what the mirror gave; what we *believe* is another matter: an older Release than the one in force,
 * or one that is worse signed, or one that can't be parsed, passes through and changes nothing. When the mirror can't
 * be reached, or lets us wait (patience.ts), the copy at hand is served as long as it is valid (apt shows no warning for
 * it, so our log does); what the mirror says later is for who asks next. A signature is the copy where its Release was.
 * Source: RFC 5861 §3–4 (stale while revalidate, stale if error).
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Catalogue } from './catalogue.ts';
import { type Location, locationName } from './entry.ts';
import { type FetchOptions, fetchReleaseFile, type UpstreamRequest } from './fetch-release-file.ts';
import { releasePlace } from './held-release.ts';
import { Intake } from './intake.ts';
import type { Validators } from './new-release.ts';
import { Patience } from './patience.ts';
import { type Outcome, type RefreshAnswer, type RefreshRequest, releaseAnswer } from './release-answer.ts';
import type { ReadRelease, SignedRelease } from './signature.ts';
import { Trust } from './trust.ts';

/**
 * What APT says nothing of: an answer from the copy at hand because the mirror could not be reached; an older Release
 * than the one in force; one that doesn't parse, or is signed worse than the one in force. The latter are passed through.
 */
export type ReleaseTrouble = 'stale' | 'rolledBack' | 'refused';

export interface RefreshOptions {
  readonly catalogue: Catalogue;
  readonly mirror: UpstreamRequest;
  /** Default: Trust.verify() with the keyrings and sources of this machine. */
  readonly verify?: (signed: SignedRelease, at: Location) => Promise<ReadRelease>;
  readonly clock?: Clock;
  /** The longest a mirror may say nothing. */
  readonly silenceMs?: number;
  readonly count?: (trouble: ReleaseTrouble) => void;
  /** When that host was last waited for in vain, if it hasn't been heard since. */
  readonly silentMs?: (host: string) => number | undefined;
}

const SILENCE_MS = 10_000;
const PASSED_ON = new Set([401, 403, 404, 410, 451]);

export class Refresh {
  readonly #catalogue: Catalogue;
  readonly #fetching: FetchOptions;
  readonly #intake: Intake;
  readonly #clock: Clock;
  readonly #counted: (trouble: ReleaseTrouble) => void;
  readonly #patience: Patience;
  /** What clients are told while one is under way. */
  readonly #rounds = new Map<string, Promise<Outcome>>();

  constructor(options: RefreshOptions) {
    this.#catalogue = options.catalogue;
    this.#clock = options.clock ?? systemClock;
    this.#counted = options.count ?? (() => {});
    const trust = new Trust();
    this.#intake = new Intake({
      catalogue: options.catalogue,
      verify: options.verify ?? ((signed, at) => trust.verify(signed, at)),
      clock: this.#clock,
      count: (at, trouble) => this.#count(at, trouble),
    });
    this.#patience = new Patience({ clock: this.#clock, silentMs: options.silentMs });
    const { mirror, silenceMs = SILENCE_MS } = options;
    this.#fetching = { mirror, clock: this.#clock, silenceMs };
  }

  /** True for the files that serve() is for. */
  isReleaseFile(at: Location): boolean {
    return releasePlace(at) !== undefined;
  }

  /**
   * Answers with the mirror's word, or a copy that still holds. Statuses: 200, 304, and what the mirror refused with
   * (404 …). Throws UnavailableError when there is neither, RefusedError as the mirror room does, RangeError when
   * `at` is no release file, the signal's reason when that is aborted.
   */
  async serve(at: Location, request: RefreshRequest): Promise<RefreshAnswer> {
    if (releasePlace(at) === undefined) throw new RangeError(`${locationName(at)} is no release file`);
    request.signal.throwIfAborted();
    const name = `${at.scheme}://${locationName(at)}`;
    let round = this.#rounds.get(name);
    if (round === undefined) {
      const over = Promise.withResolvers<void>();
      round = this.#round(at, over.resolve);
      this.#rounds.set(name, round);
      void over.promise.then(() => this.#rounds.delete(name));
    }
    return releaseAnswer(await orAborted(round, request.signal), request);
  }

  /** A release file that reached this machine another way: Intake.take(). */
  take(at: Location, bytes: Uint8Array, validators: Validators): Promise<void> {
    return this.#intake.take(at, bytes, validators);
  }

  /**
   * One round to the mirror for all that ask meanwhile. It isn't theirs to cancel: its size and silence are bounded.
   * Resolves with what they are told, which is our copy when the mirror lets us wait: the round goes on behind, and
   * `ended` is called at its end. Whoever asks before that is told the same.
   */
  async #round(at: Location, ended: () => void): Promise<Outcome> {
    let isBehind = false;
    try {
      const kept = this.#catalogue.kept(at);
      const ours = this.#stillHolds(at) ? this.#ours(at, kept) : undefined;
      if (ours && this.#goesWithCopy(at)) return ours;
      let heardMs: number | undefined;
      const fetching = this.#fetch(at, kept, () => {
        heardMs = this.#clock.nowMs();
      });
      const fetched = await (ours ? this.#patience.wait(at.host, fetching, () => heardMs) : fetching);
      if (ours && fetched === undefined) {
        isBehind = true;
        void this.#takeLate(at, kept, fetching).finally(ended);
      }
      if (fetched !== undefined && !(fetched instanceof UnavailableError))
        return await this.#take(at, kept, fetched);
      const why = fetched?.message ?? 'the mirror has not answered yet';
      if (ours) return this.#instead(at, ours, why);
      throw new UnavailableError(`could not refresh ${locationName(at)}: ${why}`, {
        cause: fetched,
        timedOut: fetched?.timedOut ?? false,
      });
    } finally {
      if (!isBehind) ended();
    }
  }

  /** The mirror's word, or why there is none. Rejects with RefusedError only. */
  async #fetch(at: Location, kept: Copy | undefined, heard: () => void): Promise<Outcome | UnavailableError> {
    const fetching = { ...this.#fetching, heard };
    const headers: Record<string, string> = {};
    if (kept?.lastModified !== undefined) headers['If-Modified-Since'] = kept.lastModified;
    if (kept?.etag !== undefined) headers['If-None-Match'] = kept.etag;
    const startedMs = this.#clock.nowMs();
    try {
      let fetched = await fetchReleaseFile(at, headers, fetching);
      // "Not modified since" of an older copy than ours is no word about ours.
      const { lastModified } = fetched.validators;
      if (fetched.status === 304 && lastModified !== undefined && lastModified !== kept?.lastModified)
        fetched = await fetchReleaseFile(at, {}, fetching);
      this.#patience.answered(at.host, this.#clock.nowMs() - startedMs);
      if (!isIll(fetched.status, kept !== undefined)) return fetched;
      return new UnavailableError(`the mirror answered ${fetched.status}`);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (error.timedOut) this.#patience.gaveUp(at.host);
      return error;
    }
  }

  async #take(at: Location, kept: Copy | undefined, fetched: Outcome): Promise<Outcome> {
    this.#catalogue.noteUpstream(at, 'fresh');
    if (fetched.status === 304 && kept !== undefined) {
      await this.#intake.judgeAgain(at);
      return { ...asOutcome(kept), contentType: fetched.contentType };
    }
    if (releasePlace(at)?.name === 'InRelease') this.#intake.noteInRelease(at, fetched.status === 200);
    if (fetched.status === 200) await this.#intake.consider(at, fetched.body, fetched.validators);
    return fetched;
  }

  /** The mirror's word, when clients were told something else: for who asks next. Never rejects. */
  async #takeLate(
    at: Location,
    kept: Copy | undefined,
    fetching: Promise<Outcome | UnavailableError>,
  ): Promise<void> {
    try {
      const fetched = await fetching;
      // Not where those who were given the copy will ask for its signature, or for indexes by plain names.
      const held = this.#catalogue.inForce(at);
      if (fetched instanceof UnavailableError || held?.form !== 'InRelease' || !held.release.acquireByHash)
        return;
      await this.#take(at, kept, fetched);
    } catch (error) {
      log.debug(`archive: ${quoteRemote(locationName(at), 200)}: ${(error as Error).message}`);
    }
  }

  /** Our copy; where there is a Release with its signature instead of an InRelease, that there is none. */
  #ours(at: Location, kept: Copy | undefined): Outcome | undefined {
    // It may have had one before the Release in force: a copy of that is out of date.
    const isLacking =
      releasePlace(at)?.name === 'InRelease' && this.#catalogue.inForce(at)?.form === 'Release';
    if (!isLacking) return kept && asOutcome(kept);
    const body = Buffer.from('the mirror had none when it was last heard\n');
    return { status: 404, body, validators: {}, contentType: 'text/plain' };
  }

  #instead(at: Location, ours: Outcome, why: string): Outcome {
    if (ours.status !== 200) return ours;
    const isNews = this.#catalogue.inForce(at)?.isStale === false;
    this.#count(at, 'stale');
    const text = `archive: ${quoteRemote(locationName(at), 200)} is served from our copy: ${quoteRemote(why, 200)}`;
    if (isNews) log.warn(text);
    else log.debug(text);
    return ours;
  }

  /** A signature whose Release was given from our copy. */
  #goesWithCopy(at: Location): boolean {
    const held = this.#catalogue.inForce(at);
    return releasePlace(at)?.name === 'Release.gpg' && held?.form === 'Release' && held.isStale;
  }

  #count(at: Location, trouble: ReleaseTrouble): void {
    this.#counted(trouble);
    this.#catalogue.noteUpstream(at, trouble);
  }

  #stillHolds(at: Location): boolean {
    const validUntilMs = this.#catalogue.inForce(at)?.release.validUntilMs;
    return validUntilMs === undefined || this.#clock.wallMs() <= validUntilMs;
  }
}

/** A release file as its mirror gave it, and the catalogue keeps it. */
type Copy = Validators & { readonly bytes: Uint8Array };

function asOutcome(kept: Copy): Outcome {
  return { status: 200, body: kept.bytes, validators: kept, contentType: undefined };
}

/**
 * With a copy at hand, anything but an answer or a plain no is the mirror being ill, for which the copy is the cure.
 * Without one, only what makes no sense is: the rest is for apt to judge.
 */
function isIll(status: number, haveCopy: boolean): boolean {
  if (status === 200 || PASSED_ON.has(status)) return false;
  return haveCopy ? status !== 304 : status < 400;
}

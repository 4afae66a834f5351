/**
 * Serves the release files (InRelease, Release, Release.gpg). They have no entry, so each is revalidated at its
 * mirror, once however many ask; a new one is verified, parsed and put in force before anyone sees it, so that what
 * apt asks next is known already.
 *
 * apt always gets what the mirror gave; what we *believe* is another matter: an older Release than the one in force,
 * or one that is worse signed, or one that can't be parsed, passes through and changes nothing. When the mirror can't
 * be reached the copy at hand is served as long as it is valid (apt shows no warning for it, so our log does).
 * Source: RFC 5861 §4 (stale if error).
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Catalogue } from './catalogue.ts';
import { isClearSigned } from './clearsign.ts';
import { type Location, locationName } from './entry.ts';
import { type FetchOptions, fetchReleaseFile, type UpstreamRequest } from './fetch-release-file.ts';
import { releasePlace } from './held-release.ts';
import type { Validators } from './new-release.ts';
import { parseRelease, type Release } from './release.ts';
import { type Outcome, type RefreshAnswer, type RefreshRequest, releaseAnswer } from './release-answer.ts';
import {
  isTrusted,
  type ReadRelease,
  type SignatureVerdict,
  type SignedRelease,
  verdictText,
} from './signature.ts';
import { Trust } from './trust.ts';

export interface RefreshOptions {
  readonly catalogue: Catalogue;
  readonly mirror: UpstreamRequest;
  /** Default: Trust.verify() with the keyrings and sources of this machine. */
  readonly verify?: (signed: SignedRelease, at: Location) => Promise<ReadRelease>;
  readonly clock?: Clock;
  /** The longest a mirror may say nothing. */
  readonly silenceMs?: number;
  readonly count?: (trouble: ReleaseTrouble) => void;
}

/**
 * What APT says nothing of: an answer from the copy at hand because the mirror could not be reached; an older Release
 * than the one in force; one that doesn't parse, or is signed worse than the one in force. The latter are passed through.
 */
export type ReleaseTrouble = 'stale' | 'rolledBack' | 'refused';

const SILENCE_MS = 10_000;
/** A Release from further in the future than this proves nothing about what is older. */
const CLOCK_SKEW_MS = 24 * 3600_000;
const PASSED_ON = new Set([401, 403, 404, 410, 451]);

export class Refresh {
  readonly #catalogue: Catalogue;
  readonly #fetching: FetchOptions;
  readonly #verify: (signed: SignedRelease, at: Location) => Promise<ReadRelease>;
  readonly #clock: Clock;
  readonly #counted: (trouble: ReleaseTrouble) => void;
  readonly #rounds = new Map<string, Promise<Outcome>>();
  /** Directories of Releases in force whose mirror said that it has no InRelease (any more). */
  readonly #withoutInRelease = new Set<string>();

  constructor(options: RefreshOptions) {
    this.#catalogue = options.catalogue;
    const trust = new Trust();
    this.#verify = options.verify ?? ((signed, at) => trust.verify(signed, at));
    this.#clock = options.clock ?? systemClock;
    this.#counted = options.count ?? (() => {});
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
      round = this.#round(at).finally(() => this.#rounds.delete(name));
      this.#rounds.set(name, round);
    }
    return releaseAnswer(await orAborted(round, request.signal), request);
  }

  /**
   * A release file that reached this machine another way (apt's own lists). Put in force as if the mirror had given it,
   * where it says something newer than the one in force, or there is none. Never throws.
   */
  async take(at: Location, bytes: Uint8Array, validators: Validators): Promise<void> {
    const kept = this.#catalogue.kept(at);
    if (kept !== undefined && Buffer.compare(kept.bytes, bytes) === 0) return;
    const heldMs = this.#catalogue.inForce(at)?.release.dateMs;
    const isSignature = releasePlace(at)?.name === 'Release.gpg';
    if (!isSignature && heldMs !== undefined && !(statedDateMs(bytes) > heldMs)) return;
    await this.#consider(at, { status: 200, body: bytes, validators, contentType: undefined });
  }

  /** One round to the mirror for all that ask meanwhile. It isn't theirs to cancel: its size and silence are bounded. */
  async #round(at: Location): Promise<Outcome> {
    const kept = this.#catalogue.kept(at);
    const headers: Record<string, string> = {};
    if (kept?.lastModified !== undefined) headers['If-Modified-Since'] = kept.lastModified;
    if (kept?.etag !== undefined) headers['If-None-Match'] = kept.etag;
    let fetched: Outcome;
    try {
      fetched = await fetchReleaseFile(at, headers, this.#fetching);
      // "Not modified since" of an older copy than ours is no word about ours.
      const { lastModified } = fetched.validators;
      if (fetched.status === 304 && lastModified !== undefined && lastModified !== kept?.lastModified)
        fetched = await fetchReleaseFile(at, {}, this.#fetching);
      if (isIll(fetched.status, kept !== undefined)) {
        throw new UnavailableError(`the mirror answered ${fetched.status}`);
      }
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (kept === undefined || !this.#stillHolds(at)) {
        throw new UnavailableError(`could not refresh ${locationName(at)}: ${error.message}`, {
          cause: error,
          timedOut: error.timedOut,
        });
      }
      this.#count(at, 'stale');
      log.warn(
        `archive: ${quoteRemote(locationName(at), 200)} is served from our copy: ${quoteRemote(error.message, 200)}`,
      );
      return { status: 200, body: kept.bytes, validators: kept, contentType: undefined };
    }
    this.#catalogue.noteUpstream(at, 'fresh');
    if (fetched.status === 304 && kept !== undefined) {
      return { status: 200, body: kept.bytes, validators: kept, contentType: fetched.contentType };
    }
    if (releasePlace(at)?.name === 'InRelease') this.#noteInRelease(at, fetched.status === 200);
    if (fetched.status === 200) await this.#consider(at, fetched);
    return fetched;
  }

  #noteInRelease(at: Location, there: boolean): void {
    const directory = directoryName(at);
    if (there) this.#withoutInRelease.delete(directory);
    else if (this.#catalogue.inForce(at) !== undefined) this.#withoutInRelease.add(directory);
  }

  /** Puts what the mirror gave in force, if it is to be believed. Never throws: apt gets the mirror's bytes anyway. */
  async #consider(at: Location, { body, validators }: Outcome): Promise<void> {
    try {
      if (releasePlace(at)?.name === 'Release.gpg') await this.#considerSignature(at, body, validators);
      else await this.#considerRelease(at, body, validators);
    } catch (error) {
      this.#count(at, 'refused');
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(
        `archive: ${quoteRemote(locationName(at), 200)} is passed through unread: ${quoteRemote(reason, 200)}`,
      );
    }
  }

  async #considerRelease(at: Location, bytes: Uint8Array, validators: Validators): Promise<void> {
    const inline = releasePlace(at)?.name === 'InRelease';
    // apt takes an InRelease only if it is clearsigned, a Release only if it isn't.
    if (inline !== isClearSigned(bytes))
      throw new UnavailableError(inline ? 'it is not clearsigned' : 'it is clearsigned');
    const held = this.#catalogue.inForce(at);
    const kept = this.#catalogue.kept(at);
    const form = inline ? 'InRelease' : 'Release';
    const same = held?.form === form && kept !== undefined && Buffer.compare(kept.bytes, bytes) === 0;
    const known = same && isTrusted(held.verdict);
    // A plain Release speaks only where the mirror has no InRelease: that is the one whose signature comes with it.
    const second = !inline && held?.form === 'InRelease' && !this.#withoutInRelease.has(directoryName(at));
    if (known || second) {
      this.#catalogue.keep(at, bytes, validators);
      return;
    }
    const { text, verdict } = await this.#verify({ release: bytes }, at);
    if (same) {
      // Nothing new, but for what its signature is worth: a keyring may have been installed meanwhile.
      this.#catalogue.keep(at, bytes, validators);
      if (inline && verdict.status !== held.verdict.status) this.#catalogue.judge(at, verdict);
      return;
    }
    const release = parseRelease(text);
    const objection = held && this.#objection(at, held, { release, verdict });
    if (objection !== undefined) {
      this.#catalogue.passedBy(at, release);
      log.warn(
        `archive: ${quoteRemote(locationName(at), 200)} is passed through, the one in force stays: ${objection}`,
      );
      return;
    }
    this.#catalogue.swap({ at, release, verdict, bytes, validators });
    log.debug(
      `archive: ${quoteRemote(locationName(at), 200)} in force, ${release.size} files, ${verdictText(verdict)}`,
    );
  }

  /** Why the Release in force is better than this one; counts it. */
  #objection(
    at: Location,
    held: { readonly release: Release; readonly verdict: SignatureVerdict },
    given: { readonly release: Release; readonly verdict: SignatureVerdict },
  ): string | undefined {
    const inline = releasePlace(at)?.name === 'InRelease';
    const wasTrusted = isTrusted(held.verdict);
    const { status } = given.verdict;
    // A Release without its Release.gpg yet: judged when that comes.
    if (wasTrusted && inline && (status === 'bad' || status === 'unknown')) {
      this.#count(at, 'refused');
      return verdictText(given.verdict);
    }
    const [heldMs, givenMs] = [held.release.dateMs, given.release.dateMs];
    if (heldMs === undefined || heldMs > this.#clock.wallMs() + CLOCK_SKEW_MS) return undefined;
    if (isTrusted(given.verdict) && !wasTrusted) return undefined;
    if (givenMs !== undefined && givenMs >= heldMs) return undefined;
    this.#count(at, 'rolledBack');
    return `it is older (${givenMs === undefined ? 'no date' : new Date(givenMs).toISOString()})`;
  }

  async #considerSignature(at: Location, signature: Uint8Array, validators: Validators): Promise<void> {
    const releaseAt: Location = { ...at, path: at.path.replace(/\.gpg$/, '') };
    const kept = this.#catalogue.kept(releaseAt);
    if (kept === undefined) return;
    this.#catalogue.keep(at, signature, validators);
    if (this.#catalogue.inForce(releaseAt)?.form !== 'Release') return;
    const { verdict } = await this.#verify({ release: kept.bytes, signature }, releaseAt);
    this.#catalogue.judge(releaseAt, verdict);
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

/**
 * With a copy at hand, anything but an answer or a plain no is the mirror being ill, for which the copy is the cure.
 * Without one, only what makes no sense is: the rest is for apt to judge.
 */
function isIll(status: number, haveCopy: boolean): boolean {
  if (status === 200 || PASSED_ON.has(status)) return false;
  return haveCopy ? status !== 304 : status < 400;
}

/** What a Release that isn't verified yet says of its age; NaN where it doesn't. */
function statedDateMs(bytes: Uint8Array): number {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16 << 10)).toString(
    'latin1',
  );
  return Date.parse(/^Date:(.*)$/m.exec(head)?.[1] ?? '');
}

function directoryName(at: Location): string {
  return locationName(at).slice(0, -(releasePlace(at)?.name.length ?? 0));
}

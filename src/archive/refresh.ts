/**
 * Serves the release files (InRelease, Release, Release.gpg). They have no entry, so each is revalidated at its
 * mirror, once however many ask; a new one is verified, parsed and put in force before anyone sees it, so that what
 * apt asks next is known already.
 *
 * apt always gets what the mirror gave; what we *believe* is another matter: an older Release than the one in force,
 * or one that is worse signed, or one that can't be parsed, passes through and changes nothing. When the mirror can't
 * be reached the copy at hand is served as long as it is valid (apt shows no warning for it, so our log does).
 * Source: RFC 9110 §13 (conditional requests), RFC 5861 §4 (stale if error).
 */
import { type Clock, systemClock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { log, quoteRemote } from '../lib/log.ts';
import type { Catalogue } from './catalogue.ts';
import { isClearSigned } from './clearsign.ts';
import { type Location, locationName } from './entry.ts';
import { releasePlace } from './held-release.ts';
import type { Validators } from './new-release.ts';
import { MAX_RELEASE_BYTES, parseRelease, type Release } from './release.ts';
import {
  isTrusted,
  type ReadRelease,
  type SignatureVerdict,
  type SignedRelease,
  verdictText,
} from './signature.ts';
import { Trust } from './trust.ts';

/** The part of mirror/mirror.ts that is needed here. */
export interface UpstreamRequest {
  request(request: {
    readonly at: Location;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  }): Promise<{
    readonly status: number;
    readonly headers: Headers;
    readonly body: AsyncIterable<Uint8Array>;
  }>;
}

export interface RefreshOptions {
  readonly catalogue: Catalogue;
  readonly mirror: UpstreamRequest;
  /** Default: Trust.verify() with the keyrings and sources of this machine. */
  readonly verify?: (signed: SignedRelease, at: Location) => Promise<ReadRelease>;
  readonly clock?: Clock;
  /** The longest a mirror may say nothing. */
  readonly silenceMs?: number;
}

export interface RefreshRequest {
  /** The client's If-Modified-Since, as it came. */
  readonly ifModifiedSince?: string | undefined;
  /** The client's If-None-Match, as it came. */
  readonly ifNoneMatch?: string | undefined;
  readonly signal: AbortSignal;
}

export interface RefreshAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent with 304. Empty for an upstream's answer without a body. */
  readonly body?: Uint8Array;
}

export interface RefreshCounts {
  /** Answers from the copy at hand because the mirror could not be reached. */
  stale: number;
  /** Older Releases than the one in force, passed through. */
  rollbacks: number;
  /** Releases that don't parse, or are signed worse than the one in force, passed through. */
  refused: number;
}

/** What came of one round to the mirror, before a client's conditions are looked at. */
interface Outcome {
  readonly status: number;
  readonly body: Uint8Array;
  readonly validators: Validators;
  readonly contentType: string | undefined;
}

const SILENCE_MS = 10_000;
/** A Release from further in the future than this proves nothing about what is older. */
const CLOCK_SKEW_MS = 24 * 3600_000;
const PASSED_ON = new Set([401, 403, 404, 410, 451]);

export class Refresh {
  readonly counts: RefreshCounts = { stale: 0, rollbacks: 0, refused: 0 };
  readonly #catalogue: Catalogue;
  readonly #mirror: UpstreamRequest;
  readonly #verify: (signed: SignedRelease, at: Location) => Promise<ReadRelease>;
  readonly #clock: Clock;
  readonly #silenceMs: number;
  readonly #rounds = new Map<string, Promise<Outcome>>();
  /** Directories of Releases in force whose mirror said that it has no InRelease (any more). */
  readonly #withoutInRelease = new Set<string>();

  constructor(options: RefreshOptions) {
    this.#catalogue = options.catalogue;
    this.#mirror = options.mirror;
    const trust = new Trust();
    this.#verify = options.verify ?? ((signed, at) => trust.verify(signed, at));
    this.#clock = options.clock ?? systemClock;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
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
    return answer(await orAborted(round, request.signal), request);
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
      fetched = await this.#fetch(at, headers);
      // "Not modified since" of an older copy than ours is no word about ours.
      const { lastModified } = fetched.validators;
      if (fetched.status === 304 && lastModified !== undefined && lastModified !== kept?.lastModified)
        fetched = await this.#fetch(at, {});
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

  async #fetch(at: Location, headers: Readonly<Record<string, string>>): Promise<Outcome> {
    const silence = new Silence(this.#clock, this.#silenceMs, locationName(at));
    try {
      const got = await silence.race(this.#mirror.request({ at, headers, signal: silence.signal }));
      const chunks: Uint8Array[] = [];
      let length = 0;
      const body = got.body[Symbol.asyncIterator]();
      try {
        for (let next = await silence.race(body.next()); !next.done; next = await silence.race(body.next())) {
          length += next.value.length;
          if (length > MAX_RELEASE_BYTES)
            throw new UnavailableError(`${locationName(at)} is longer than apt would take it`);
          chunks.push(next.value);
        }
      } catch (error) {
        // Not waited for: a body that hangs may hang here too.
        body.return?.(undefined)?.catch(() => {});
        throw error;
      }
      return {
        status: got.status,
        body: Buffer.concat(chunks),
        validators: {
          lastModified: got.headers.get('last-modified') ?? undefined,
          etag: got.headers.get('etag') ?? undefined,
        },
        contentType: got.headers.get('content-type') ?? undefined,
      };
    } finally {
      silence.end();
    }
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
    const known =
      held !== undefined &&
      isTrusted(held.verdict) &&
      kept !== undefined &&
      Buffer.compare(kept.bytes, bytes) === 0;
    // A plain Release speaks only where the mirror has no InRelease: that is the one whose signature comes with it.
    const second = !inline && held?.form === 'InRelease' && !this.#withoutInRelease.has(directoryName(at));
    if (known || second) {
      this.#catalogue.keep(at, bytes, validators);
      return;
    }
    const { text, verdict } = await this.#verify({ release: bytes }, at);
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
    this.#count(at, 'rollbacks');
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

  #count(at: Location, what: keyof RefreshCounts): void {
    this.counts[what] += 1;
    this.#catalogue.noteUpstream(at, what === 'rollbacks' ? 'rollback' : what);
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

/** The client's own conditions on what came of the round (RFC 9110 §13.2.2: If-None-Match first). */
function answer(outcome: Outcome, request: RefreshRequest): RefreshAnswer {
  const { lastModified, etag } = outcome.validators;
  const headers: Record<string, string> = {};
  if (lastModified !== undefined) headers['Last-Modified'] = lastModified;
  if (etag !== undefined) headers.ETag = etag;
  if (outcome.status !== 200) {
    if (outcome.contentType !== undefined) headers['Content-Type'] = outcome.contentType;
    // apt takes a 5xx without a body for final, and one with a body for a reason to try again.
    const body =
      outcome.body.length > 0 ? outcome.body : Buffer.from(`the mirror answered ${outcome.status}\n`);
    return { status: outcome.status, headers, body };
  }
  if (isUnchanged(request, lastModified, etag)) return { status: 304, headers };
  headers['Content-Type'] = outcome.contentType ?? 'application/octet-stream';
  return { status: 200, headers, body: outcome.body };
}

function isUnchanged(
  request: RefreshRequest,
  lastModified: string | undefined,
  etag: string | undefined,
): boolean {
  if (request.ifNoneMatch !== undefined) {
    const wanted = request.ifNoneMatch.split(',').map((tag) => weak(tag.trim()));
    return wanted.includes('*') || (etag !== undefined && wanted.includes(weak(etag)));
  }
  if (request.ifModifiedSince === undefined || lastModified === undefined) return false;
  const [since, modified] = [Date.parse(request.ifModifiedSince), Date.parse(lastModified)];
  return Number.isFinite(since) && Number.isFinite(modified) && modified <= since;
}

function weak(tag: string): string {
  return tag.replace(/^W\//, '');
}

/** Ends a transfer that has said nothing for a while. */
class Silence {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #what: string;

  constructor(clock: Clock, ms: number, what: string) {
    this.#clock = clock;
    this.#ms = ms;
    this.#what = what;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async race<T>(step: Promise<T>): Promise<T> {
    let cancel = () => {};
    const silent = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(this.#ms, () => {
        reject(
          new UnavailableError(`${this.#what}: the mirror said nothing for ${this.#ms} ms`, {
            timedOut: true,
          }),
        );
      });
    });
    try {
      return await Promise.race([step, silent]);
    } finally {
      cancel();
    }
  }

  end(): void {
    this.#controller.abort();
  }
}

/** The promise's value, or the signal's reason as soon as that is aborted. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * What of the release files that come is believed: verified, parsed and put in force, unless the one in force is newer or
 * better signed, or there is no sense in it. What clients are given is decided elsewhere (refresh.ts), and so is where a
 * file comes from: a mirror, or apt's own lists.
 */
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Catalogue } from './catalogue.ts';
import { isClearSigned } from './clearsign.ts';
import { type Location, locationName } from './entry.ts';
import { releasePlace } from './held-release.ts';
import type { Validators } from './new-release.ts';
import { parseRelease, type Release } from './release.ts';
import {
  isTrusted,
  type ReadRelease,
  type SignatureVerdict,
  type SignedRelease,
  verdictText,
} from './signature.ts';

export interface IntakeOptions {
  readonly catalogue: Catalogue;
  readonly verify: (signed: SignedRelease, at: Location) => Promise<ReadRelease>;
  readonly clock: Clock;
  /** Of an older Release than the one in force; of one that doesn't parse, or is signed worse. They change nothing. */
  readonly count: (at: Location, trouble: 'rolledBack' | 'refused') => void;
}

/** A Release from further in the future than this proves nothing about what is older. */
const CLOCK_SKEW_MS = 24 * 3600_000;

export class Intake {
  readonly #options: IntakeOptions;
  /** Directories of Releases in force whose mirror said that it has no InRelease (any more). */
  readonly #withoutInRelease = new Set<string>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * A release file that reached this machine another way (apt's own lists). Put in force as if the mirror had given it,
   * where it says something newer than the one in force, or there is none. Never throws.
   */
  async take(at: Location, bytes: Uint8Array, validators: Validators): Promise<void> {
    const { catalogue } = this.#options;
    const kept = catalogue.kept(at);
    if (kept !== undefined && Buffer.compare(kept.bytes, bytes) === 0) return this.judgeAgain(at);
    const heldMs = catalogue.inForce(at)?.release.dateMs;
    const isSignature = releasePlace(at)?.name === 'Release.gpg';
    if (!isSignature && heldMs !== undefined && !(statedDateMs(bytes) > heldMs)) return;
    await this.consider(at, bytes, validators);
  }

  /**
   * The copy that we keep still holds: what is its signature worth by now? The clock may have been wrong (a board without
   * one, before it has the time from the network), or the keyring was installed only meanwhile. Never throws.
   */
  async judgeAgain(at: Location): Promise<void> {
    const { catalogue } = this.#options;
    const held = catalogue.inForce(at);
    const name = releasePlace(at)?.name;
    // A Release is worth what its Release.gpg says.
    if (held === undefined || held.verdict.status === 'public' || name === 'Release') return;
    const kept = catalogue.kept(at);
    if (kept !== undefined) await this.consider(at, kept.bytes, kept);
  }

  /** Whether the mirror has an InRelease there: else it is its Release that counts. */
  noteInRelease(at: Location, there: boolean): void {
    const directory = directoryName(at);
    if (there) this.#withoutInRelease.delete(directory);
    else if (this.#options.catalogue.inForce(at) !== undefined) this.#withoutInRelease.add(directory);
  }

  /** Puts what the mirror gave in force, if it is to be believed. Never throws: apt gets the mirror's bytes anyway. */
  async consider(at: Location, bytes: Uint8Array, validators: Validators): Promise<void> {
    try {
      if (releasePlace(at)?.name === 'Release.gpg') await this.#considerSignature(at, bytes, validators);
      else await this.#considerRelease(at, bytes, validators);
    } catch (error) {
      this.#options.count(at, 'refused');
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
    const held = this.#options.catalogue.inForce(at);
    const kept = this.#options.catalogue.kept(at);
    const form = inline ? 'InRelease' : 'Release';
    const same = held?.form === form && kept !== undefined && Buffer.compare(kept.bytes, bytes) === 0;
    const known = same && held.verdict.status === 'public';
    // A plain Release speaks only where the mirror has no InRelease: that is the one whose signature comes with it.
    const second = !inline && held?.form === 'InRelease' && !this.#withoutInRelease.has(directoryName(at));
    if (known || second) {
      this.#options.catalogue.keep(at, bytes, validators);
      return;
    }
    const { text, verdict } = await this.#options.verify({ release: bytes }, at);
    if (same) {
      // Nothing new, but for what its signature is worth: see judgeAgain(). What was proved once stays so.
      this.#options.catalogue.keep(at, bytes, validators);
      const { status } = held.verdict;
      if (inline && verdict.status !== status && (isTrusted(verdict) || status !== 'private'))
        this.#options.catalogue.judge(at, verdict);
      return;
    }
    const release = parseRelease(text);
    const objection = held && this.#objection(at, held, { release, verdict });
    if (objection !== undefined) {
      this.#options.catalogue.passedBy(at, release);
      log.warn(
        `archive: ${quoteRemote(locationName(at), 200)} is passed through, the one in force stays: ${objection}`,
      );
      return;
    }
    this.#options.catalogue.swap({ at, release, verdict, bytes, validators });
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
      this.#options.count(at, 'refused');
      return verdictText(given.verdict);
    }
    const [heldMs, givenMs] = [held.release.dateMs, given.release.dateMs];
    if (heldMs === undefined || heldMs > this.#options.clock.wallMs() + CLOCK_SKEW_MS) return undefined;
    if (isTrusted(given.verdict) && !wasTrusted) return undefined;
    if (givenMs !== undefined && givenMs >= heldMs) return undefined;
    this.#options.count(at, 'rolledBack');
    return `it is older (${givenMs === undefined ? 'no date' : new Date(givenMs).toISOString()})`;
  }

  async #considerSignature(at: Location, signature: Uint8Array, validators: Validators): Promise<void> {
    const releaseAt: Location = { ...at, path: at.path.replace(/\.gpg$/, '') };
    const kept = this.#options.catalogue.kept(releaseAt);
    if (kept === undefined) return;
    const before = this.#options.catalogue.kept(at);
    this.#options.catalogue.keep(at, signature, validators);
    const held = this.#options.catalogue.inForce(releaseAt);
    if (held?.form !== 'Release') return;
    const { verdict } = await this.#options.verify({ release: kept.bytes, signature }, releaseAt);
    const same = before !== undefined && Buffer.compare(before.bytes, signature) === 0;
    if (same && isTrusted(held.verdict) && !isTrusted(verdict)) return;
    this.#options.catalogue.judge(releaseAt, verdict);
  }
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

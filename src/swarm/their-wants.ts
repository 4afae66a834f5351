/**
 * What one peer looks for, and what it is told of it: the answering side of the dialogue. It decides whether there is
 * something to say (have, none, HAVE, lt_donthave), now and when more comes in; numbers and blocks are Uploads', what
 * there is is the library's. Also keeps what the peer claims to be fetching from the mirror.
 * docs/protocol.md "want", "have", "none", "claim".
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { ArchiveMessage, ClaimEntry, HaveEntry, NumberRange } from '../wire/archive-ext.ts';
import { Claim } from './claim.ts';
import type { KeyAccount } from './key-limits.ts';
import type { Library, Servable } from './library.ts';
import { openNumbersIn } from './number-ranges.ts';
import { SoughtLately } from './sought-lately.ts';
import type { Uploads } from './uploads.ts';

export interface TheirWantsHost {
  readonly clock: Clock;
  readonly library: Library;
  readonly uploads: Uploads;
  readonly closed: boolean;
  readonly keys: KeyAccount;
  /** Whether it is given nothing for now. */
  isShut(): boolean;
  /** Whether it isn't to learn that we haven't got this file, or not the whole of it. */
  isSilentAbout(key: Sha256): boolean;
  /** Whether both ends are in that swarm. */
  shares(infoHash: string): boolean;
  say(message: ArchiveMessage): void;
  sayHaves(entries: readonly HaveEntry[]): void;
  sayHave(number: number): void;
  /** lt_donthave, for each number. */
  sayLost(range: NumberRange): void;
  /** The peer has begun or ceased to look for this file, or has claimed a part of it. */
  fellowChanged(key: Sha256): void;
  close(reason: string): void;
}

/** Keys that a peer may have open. */
export const MAX_OPEN_WANTS = 1_024;
/** Claims of a peer that are kept, up to 256 bytes each; the oldest makes room. Honest nodes have a few at a time. */
const MAX_CLAIMS = 256;
/** 36 bytes each, so that a message of 64 KiB holds them. */
const MAX_HASHES_A_HAVE = 1_024;

export class TheirWants {
  readonly #host: TheirWantsHost;
  /** Open wants, number → key, and back. */
  readonly #keys = new Map<number, Sha256>();
  readonly #numbers = new Map<Sha256, number>();
  /** Of those, what it doesn't fetch yet: it is no fellow for it. */
  readonly #ahead = new Set<Sha256>();
  readonly #claims = new Map<Sha256, Claim>();
  readonly #lately = new SoughtLately();

  constructor(host: TheirWantsHost) {
    this.#host = host;
  }

  /** It fetches it, or is about to. */
  has(key: Sha256): boolean {
    return this.#numbers.has(key) && !this.#ahead.has(key);
  }

  /** It looked for this file and no longer does. */
  soughtLately(key: Sha256): boolean {
    return this.#lately.has(key);
  }

  claimOn(key: Sha256): Claim | undefined {
    return this.#claims.get(key);
  }

  /** The peer is gone. */
  close(): void {
    const keys = [...this.#numbers.keys()];
    this.#host.keys.closed(this.#keys.size);
    this.#keys.clear();
    this.#numbers.clear();
    this.#ahead.clear();
    this.#claims.clear();
    for (const key of keys) this.#host.fellowChanged(key);
  }

  // ---- what the peer says ----

  /** Throws ProtocolError for more open wants than may be, and for a number or a key that is open already. */
  want(first: number, keys: readonly Sha256[], ahead = false): void {
    const { library, uploads } = this.#host;
    const haves: HaveEntry[] = [];
    const none: number[] = [];
    keys.forEach((key, i) => {
      const number = first + i;
      // What it wanted ahead, it fetches now: it is answered already.
      if (!ahead && this.#keys.get(number) === key && this.#ahead.delete(key)) return;
      if (this.#keys.size >= MAX_OPEN_WANTS) throw new ProtocolError('too many open wants');
      if (this.#keys.has(number)) throw new ProtocolError(`want number ${number} is in use`);
      if (this.#numbers.has(key)) throw new ProtocolError('one key under two want numbers');
      if (!this.#host.keys.opens(key)) {
        none.push(number);
        return;
      }
      this.#keys.set(number, key);
      this.#numbers.set(key, number);
      if (ahead) this.#ahead.add(key);
      const found = this.#host.isShut() ? undefined : library.find(key, (swarm) => this.#host.shares(swarm));
      if (found === undefined || this.#isHidden(found)) {
        if (!this.#host.isSilentAbout(key)) none.push(number);
      } else if (found instanceof Promise) {
        found.then(
          (servable) => this.#answerLater(number, key, servable),
          () => this.#answerLater(number, key, undefined),
        );
      } else {
        haves.push(...entriesFor(uploads, number, found));
      }
    });
    this.#host.sayHaves(haves);
    if (none.length > 0) this.#host.say({ kind: 'none', ranges: rangesOf(none) });
    if (!ahead) for (const key of keys) this.#host.fellowChanged(key);
  }

  unwant(ranges: readonly NumberRange[]): void {
    for (const number of openNumbersIn(ranges, this.#keys)) this.#unwant(number);
  }

  #unwant(number: number): void {
    const key = this.#keys.get(number);
    if (key === undefined) return;
    this.#keys.delete(number);
    this.#host.keys.closed(1);
    this.#numbers.delete(key);
    this.#claims.delete(key);
    if (!this.#ahead.delete(key)) {
      this.#lately.add(key);
      this.#host.fellowChanged(key);
    }
    this.#host.uploads.withdraw(number);
  }

  claim({ want, pieces, etaMs }: ClaimEntry): void {
    const key = this.#keys.get(want);
    if (key === undefined) return;
    this.#claims.delete(key);
    this.#claims.set(key, new Claim(pieces, this.#host.clock.nowMs() + etaMs));
    if (this.#claims.size > MAX_CLAIMS) {
      const [oldest] = this.#claims.keys();
      if (oldest !== undefined) this.#claims.delete(oldest);
    }
    this.#host.fellowChanged(key);
  }

  // ---- what there is to say ----

  /** A file can be served now, whole or in part. */
  offer(servable: Servable): void {
    const { uploads } = this.#host;
    const number = this.#numbers.get(servable.key);
    if (number === undefined || !servable.swarms.some((swarm) => this.#host.shares(swarm))) return;
    if (this.#isHidden(servable)) return;
    if (!this.#host.library.mayOffer(servable.pieces)) return;
    if (uploads.numbersLeft < servable.pieces.count) return this.#host.close('piece numbers used up');
    this.#host.sayHaves(entriesFor(uploads, number, servable));
  }

  /** One more piece of a file that is offered already. With its hash where the file has no tree yet. */
  pieceVerified(servable: Servable, piece: number): void {
    const { uploads } = this.#host;
    const number = this.#numbers.get(servable.key);
    const wire = number === undefined ? undefined : uploads.numberOf(number, piece);
    if (number === undefined || wire === undefined) return;
    if (servable.hearsay) this.#host.sayHaves([uploads.offer(number, servable, [piece])]);
    else this.#host.sayHave(wire);
  }

  fileGone(key: Sha256): void {
    const number = this.#numbers.get(key);
    const range = number === undefined ? undefined : this.#host.uploads.withdraw(number);
    if (range) this.#host.sayLost(range);
  }

  #answerLater(number: number, key: Sha256, servable: Servable | undefined): void {
    const { closed, uploads } = this.#host;
    if (closed || this.#keys.get(number) !== key) return;
    if (servable) this.#host.sayHaves(entriesFor(uploads, number, servable));
    else if (!this.#host.isSilentAbout(key))
      this.#host.say({ kind: 'none', ranges: [{ first: number, count: 1 }] });
  }

  /** That a file is on its way here says that it was lacking. */
  #isHidden(found: Servable | Promise<Servable | undefined>): boolean {
    return !(found instanceof Promise) && !found.whole && this.#host.isSilentAbout(found.key);
  }
}

/** What there is to say of a file: one entry, or several where it takes more hashes than one message holds. */
function entriesFor(uploads: Uploads, number: number, servable: Servable): HaveEntry[] {
  const { count } = servable.pieces;
  if (!servable.hearsay || count <= MAX_HASHES_A_HAVE) return [uploads.offer(number, servable)];
  const entries: HaveEntry[] = [];
  for (let from = 0; from < count; from += MAX_HASHES_A_HAVE) {
    const pieces = Array.from({ length: Math.min(MAX_HASHES_A_HAVE, count - from) }, (_, i) => from + i);
    entries.push(uploads.offer(number, servable, pieces));
  }
  return entries;
}

/** Ascending numbers as ranges. */
function rangesOf(numbers: readonly number[]): NumberRange[] {
  const ranges: { first: number; count: number }[] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && number === last.first + last.count) last.count += 1;
    else ranges.push({ first: number, count: 1 });
  }
  return ranges;
}

/**
 * What we say to a peer beyond plain BitTorrent, put into messages with the numbers that it gave its extensions. What it
 * doesn't speak isn't said. Decides nothing else.
 */
import {
  ARCHIVE_EXTENSION,
  type ArchiveMessage,
  encodeArchiveMessage,
  type HaveEntry,
  type NumberRange,
  packHaves,
} from '../wire/archive-ext.ts';
import { encodeExtended } from '../wire/message.ts';
import { PEX_EXTENSION } from '../wire/pex.ts';
import { writeU32 } from '../wire/u32.ts';
import type { Introduction } from './introduction.ts';

export class Speech {
  readonly #theirs: Pick<Introduction, 'idOf'>;
  readonly #send: (bytes: Uint8Array) => void;

  constructor(theirs: Pick<Introduction, 'idOf'>, send: (bytes: Uint8Array) => void) {
    this.#theirs = theirs;
    this.#send = send;
  }

  archive(message: ArchiveMessage): void {
    const id = this.#theirs.idOf(ARCHIVE_EXTENSION);
    if (id) this.#send(encodeExtended(id, encodeArchiveMessage(message)));
  }

  /** ut_pex (BEP 11). */
  exchange(payload: Uint8Array): void {
    const id = this.#theirs.idOf(PEX_EXTENSION);
    if (id) this.#send(encodeExtended(id, payload));
  }

  /** In as many messages as their limit takes. */
  haves(entries: readonly HaveEntry[]): void {
    const id = this.#theirs.idOf(ARCHIVE_EXTENSION);
    if (!id) return;
    for (const payload of packHaves(entries)) this.#send(encodeExtended(id, payload));
  }

  /** lt_donthave (BEP 54), one for each of our piece numbers. */
  lost({ first, count }: NumberRange): void {
    const id = this.#theirs.idOf('lt_donthave');
    if (!id) return;
    const messages = Array.from({ length: count }, (_, i) => {
      const payload = new Uint8Array(4);
      writeU32(payload, 0, first + i);
      return encodeExtended(id, payload);
    });
    this.#send(Buffer.concat(messages));
  }
}

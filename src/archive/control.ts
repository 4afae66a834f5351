/**
 * A byte scanner for deb822(5) control data (Packages, Sources, Release): chunks in, the values of the fields asked
 * for out, as byte ranges of a buffer that is valid during the call only. It keeps no stanza and makes no string.
 *
 * It decides where fields and stanzas begin and end; what a value means is the caller's. Lines may end in CR LF,
 * names are compared without regard to case, a value keeps its continuation lines ("\n " inside it). Everything is
 * bounded: a longer line, field or stanza than the limits, a line without a colon and a stray continuation line are
 * a ProtocolError, and nothing else is ever thrown. Pure: no file, no timer, no log.
 */
import { ProtocolError } from '../lib/errors.ts';

export interface ControlSink {
  /**
   * A field that was asked for: `field` is its place in the list given to the scanner, the value is
   * `bytes.subarray(from, to)`, trimmed of spaces, tabs and carriage returns at both ends. Copy it if it must last.
   */
  onField(field: number, bytes: Buffer, from: number, to: number): void;
  /** After the last field of a stanza that had any field at all (asked for or not). */
  onStanza(): void;
}

export interface ControlLimits {
  /** Longest line, and longest value of a field that was asked for. */
  readonly maxFieldBytes: number;
  readonly maxStanzaBytes: number;
}

const DEFAULT_LIMITS: ControlLimits = { maxFieldBytes: 4 << 20, maxStanzaBytes: 16 << 20 };

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const HASH = 35;
const DASH = 45;
const COLON = 58;
const EMPTY = Buffer.alloc(0);

interface WantedName {
  readonly index: number;
  /** Lower-case bytes of the name. */
  readonly name: Uint8Array;
}

export class ControlScanner {
  readonly #sink: ControlSink;
  readonly #limits: ControlLimits;
  /** Names by their lower-case first byte; a flat array, because it is asked for every line. */
  readonly #wanted: readonly (readonly WantedName[] | undefined)[];
  /** What the last chunk left over: an unfinished line, behind the open field's value. */
  #rest: Buffer = EMPTY;
  /** Where the open field's value begins in `#rest`; -1 when no field that was asked for is open. */
  #openFrom = -1;
  #openTo = 0;
  #openField = -1;
  #inStanza = false;
  #stanzaBytes = 0;

  constructor(fields: readonly string[], sink: ControlSink, limits: Partial<ControlLimits> = {}) {
    this.#sink = sink;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    const wanted: WantedName[][] = [];
    for (const [index, field] of fields.entries()) {
      const name = Buffer.from(field.toLowerCase(), 'latin1');
      const first = name[0];
      if (first === undefined) throw new RangeError('a field name may not be empty');
      wanted[first] = [...(wanted[first] ?? []), { index, name }];
    }
    this.#wanted = wanted;
  }

  /** Takes the next bytes; calls the sink for what they complete. */
  push(chunk: Uint8Array): void {
    const bytes =
      this.#rest.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([this.#rest, chunk]);
    const resumeAt = this.#rest.length === 0 ? 0 : this.#lineStart;
    this.#scan(bytes, resumeAt, false);
  }

  /** The data is complete: closes the last line, field and stanza. */
  end(): void {
    if (this.#rest.length > this.#lineStart) {
      const closed = Buffer.concat([this.#rest, Buffer.from('\n')]);
      this.#scan(closed, this.#lineStart, true);
    }
    this.#closeStanza(this.#rest);
    this.#rest = EMPTY;
    this.#lineStart = 0;
  }

  /** Where the unfinished line begins in `#rest`. */
  #lineStart = 0;

  #scan(bytes: Buffer, start: number, last: boolean): void {
    const { maxFieldBytes, maxStanzaBytes } = this.#limits;
    const wanted = this.#wanted;
    let at = start;
    for (;;) {
      const newline = bytes.indexOf(LF, at);
      if (newline < 0) break;
      if (newline - at > maxFieldBytes)
        throw new ProtocolError(`a control line is longer than ${maxFieldBytes} bytes`);
      const first = bytes[at] as number;
      if (first === LF || (first === CR && newline === at + 1)) {
        this.#closeStanza(bytes);
        at = newline + 1;
        continue;
      }
      this.#stanzaBytes += newline + 1 - at;
      if (this.#stanzaBytes > maxStanzaBytes)
        throw new ProtocolError(`a stanza is longer than ${maxStanzaBytes} bytes`);
      if (first === SPACE || first === TAB) {
        if (!this.#inStanza) throw new ProtocolError('control data has a continuation line without a field');
        if (this.#openFrom >= 0) {
          this.#openTo = newline;
          if (newline - this.#openFrom > maxFieldBytes)
            throw new ProtocolError(`a field is longer than ${maxFieldBytes} bytes`);
        }
      } else {
        if (this.#openFrom >= 0) this.#closeField(bytes);
        const colon = fieldColon(bytes, at, newline);
        this.#inStanza = true;
        const candidates = wanted[first | 0x20];
        if (candidates !== undefined) {
          const field = matchName(candidates, bytes, at, colon);
          if (field >= 0) {
            this.#openField = field;
            this.#openFrom = colon + 1;
            this.#openTo = newline;
          }
        }
      }
      at = newline + 1;
    }
    if (bytes.length - at > maxFieldBytes)
      throw new ProtocolError(`a control line is longer than ${maxFieldBytes} bytes`);
    const keepFrom = this.#openFrom >= 0 ? this.#openFrom : at;
    if (this.#openFrom >= 0) {
      this.#openTo -= keepFrom;
      this.#openFrom = 0;
    }
    this.#lineStart = at - keepFrom;
    // A copy: the caller may use its chunk's memory again.
    this.#rest =
      keepFrom === bytes.length
        ? EMPTY
        : last
          ? bytes.subarray(keepFrom)
          : Buffer.from(bytes.subarray(keepFrom));
  }

  #closeField(bytes: Buffer): void {
    let from = this.#openFrom;
    let to = this.#openTo;
    while (from < to && isBlank(bytes[from] as number)) from += 1;
    while (to > from && isBlank(bytes[to - 1] as number)) to -= 1;
    this.#openFrom = -1;
    this.#sink.onField(this.#openField, bytes, from, to);
  }

  #closeStanza(bytes: Buffer): void {
    if (this.#openFrom >= 0) this.#closeField(bytes);
    this.#stanzaBytes = 0;
    if (!this.#inStanza) return;
    this.#inStanza = false;
    this.#sink.onStanza();
  }
}

/** One stanza of data that is at hand as a whole: the values asked for, by lower-case name. Throws ProtocolError. */
export function parseStanza(
  bytes: Uint8Array,
  fields: readonly string[],
  limits: Partial<ControlLimits> = {},
): Map<string, string> {
  const values = new Map<string, string>();
  let stanzas = 0;
  const scanner = new ControlScanner(
    fields,
    {
      onField(field, from, start, end) {
        if (stanzas > 0) return;
        values.set((fields[field] as string).toLowerCase(), from.toString('utf8', start, end));
      },
      onStanza() {
        stanzas += 1;
      },
    },
    limits,
  );
  scanner.push(bytes);
  scanner.end();
  if (stanzas > 1) throw new ProtocolError(`control data has ${stanzas} stanzas where one is expected`);
  return values;
}

/** Where the name that begins at `at` ends. Throws ProtocolError for what can't be a field name (deb822(5)). */
function fieldColon(bytes: Buffer, at: number, newline: number): number {
  const first = bytes[at] as number;
  if (first === HASH || first === DASH || first === COLON)
    throw new ProtocolError('a field name begins with a character it may not');
  let colon = at;
  for (;;) {
    const byte = bytes[colon] as number;
    if (byte === COLON) return colon;
    if (byte <= SPACE || byte >= 127 || colon >= newline)
      throw new ProtocolError('control data has a line without a field name');
    colon += 1;
  }
}

function matchName(candidates: readonly WantedName[], bytes: Buffer, at: number, colon: number): number {
  const length = colon - at;
  for (const { index, name } of candidates) {
    if (name.length !== length) continue;
    let i = 1;
    // ASCII letters differ from their capitals in one bit; "-" and digits have it set already.
    while (i < length && ((bytes[at + i] as number) | 0x20) === name[i]) i += 1;
    if (i === length) return index;
  }
  return -1;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === LF;
}

/**
 * Walks over bencoding and says whether it is canonical and within limits, without building anything and without
 * recursion: exact lengths, integers in shortest form and within ±(2^53-1), dictionary keys sorted by raw bytes and
 * unique (unless `anyKeyOrder`), nothing cut off. What has passed here may be handed to readers that check nothing. Throws ProtocolError only.
 * Work is linear in the input, memory is bounded by `maxDepth`. Source: BEP 3.
 */
import { ProtocolError } from '../lib/errors.ts';

export interface Limits {
  /** Longest input that is looked at at all. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Deepest nesting of lists and dictionaries. Default 32. */
  readonly maxDepth?: number;
  /** Most values (list items, dictionary values, the outermost one) in all. Default 65,536. */
  readonly maxItems?: number;
  /**
   * Takes dictionary keys in any order, and the last of equal ones. For answers of programs that aren't ours and that
   * nothing is computed over: some trackers write their keys as they come. Default false.
   */
  readonly anyKeyOrder?: boolean;
}

export interface Scanned {
  /** Bytes of the one value at the start of the input. */
  readonly bytesUsed: number;
  /** Whether every key is printable ASCII and none is "__proto__". */
  readonly plainKeys: boolean;
  /** Where the value of the wanted top-level key lies, when it was asked for and is there. */
  readonly slice: { readonly from: number; readonly to: number } | undefined;
}

const LIST = 0x6c;
const DICT = 0x64;
const INT = 0x69;
const END = 0x65;
const COLON = 0x3a;
const MINUS = 0x2d;
const PROTO = Buffer.from('__proto__');

/** An open list or dictionary. */
interface Frame {
  isDict: boolean;
  /** Dictionary only: the next string is a key. */
  wantsKey: boolean;
  keyFrom: number;
  keyTo: number;
}

/** Checks the value at the start of `bytes`; `sliceKey` names a key of the outermost dictionary to be located. */
export function scan(bytes: Uint8Array, limits: Limits = {}, sliceKey?: Uint8Array): Scanned {
  const { maxBytes = 1 << 20, maxDepth = 32, maxItems = 65_536, anyKeyOrder = false } = limits;
  if (bytes.length > maxBytes) fail(`longer than ${maxBytes} bytes`, 0);
  const frames: Frame[] = [];
  let depth = 0;
  let items = 0;
  let at = 0;
  let plainKeys = true;
  let sliceFrom = -1;
  let slice: Scanned['slice'];

  for (;;) {
    const frame = depth > 0 ? frames[depth - 1] : undefined;
    const byte = bytes[at];
    if (byte === END && frame) {
      if (frame.isDict && !frame.wantsKey) fail('a key without a value', at);
      at += 1;
      depth -= 1;
    } else if (frame?.isDict && frame.wantsKey) {
      const from = stringStart(bytes, at);
      const to = stringEnd;
      if (frame.keyTo >= 0 && !anyKeyOrder) checkOrder(bytes, frame, from, to);
      frame.keyFrom = from;
      frame.keyTo = to;
      frame.wantsKey = false;
      plainKeys &&= isPlainKey(bytes, from, to);
      at = to;
      if (depth === 1 && sliceKey && equals(bytes, from, to, sliceKey)) sliceFrom = at;
      continue;
    } else {
      items += 1;
      if (items > maxItems) fail(`more than ${maxItems} values`, at);
      if (byte === LIST || byte === DICT) {
        if (depth === maxDepth) fail(`nested deeper than ${maxDepth}`, at);
        const isDict = byte === DICT;
        frames[depth] = { isDict, wantsKey: isDict, keyFrom: -1, keyTo: -1 };
        depth += 1;
        at += 1;
        continue;
      }
      if (byte === INT) at = integerEnd(bytes, at);
      else {
        stringStart(bytes, at);
        at = stringEnd;
      }
    }
    // A value has just ended, at depth `depth`.
    if (depth === 0) return { bytesUsed: at, plainKeys, slice };
    const outer = frames[depth - 1] as Frame;
    if (outer.isDict) outer.wantsKey = true;
    if (depth === 1 && sliceFrom >= 0) {
      slice = { from: sliceFrom, to: at };
      sliceFrom = -1;
    }
  }
}

/** Second result of stringStart(): a pair would be an allocation for every string. */
let stringEnd = 0;

/** Where the string at `at` has its first byte; its end is left in `stringEnd`. */
function stringStart(bytes: Uint8Array, at: number): number {
  let length = 0;
  let p = at;
  for (; ; p++) {
    const digit = (bytes[p] ?? 0) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    if (p - at >= 10) fail('a string too long', at);
    length = length * 10 + digit;
  }
  if (p === at) fail(at < bytes.length ? 'a value expected' : 'cut short', at);
  if (bytes[p] !== COLON) fail(p < bytes.length ? 'a string length without ":"' : 'cut short', p);
  if (bytes[at] === 48 && p - at > 1) fail('a string length with a leading zero', at);
  if (length > bytes.length - p - 1) fail('a string longer than what is there', at);
  stringEnd = p + 1 + length;
  return p + 1;
}

/** Checks the integer at `at` ("i…e") and returns the position after it. */
function integerEnd(bytes: Uint8Array, at: number): number {
  const negative = bytes[at + 1] === MINUS;
  const from = negative ? at + 2 : at + 1;
  let value = 0;
  let p = from;
  for (; ; p++) {
    const digit = (bytes[p] ?? 0) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    if (p - from >= 16) fail('an integer outside ±(2^53-1)', at);
    value = value * 10 + digit;
  }
  if (bytes[p] !== END) fail(p < bytes.length ? 'not an integer' : 'cut short', p);
  if (p === from) fail('an integer without digits', at);
  if (bytes[from] === 48 && (negative || p - from > 1)) fail('an integer not in shortest form', at);
  if (value > Number.MAX_SAFE_INTEGER) fail('an integer outside ±(2^53-1)', at);
  return p + 1;
}

function checkOrder(bytes: Uint8Array, frame: Frame, from: number, to: number): void {
  const previous = frame.keyTo - frame.keyFrom;
  const length = to - from;
  const common = Math.min(previous, length);
  for (let i = 0; i < common; i++) {
    const difference = (bytes[from + i] as number) - (bytes[frame.keyFrom + i] as number);
    if (difference > 0) return;
    if (difference < 0) fail('dictionary keys not sorted', from);
  }
  if (length === previous) fail('a dictionary key twice', from);
  if (length < previous) fail('dictionary keys not sorted', from);
}

function isPlainKey(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return !equals(bytes, from, to, PROTO);
}

function equals(bytes: Uint8Array, from: number, to: number, other: Uint8Array): boolean {
  if (to - from !== other.length) return false;
  for (let i = 0; i < other.length; i++) if (bytes[from + i] !== other[i]) return false;
  return true;
}

function fail(reason: string, at: number): never {
  throw new ProtocolError(`could not decode bencoding: ${reason} (byte ${at})`);
}

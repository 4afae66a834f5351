/**
 * Typed reading of decoded dictionaries. Every getter throws a ProtocolError that names the key when it is missing or
 * of another type; every `find…` gives undefined when it is missing, and throws when it is of another type.
 * Only own keys are seen, whatever a remote calls them.
 */
import { ProtocolError } from '../lib/errors.ts';
import { isDict } from './decode.ts';
import type { BDict, BValue } from './value.ts';

/** An integer within [min, max]; by default any that is ≥ 0 (nothing in BitTorrent's dictionaries is negative by right). */
export function getInt(dict: BDict, key: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
  return findInt(dict, key, min, max) ?? missing(key);
}

export function findInt(
  dict: BDict,
  key: string,
  min = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = field(dict, key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number') return wrong(key, 'an integer');
  if (value < min || value > max) return wrong(key, `within ${min}…${max}`);
  return value;
}

/** A byte string; of exactly `length` bytes when that is given. */
export function getBytes(dict: BDict, key: string, length?: number): Uint8Array {
  return findBytes(dict, key, length) ?? missing(key);
}

export function findBytes(dict: BDict, key: string, length?: number): Uint8Array | undefined {
  const value = field(dict, key);
  if (value === undefined) return undefined;
  if (!(value instanceof Uint8Array)) return wrong(key, 'a byte string');
  if (length !== undefined && value.length !== length) return wrong(key, `${length} bytes long`);
  return value;
}

/** A byte string that must be UTF-8. */
export function getText(dict: BDict, key: string): string {
  return findText(dict, key) ?? missing(key);
}

export function findText(dict: BDict, key: string): string | undefined {
  const value = findBytes(dict, key);
  return value === undefined ? undefined : asText(value, key);
}

export function getList(dict: BDict, key: string): readonly BValue[] {
  return findList(dict, key) ?? missing(key);
}

export function findList(dict: BDict, key: string): readonly BValue[] | undefined {
  const value = field(dict, key);
  if (value === undefined) return undefined;
  return Array.isArray(value) ? (value as readonly BValue[]) : wrong(key, 'a list');
}

export function getDict(dict: BDict, key: string): BDict {
  return findDict(dict, key) ?? missing(key);
}

export function findDict(dict: BDict, key: string): BDict | undefined {
  const value = field(dict, key);
  if (value === undefined) return undefined;
  return isDict(value) ? value : wrong(key, 'a dictionary');
}

/** Text of a value that was found in a list; `what` names it in the error. */
export function asText(value: BValue | undefined, what: string): string {
  if (!(value instanceof Uint8Array)) return wrong(what, 'a byte string');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return wrong(what, 'UTF-8');
  }
}

function field(dict: BDict, key: string): BValue | undefined {
  return Object.hasOwn(dict, key) ? dict[key] : undefined;
}

function missing(key: string): never {
  throw new ProtocolError(`"${key}" is missing`);
}

function wrong(key: string, expected: string): never {
  throw new ProtocolError(`"${key}" is not ${expected}`);
}

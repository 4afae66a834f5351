/**
 * Which part of a file answers a request: all, a range, or only "you have it already". Pure; the rules of RFC 9110
 * §13.2.2 in their order, for a file that exists.
 *
 * Two deliberate limits: several ranges in one request get the whole file, as §14.2 allows; and while the file has no
 * strong validator (something in it isn't proven yet) no range is given at all, so that whoever resumes starts anew.
 */
export interface Representation {
  readonly sizeBytes: number;
  /** Whole seconds count. */
  readonly lastModifiedMs: number;
  readonly etag: string | undefined;
}

export interface Conditions {
  readonly method: 'GET' | 'HEAD';
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly range?: string | undefined;
}

export type Selection =
  /** Bytes [from, to) of the file. */
  | { readonly status: 200 | 206; readonly from: number; readonly to: number }
  | { readonly status: 304 }
  | { readonly status: 416 };

export function select(file: Representation, asked: Conditions): Selection {
  if (isNotModified(file, asked)) return { status: 304 };
  const whole = { status: 200, from: 0, to: file.sizeBytes } as const;
  if (asked.method !== 'GET' || asked.range === undefined || file.etag === undefined) return whole;
  if (asked.ifRange !== undefined && !ifRangeHolds(file, asked.ifRange)) return whole;
  const range = parseRange(asked.range, file.sizeBytes);
  if (range === 'ignored') return whole;
  return range === 'unsatisfiable' ? { status: 416 } : { status: 206, ...range };
}

function isNotModified(file: Representation, { ifNoneMatch, ifModifiedSince }: Conditions): boolean {
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*') return true;
    if (file.etag === undefined) return false;
    return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === file.etag);
  }
  const sinceMs = ifModifiedSince === undefined ? undefined : parseHttpDate(ifModifiedSince);
  return sinceMs !== undefined && wholeSeconds(file.lastModifiedMs) <= sinceMs;
}

/** Exact, or not at all: neither a weak tag nor a later date will do (RFC 9110 §13.1.5). */
function ifRangeHolds(file: Representation, ifRange: string): boolean {
  const text = ifRange.trim();
  if (text.startsWith('"') || text.startsWith('W/')) return text === file.etag;
  return parseHttpDate(text) === wholeSeconds(file.lastModifiedMs);
}

/** One range of bytes, clipped to the file (RFC 9110 §14.1.2). What we don't understand is ignored (§14.2). */
function parseRange(
  text: string,
  sizeBytes: number,
): { from: number; to: number } | 'ignored' | 'unsatisfiable' {
  const match = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(text);
  if (!match) return 'ignored';
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return 'ignored';
    const suffix = Math.min(Number(last), sizeBytes);
    return suffix === 0 ? 'unsatisfiable' : { from: sizeBytes - suffix, to: sizeBytes };
  }
  const from = Number(first);
  if (last !== '' && Number(last) < from) return 'ignored';
  if (from >= sizeBytes) return 'unsatisfiable';
  return { from, to: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
}

/** Milliseconds since 1970; undefined when it isn't a date. Only forms with GMT (RFC 9110 §5.6.7) or none (asctime). */
function parseHttpDate(text: string): number | undefined {
  if (!/^(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b/.test(text.trim()))
    return undefined;
  const ms = Date.parse(/GMT\s*$/.test(text) ? text : `${text.trim()} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

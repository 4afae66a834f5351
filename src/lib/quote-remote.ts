/**
 * Text that a stranger wrote, in our own words to people: errors, logs, tables. Pure rooms take it from here, as they
 * never log.
 */

/** Remote text, made safe to print: control characters escaped, cut to `max` characters. */
export function quoteRemote(text: string, max = 80): string {
  const escaped = text.replace(/[^\x20-\x7e]/g, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
  return escaped.length > max ? `${escaped.slice(0, max)}…` : escaped;
}

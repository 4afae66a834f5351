/**
 * What a client on this machine says that a file must be: `X-DebTorrent-Expected: sha256=HEX; size=BYTES`. Our apt method
 * knows it from apt, which has it from a Release that it verified. It makes a file worth keeping that the catalogue
 * doesn't know; it makes nothing shareable, as anybody on this machine can say anything. It decides what counts when
 * the catalogue says otherwise: for this client, what the client expects.
 */
import type { Entry, Location } from '../archive/entry.ts';
import { isLoopbackHost } from '../lib/address-range.ts';
import { parseSha256, type Sha256 } from '../lib/sha256.ts';
import { type Exchange, field } from './exchange.ts';

export interface Expectation {
  readonly key: Sha256;
  readonly sizeBytes: number;
}

export interface LooksUp {
  lookup(at: Location): Promise<Entry | undefined>;
  /** What a Release, whichever, says of content with that key. */
  byKey?(key: Sha256): Entry | undefined;
}

/** A table is made in about this time; without one the file comes from the mirror alone. */
const PATIENCE_MS = 2_000;

/** Undefined where there is none, where it isn't one, and for clients of other machines. */
export function expectationOf({ request }: Pick<Exchange, 'request'>): Expectation | undefined {
  const text = field(request, 'x-debtorrent-expected');
  if (text === undefined || !isLoopbackHost(request.socket.remoteAddress ?? '')) return undefined;
  return parseExpectation(text);
}

export function parseExpectation(text: string): Expectation | undefined {
  const [, hex = '', size] = /^sha256=([0-9a-f]{64}); ?size=(\d{1,15})$/.exec(text) ?? [];
  const key = parseSha256(hex);
  return key && { key, sizeBytes: Number(size) };
}

/**
 * What the file is, for a client that expects this of it. An entry of our own making has no swarms. Whoever expects
 * something isn't kept waiting for long until the catalogue has read its indexes.
 */
export async function entryFor(
  catalogue: LooksUp,
  at: Location,
  expected: Expectation | undefined,
): Promise<Entry | undefined> {
  const looking = catalogue.lookup(at);
  if (!expected) return await looking;
  const known = await Promise.race([looking, Bun.sleep(PATIENCE_MS)]);
  if (known?.key === expected.key) return known;
  return catalogue.byKey?.(expected.key) ?? { ...expected, swarms: [] };
}

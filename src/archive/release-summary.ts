/** What people may want to know of a Release in force: for logs, status and tests. Plain data, decides nothing. */
import type { Sha256 } from '../lib/sha256.ts';
import type { HeldRelease, UpstreamNotes } from './held-release.ts';
import type { IndexTable } from './index-table.ts';
import type { SignatureVerdict } from './signature.ts';

export interface ReleaseSummary {
  /** "host/path" of the directory of the Release file. */
  readonly directory: string;
  readonly origin: string | undefined;
  readonly codename: string | undefined;
  readonly suite: string | undefined;
  readonly dateMs: number | undefined;
  readonly validUntilMs: number | undefined;
  readonly verdict: SignatureVerdict;
  readonly shareable: boolean;
  readonly upstream: Readonly<UpstreamNotes>;
  /** How much older than what another mirror gives for it, in milliseconds. */
  readonly behindMs: number;
  readonly indexes: readonly { readonly name: string; readonly files: number; readonly stale: boolean }[];
}

/** `table` gives the table of that key where it is loaded; `all` are the Releases in force. */
export function summaryOf(
  held: HeldRelease,
  table: (key: Sha256) => IndexTable | undefined,
  all: Iterable<HeldRelease>,
): ReleaseSummary {
  return {
    directory: held.place.directory,
    origin: held.release.origin,
    codename: held.release.codename,
    suite: held.release.suite,
    dateMs: held.release.dateMs,
    validUntilMs: held.release.validUntilMs,
    verdict: held.verdict,
    shareable: held.shareable,
    upstream: { ...held.upstream },
    behindMs: held.behindMs(all),
    indexes: [...held.indexes.values()]
      .filter(({ current }) => current !== undefined)
      .map((index) => ({
        name: index.stem,
        files: (index.current && table(index.current)?.length) ?? 0,
        stale: held.isStale(index),
      })),
  };
}

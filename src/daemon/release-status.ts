/** A Release in force, in the words of the status. */
import type { ReleaseSummary } from '../archive/release-summary.ts';
import type { ReleaseStatus } from '../status/snapshot.ts';

export function releaseStatus(release: ReleaseSummary, wallMs: number): ReleaseStatus {
  const { directory, dateMs, validUntilMs, verdict, upstream } = release;
  const isSigned = verdict.status === 'public' || verdict.status === 'private';
  return {
    name: directory,
    ...(dateMs !== undefined && { ageSeconds: Math.max(0, Math.floor((wallMs - dateMs) / 1000)) }),
    ...(validUntilMs !== undefined && { validSeconds: Math.floor((validUntilMs - wallMs) / 1000) }),
    signed: isSigned ? verdict.status : 'no',
    shared: release.shareable,
    stale: upstream.stale,
    behindSeconds: Math.floor(release.behindMs / 1000),
    rolledBack: upstream.rolledBack,
    refused: upstream.refused,
  };
}

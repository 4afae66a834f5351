/**
 * What names an archive's swarm: origin, codename and architecture in their normal form, so that a release, its
 * updates and its security fixes meet in one swarm that outlives every update. Decided from a Release alone (and its
 * URI where the Release says nothing), so that every node comes to the same. Source: docs/protocol.md. Pure.
 */
import type { Release } from './release.ts';

export interface ArchiveIdentity {
  readonly origin: string;
  readonly codename: string;
  /** A Debian architecture, or "all". */
  readonly architecture: string;
}

/** apt's own name for the suite of a flat repository. */
const FLAT = '/';

/**
 * Pockets of one release. The longest match counts (a regular expression finds the leftmost), again and again:
 * "bookworm-proposed-updates-debug" is bookworm.
 */
const POCKET =
  /(?:-(?:backports-sloppy|backports|proposed-updates|proposed|updates|security|debug|lts)|\/updates)$/;

/** A Codename (or Suite) without its pocket: "bookworm-security" → "bookworm", "buster/updates" → "buster". */
export function normalCodename(codename: string): string {
  let rest = codename;
  for (
    let shorter = rest.replace(POCKET, '');
    shorter !== rest && shorter !== '';
    shorter = rest.replace(POCKET, '')
  ) {
    rest = shorter;
  }
  return rest;
}

/** An Origin without what only names the pocket: "Debian Backports" → "Debian". */
export function normalOrigin(origin: string): string {
  return origin.replace(/ (?:Backports|Security|Updates|LTS|Debug)$/i, '') || origin;
}

/**
 * The identity of the files of `architecture` in that archive. `base` is "host/path" without scheme and slash at the
 * end (host in lower case, no default port); it names an archive whose Release lacks Origin, or both Codename and
 * Suite.
 */
export function archiveIdentity(release: Release, architecture: string, base: string): ArchiveIdentity {
  const codename = release.codename ?? release.suite;
  if (release.origin === undefined || codename === undefined) {
    return {
      origin: base.replace(/\/+$/, ''),
      codename: codename === undefined ? FLAT : normalCodename(codename),
      architecture,
    };
  }
  return { origin: normalOrigin(release.origin), codename: normalCodename(codename), architecture };
}

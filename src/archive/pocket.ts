/**
 * Which archives hold security updates: asking for a file of theirs tells whoever is asked that this machine lacks the
 * fix. Decided from what the Release says of itself and where it lies; who is asked then is the swarm's business.
 *
 * Debian: suites and codenames ending in "-security" (before bullseye "buster/updates"; "-lts" for the oldest), and
 * whatever has the label Debian-Security. Ubuntu: "-security" and "-updates", as each fix is in both.
 * Source: docs/protocol.md "Who learns what you look for". Pure.
 */
import type { Release } from './release.ts';

const SECURITY_SUITE = /(?:-security|\/updates|-lts)(?:\/|$)/i;
const UBUNTU_SUITE = /-(?:security|updates)(?:\/|$)/i;
const SECURITY_LABEL = /(?:^|[\s-])security$/i;
/** Ubuntu itself and its extended maintenance ("UbuntuESM", "UbuntuESMApps"). */
const UBUNTU = /^ubuntu/i;

/** Whether a path below an archive's base is one of a security pocket, where there is no Release to ask. */
export function isSecurityPath(path: string): boolean {
  const suite = /^dists\/([^/]+(?:\/updates(?=\/))?)/.exec(path)?.[1];
  return path.startsWith('pool/updates/') || (suite !== undefined && SECURITY_SUITE.test(suite));
}

/** `placeSuite`: of the place where the Release lies, "bookworm-security" of …/dists/bookworm-security. */
export function isSecurityPocket(
  { origin, label, suite, codename }: Pick<Release, 'origin' | 'label' | 'suite' | 'codename'>,
  placeSuite?: string,
): boolean {
  if (label !== undefined && SECURITY_LABEL.test(label)) return true;
  const pattern = origin !== undefined && UBUNTU.test(origin) ? UBUNTU_SUITE : SECURITY_SUITE;
  return [suite, codename, placeSuite].some((name) => name !== undefined && pattern.test(name));
}

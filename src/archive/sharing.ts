/**
 * Which archives' files may be offered to others: those whose Release a public archive key signed, and those that
 * the operator named with --share. Everything else is private: fetched from its mirror only, never announced. Pure.
 */
import type { Release } from './release.ts';
import type { SignatureVerdict } from './signature.ts';

/**
 * What --share says: an origin ("Example Corp", compared without regard to case with the Release's Origin) or a URI
 * prefix ("http://host:port/debian", "host:port/debian", "host/debian"), which ends at a path boundary.
 */
export interface ShareRule {
  readonly origin: string | undefined;
  /** "host[:port]/path" without a slash at the end. */
  readonly uriPrefix: string | undefined;
}

/** Never fails: what can't be a URI is an origin. */
export function parseShareRule(text: string): ShareRule {
  const plain = text.trim();
  const url = /^(https?):\/\/([^/\s]+)(\/.*)?$/i.exec(plain);
  if (url)
    return { origin: undefined, uriPrefix: uriPrefix(url[2] as string, url[3] ?? '', url[1]?.toLowerCase()) };
  const bare = /^([^/\s:]+:\d+|\[[0-9a-f:.]+\](?::\d+)?|[^/\s:]+(?=\/))(\/.*)?$/i.exec(plain);
  return {
    origin: plain.toLowerCase(),
    uriPrefix: bare ? uriPrefix(bare[1] as string, bare[2] ?? '', 'http') : undefined,
  };
}

/** `base` is "host[:port]/path" as the catalogue names archives. */
export function isShareable(
  release: Release,
  base: string,
  verdict: SignatureVerdict,
  rules: readonly ShareRule[],
): boolean {
  if (verdict.status === 'public') return true;
  return rules.some((rule) => {
    if (rule.origin !== undefined && rule.origin === release.origin?.toLowerCase()) return true;
    return rule.uriPrefix !== undefined && (base === rule.uriPrefix || base.startsWith(`${rule.uriPrefix}/`));
  });
}

function uriPrefix(authority: string, path: string, scheme: string | undefined): string {
  const host = authority.toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '');
  return host + path.replace(/\/+$/, '');
}

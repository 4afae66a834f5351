/** What of a tree is shared and what isn't, and why, in a few lines for people. Pure. */
import type { ReleaseSummary } from '../archive/release-summary.ts';
import { verdictText } from '../archive/signature.ts';
import { quoteRemote } from '../lib/quote-remote.ts';

/** A Release of the tree; `path` is of its folder, below the root. */
type Seeded = Pick<ReleaseSummary, 'origin' | 'codename' | 'suite' | 'verdict' | 'shareable' | 'indexes'> & {
  readonly path: string;
};

/** Of each kind; the last one says how many more there are. */
const MAX_LINES = 3;

/**
 * `refused`: folder of a Release → why it isn't in force. "debian: bookworm, bookworm-updates (Debian); its indexes name
 * 63440 files".
 */
export function seededArchives(
  releases: readonly Seeded[],
  refused: ReadonlyMap<string, string>,
): { readonly shared: string[]; readonly notShared: string[] } {
  const isNamed = ({ origin, codename, suite }: Seeded) =>
    origin !== undefined && (codename ?? suite) !== undefined;
  const shared = Map.groupBy(
    releases.filter(({ shareable }) => shareable),
    (release) => `${baseOf(release.path)}\n${release.origin ?? ''}`,
  );
  const others = releases.filter(({ shareable }) => !shareable);
  return {
    shared: limited([...shared.values()].map(sharedLine)),
    notShared: limited([
      ...others.map((release) => {
        const how = isNamed(release) ? `; --share ${quoted(release.origin ?? '')} would share it` : '';
        return `${release.path || '.'}: ${why(release)}${how}`;
      }),
      ...[...refused].map(([path, reason]) => `${path || '.'}: ${quoteRemote(reason, 200)}`),
    ]),
  };
}

function sharedLine(releases: readonly Seeded[]): string {
  const [first] = releases as [Seeded];
  const suites = releases.map(({ path }) => suiteOf(path)).filter((suite) => suite !== '');
  const named = releases.flatMap(({ indexes }) => indexes).reduce((sum, { files }) => sum + files, 0);
  const of = [baseOf(first.path) || '.', suites.join(', ')].filter((part) => part !== '').join(': ');
  const origin = first.origin === undefined ? '' : ` (${quoteRemote(first.origin)})`;
  return named === 0
    ? `${of}${origin}; no index of it is here, so only what its Release names`
    : `${of}${origin}; its indexes name ${named} files`;
}

function why({ verdict }: Seeded): string {
  if (verdict.status === 'private') return 'no public archive key signed it';
  return verdictText(verdict);
}

/** What is before dists/. */
function baseOf(path: string): string {
  return path.replace(/(?:^|\/)dists\/.*$/, '');
}

function suiteOf(path: string): string {
  return /(?:^|\/)dists\/(.*)$/.exec(path)?.[1] ?? '';
}

function quoted(text: string): string {
  return `"${quoteRemote(text)}"`;
}

function limited(lines: readonly string[]): string[] {
  if (lines.length <= MAX_LINES) return [...lines];
  return [...lines.slice(0, MAX_LINES - 1), `and ${lines.length - MAX_LINES + 1} more (see the status page)`];
}

/** This machine's own copies of Debian's indexes (/var/lib/apt/lists): real input of real size for the benches. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LISTS = '/var/lib/apt/lists';

/** The suites that a machine of this release uses; of these, those that are there count. */
const SUITES = ['', '-updates', '-security'];

export interface AptList {
  /** "bookworm-security" */
  readonly codename: string;
  /** The text of its main's Packages, amd64. */
  readonly packages: Uint8Array;
}

/** Throws when the release's own suite isn't there: `apt-get update` brings it. */
export function aptLists(release = 'bookworm'): AptList[] {
  const names = existsSync(LISTS) ? readdirSync(LISTS) : [];
  const found = SUITES.flatMap((suffix) => {
    const codename = `${release}${suffix}`;
    const end = new RegExp(`_dists_${codename}_main_binary-amd64_Packages(\\.\\w+)?$`);
    const name = names.find((each) => end.test(each));
    return name === undefined ? [] : [{ codename, packages: content(join(LISTS, name)) }];
  });
  if (found[0]?.codename !== release) {
    throw new Error(
      `${LISTS} has no index of ${release} main amd64: run apt-get update on a machine that uses it`,
    );
  }
  return found;
}

/** However apt keeps it compressed. */
function content(path: string): Uint8Array {
  const done = Bun.spawnSync(['/usr/lib/apt/apt-helper', 'cat-file', path]);
  if (done.exitCode !== 0) throw new Error(`could not read ${path}: ${done.stderr}`);
  return done.stdout;
}

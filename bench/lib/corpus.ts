/** The archive of real packages that corpus.sh builds: what is in it, and where. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Corpus {
  /** dists/ and pool/ lie here. */
  readonly root: string;
  readonly keyring: string;
  readonly suite: string;
  /** All package names. */
  readonly packages: readonly string[];
  readonly bytes: number;
  /** Size of each package's .deb by name, in the order of the index. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Below root: the largest .deb, and one of about 20 KB. */
  readonly bigFile: string;
  readonly smallFile: string;
}

const SMALL_BYTES = 20 * 1024;

/** BENCH_CORPUS, or "corpus" in the benches' directory below the system's temporary one. Throws when nothing is there. */
export function openCorpus(): Corpus {
  const root = process.env.BENCH_CORPUS ?? join(tmpdir(), 'debtorrent-bench/corpus');
  if (!existsSync(join(root, 'packages.txt'))) {
    throw new Error(`there is no corpus in ${root}: run bench/corpus.sh, or name one by BENCH_CORPUS`);
  }
  const debs = readdirSync(join(root, 'pool'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.deb'))
    .map((name) => ({ path: `pool/${name}`, bytes: statSync(join(root, 'pool', name)).size }));
  const nearestTo = (bytes: number) =>
    debs.toSorted((a, b) => Math.abs(a.bytes - bytes) - Math.abs(b.bytes - bytes))[0]?.path ?? '';
  return {
    root,
    keyring: join(root, 'keyring.gpg'),
    suite: 'bookworm',
    packages: readFileSync(join(root, 'packages.txt'), 'utf8').trim().split('\n'),
    sizes: sizesIn(join(root, 'dists/bookworm/main/binary-amd64/Packages')),
    bytes: debs.reduce((sum, { bytes }) => sum + bytes, 0),
    bigFile: nearestTo(Number.MAX_SAFE_INTEGER),
    smallFile: nearestTo(SMALL_BYTES),
  };
}

function sizesIn(packages: string): Map<string, number> {
  const stanzas = readFileSync(packages, 'utf8').split('\n\n');
  const field = (stanza: string, name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
  return new Map(
    stanzas
      .filter((stanza) => stanza.trim() !== '')
      .map((stanza) => [field(stanza, 'Package'), Number(field(stanza, 'Size'))]),
  );
}

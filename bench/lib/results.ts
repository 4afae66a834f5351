/**
 * What a bench leaves behind: one JSON file a run, with all that is needed to judge the figures (machine, commit,
 * versions, parameters) and every single measurement. Rewritten after each, so a run that was cut short still counts.
 *
 * Files are `<results>/<bench>-<start>.json`; report.ts takes the newest of each bench.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

export interface BenchResult<R> {
  readonly bench: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Short hash; "-dirty" behind it when files differed from it. */
  readonly commit: string;
  readonly machine: string;
  /** Program or package → version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly records: R[];
}

const root = join(import.meta.dir, '../..');

/** BENCH_RESULTS, or "results" in the benches' directory below the system's temporary one. */
export function resultsDir(): string {
  return process.env.BENCH_RESULTS ?? join(tmpdir(), 'debtorrent-bench/results');
}

export class Recorder<R> {
  readonly result: BenchResult<R>;
  readonly #path: string;

  /** `packages`: Debian packages whose versions matter. */
  constructor(
    bench: string,
    parameters: Readonly<Record<string, string | number>>,
    packages: readonly string[] = [],
  ) {
    const startedAt = new Date().toISOString();
    this.result = {
      bench,
      startedAt,
      commit: commit(),
      machine: machine(),
      versions: versions(packages),
      parameters,
      records: [],
    };
    mkdirSync(resultsDir(), { recursive: true });
    this.#path = join(resultsDir(), `${bench}-${startedAt.replaceAll(':', '')}.json`);
  }

  /** Keeps a measurement, and shows it on stderr: benches take minutes. */
  add(record: R): void {
    this.result.records.push(record);
    writeFileSync(this.#path, `${JSON.stringify(this.result, null, 1)}\n`);
    console.error(JSON.stringify(record));
  }

  /** Where the result lies. */
  get path(): string {
    return this.#path;
  }
}

/** The newest result of the bench; undefined when there is none. */
export function newestResult<R>(bench: string): BenchResult<R> | undefined {
  const newest = namesOf(bench).at(-1);
  return newest === undefined ? undefined : read<R>(newest);
}

/**
 * What was measured at the newest result's commit with its seed, several runs as one, the newest figures last; undefined
 * when there is none.
 */
export function resultsOfNewestCommit<R>(bench: string): BenchResult<R> | undefined {
  const results = namesOf(bench).map((name) => read<R>(name));
  const newest = results.at(-1);
  if (!newest) return undefined;
  const alike = results.filter(
    ({ commit, parameters }) => commit === newest.commit && parameters.seed === newest.parameters.seed,
  );
  return { ...newest, records: alike.flatMap(({ records }) => records) };
}

/** Oldest first. */
function namesOf(bench: string): string[] {
  const isOurs = (name: string) => name.startsWith(`${bench}-2`) && name.endsWith('.json');
  return existsSync(resultsDir()) ? readdirSync(resultsDir()).filter(isOurs).sort() : [];
}

function read<R>(name: string): BenchResult<R> {
  return JSON.parse(readFileSync(join(resultsDir(), name), 'utf8')) as BenchResult<R>;
}

function commit(): string {
  const git = (...args: string[]) =>
    Bun.spawnSync(['git', ...args], { cwd: root })
      .stdout.toString()
      .trim();
  const hash = git('rev-parse', '--short', 'HEAD') || 'unknown';
  return git('status', '--porcelain', '--', 'src', 'package-lock.json') === '' ? hash : `${hash}-dirty`;
}

function machine(): string {
  const cores = cpus();
  const distribution = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cores.length} × ${cores[0]?.model ?? 'unknown'}, ${memory}, Linux ${release()}, ${distribution}`;
}

function versions(packages: readonly string[]): Record<string, string> {
  const found: Record<string, string> = { debtorrent: packageJson.version, bun: Bun.version };
  if (packages.length === 0) return found;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in.
  const format = '${Package} ${Version}\n';
  const listed = Bun.spawnSync([
    'dpkg-query',
    '--show',
    `--showformat=${format}`,
    ...packages,
  ]).stdout.toString();
  for (const line of listed.split('\n')) {
    const [name, version] = line.split(' ');
    if (name && version) found[name] = version;
  }
  return found;
}

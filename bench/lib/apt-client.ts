/**
 * One real apt-get in a directory of its own in memory (/dev/shm), so that the client's disk is no part of what is
 * measured: fresh lists and cache, one signed archive, no retries (a failure must show). apt checks every file
 * against the signed index, as always.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from '../../test/fixtures/at-end.ts';
import { run } from '../../test/fixtures/run.ts';

export interface BenchClientOptions {
  /** Lines of sources.list behind "deb [signed-by=…]": "http://127.0.0.1:8080/debian bookworm main". */
  readonly sources: readonly string[];
  readonly keyring: string;
  /** Acquire::http::Proxy, or "DIRECT". */
  readonly proxy: string;
  /** Further options, "Acquire::Max-Pipeline-Depth=100". */
  readonly options?: readonly string[];
  /** What to put before apt-get, to run it elsewhere. */
  readonly prefix?: readonly string[];
}

export interface ClientOutcome {
  readonly updateSeconds: number;
  readonly downloadSeconds: number;
  /** .debs that came, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly updateFailed: boolean;
  /** The first error or warning; empty when there was none. */
  readonly firstError: string;
}

const LIMIT_MS = 1_800_000;

export class BenchClient implements Disposable {
  readonly #root: string;
  readonly #prefix: readonly string[];
  readonly #forget = atEnd(() => this.#remove());

  readonly #settings: readonly string[];

  constructor({ sources, keyring, proxy, options = [], prefix = [] }: BenchClientOptions) {
    this.#settings = options.flatMap((option) => ['-o', option]);
    this.#prefix = prefix;
    const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'debtorrent-apt-'));
    this.#root = root;
    const directories =
      'etc/apt.conf.d etc/preferences.d etc/sources.list.d etc/trusted.gpg.d state/lists/partial cache/archives/partial log downloads';
    for (const name of directories.split(' ')) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, 'state/status'), '');
    const lines = sources.map((source) => `deb [signed-by=${keyring}] ${source}\n`);
    writeFileSync(join(root, 'etc/sources.list'), lines.join(''));
    writeFileSync(
      join(root, 'apt.conf'),
      `Dir "/";
Dir::Etc "${root}/etc"; Dir::Etc::Main "apt.conf"; Dir::Etc::Parts "apt.conf.d";
Dir::Etc::SourceList "sources.list"; Dir::Etc::SourceParts "sources.list.d";
Dir::Etc::Trusted "trusted.gpg"; Dir::Etc::TrustedParts "trusted.gpg.d";
Dir::Etc::Preferences "preferences"; Dir::Etc::PreferencesParts "preferences.d";
Dir::State "${root}/state"; Dir::State::status "${root}/state/status";
Dir::Cache "${root}/cache"; Dir::Log "${root}/log";
APT::Architecture "amd64"; APT::Architectures { "amd64"; };
APT::Sandbox::User "root"; APT::Update::Error-Mode "any"; Acquire::Languages "none";
Acquire::Retries "0"; Acquire::http::Timeout "120"; Acquire::http::Proxy "${proxy}";
`,
    );
  }

  /** `apt-get update`, then `apt-get download` of the packages (none: update only). */
  async run(packages: readonly string[]): Promise<ClientOutcome> {
    const update = await this.#aptGet(['update'], this.#root);
    const download = await this.download(packages);
    return {
      ...download,
      updateSeconds: update.seconds,
      updateFailed: update.code !== 0,
      firstError: firstErrorIn(update.output) || download.firstError,
    };
  }

  /** `apt-get download` of the packages, after an update. */
  async download(packages: readonly string[]): Promise<ClientOutcome> {
    const downloads = join(this.#root, 'downloads');
    const { seconds, output } =
      packages.length > 0
        ? await this.#aptGet(['download', ...packages], downloads)
        : { seconds: 0, output: '' };
    const debs = readdirSync(downloads).filter((name) => name.endsWith('.deb'));
    return {
      updateSeconds: 0,
      downloadSeconds: seconds,
      files: debs.length,
      bytes: debs.reduce((sum, name) => sum + statSync(join(downloads, name)).size, 0),
      updateFailed: false,
      firstError: firstErrorIn(output),
    };
  }

  [Symbol.dispose](): void {
    this.#forget();
    this.#remove();
  }

  #remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #aptGet(
    args: readonly string[],
    cwd: string,
  ): Promise<{ seconds: number; output: string; code: number }> {
    const started = performance.now();
    const env = { APT_CONFIG: join(this.#root, 'apt.conf'), HOME: this.#root };
    const { output, code } = await run([...this.#prefix, 'apt-get', '-qq', ...this.#settings, ...args], {
      cwd,
      env,
      timeoutMs: LIMIT_MS,
    });
    return { seconds: (performance.now() - started) / 1000, output, code };
  }
}

function firstErrorIn(output: string): string {
  return /^(?:E|W|Err).*$/m.exec(output)?.[0].slice(0, 200) ?? '';
}

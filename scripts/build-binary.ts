/**
 * Builds the one self-contained binary: dist/debtorrent for this kind of machine (linux x64, glibc), others as
 * dist/debtorrent-TARGET by `--target arm64|x64-musl|arm64-musl`, elsewhere by `--outfile FILE`. The result is run and must know its version,
 * because a build that went wrong can end with exit code 0.
 *
 * Why these flags: `--format=esm` or the bytecode is broken; `--production` or NODE_ENV says "development";
 * the two `--no-compile-autoload-…` or the binary would run code named by files in the working directory.
 * The binary must not be stripped afterwards: its program lies behind the ELF sections.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };

/** Our name of a target → Bun's own, which is also the name of the npm package that holds that Bun. */
const TARGETS: Readonly<Record<string, string>> = {
  x64: 'bun-linux-x64',
  arm64: 'bun-linux-aarch64',
  'x64-musl': 'bun-linux-x64-musl',
  'arm64-musl': 'bun-linux-aarch64-musl',
};

const root = join(import.meta.dir, '..');

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { target: { type: 'string' }, outfile: { type: 'string' }, help: { type: 'boolean' } },
  });
  const host = hostTarget();
  const target = values.target ?? host;
  if (values.help || !TARGETS[target]) {
    console.error(`usage: build-binary.ts [--target ${Object.keys(TARGETS).join('|')}] [--outfile FILE]`);
    process.exit(values.help ? 0 : 2);
  }
  const usual = join(root, 'dist', target === host ? 'debtorrent' : `debtorrent-${target}`);
  const outfile = values.outfile === undefined ? usual : resolve(values.outfile);
  await build(target, outfile);
  if (target === host) requireVersion(outfile);
  console.log(`${outfile}: ${(Bun.file(outfile).size / 2 ** 20).toFixed(1)} MiB`);
}

/** What this machine is, as a name of TARGETS (or a name that isn't there). */
function hostTarget(): string {
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  return `${process.arch}${header?.glibcVersionRuntime === undefined ? '-musl' : ''}`;
}

async function build(target: string, outfile: string): Promise<void> {
  const temporary = await mkdtemp(join(tmpdir(), 'debtorrent-build-'));
  await mkdir(dirname(outfile), { recursive: true });
  // Built beside its place and renamed: whoever runs the old one at this moment isn't disturbed. The base name is
  // part of the binary, so it is the final one already.
  const staging = await mkdtemp(join(dirname(outfile), '.build-'));
  try {
    const staged = join(staging, basename(outfile));
    run([
      process.execPath,
      'build',
      'src/main.ts',
      '--compile',
      '--bytecode',
      '--format=esm',
      '--minify',
      '--production',
      '--no-compile-autoload-dotenv',
      '--no-compile-autoload-bunfig',
      `--outfile=${staged}`,
      ...(target === hostTarget() ? [] : await foreignRuntime(target, temporary)),
    ]);
    await rename(staged, outfile);
  } finally {
    await rm(staging, { recursive: true, force: true });
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Flags for another machine's Bun: the one in node_modules, where somebody has put it for a build without network
 * (debian/README.source), else its npm package of the version that we run on.
 */
async function foreignRuntime(target: string, directory: string): Promise<string[]> {
  const bunTarget = TARGETS[target] as string;
  const installed = join(root, 'node_modules/@oven', bunTarget, 'bin/bun');
  if (existsSync(installed)) return [`--target=${bunTarget}`, `--compile-executable-path=${installed}`];
  const packed = run(['npm', 'pack', '--silent', `@oven/${bunTarget}@${Bun.version}`], directory).trim();
  run(['tar', '-xzf', packed.split('\n').at(-1) as string], directory);
  return [`--target=${bunTarget}`, `--compile-executable-path=${join(directory, 'package/bin/bun')}`];
}

function requireVersion(binary: string): void {
  // From "/", with an empty environment: nothing around it may be needed.
  const printed = run([binary, '--version'], '/', {}).trim();
  if (!printed.split(/\s+/).includes(packageJson.version)) {
    throw new Error(`${binary} --version printed "${printed}" instead of ${packageJson.version}`);
  }
}

function run(command: string[], cwd = root, env: Record<string, string | undefined> = process.env): string {
  const done = Bun.spawnSync(command, { cwd, env, stderr: 'pipe' });
  const output = done.stdout.toString();
  if (done.exitCode !== 0 || /Failed to generate bytecode/.test(done.stderr.toString())) {
    throw new Error(`${command.slice(0, 3).join(' ')} failed (${done.exitCode}):\n${output}${done.stderr}`);
  }
  return output;
}

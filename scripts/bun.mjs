#!/usr/bin/env node
/**
 * Runs Bun as npm brought it: `node scripts/bun.mjs ARGS…` = `bun ARGS…`; `node scripts/bun.mjs x NAME ARGS…` runs
 * the tool NAME of node_modules/.bin. Needs only Node and npm: what package-lock.json names and node_modules lacks
 * is installed first, without install scripts (Bun's own only moves its binary, so we look in both places).
 *
 * Decides which Bun runs; what it runs is up to the arguments. Exit code or signal are the child's.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** True when npm's own record of node_modules holds every package of package-lock.json that must be there. */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' || (present[path] ? present[path].version === version : optional),
    );
  } catch {
    return false;
  }
}

function install() {
  process.stderr.write('debtorrent: installing dependencies (npm ci) …\n');
  const args = ['ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'];
  const done = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (done.status === 0) return;
  process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}`);
  fail(
    `could not install dependencies: ${done.error?.message ?? `npm ci ended with ${done.status ?? done.signal}`}`,
  );
}

/** The Bun binary for this machine: a package of its own, or moved into `bun` by that package's install script. */
function findBun() {
  process.report.excludeNetwork = true;
  const isMusl = !process.report.getReport().header.glibcVersionRuntime;
  const name = `bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}${isMusl ? '-musl' : ''}`;
  const candidates = [`@oven/${name}/bin/bun`, `@oven/${name}-baseline/bin/bun`, 'bun/bin/bun.exe'];
  for (const candidate of candidates) {
    const path = join(root, 'node_modules', candidate);
    // npm's placeholder for the binary is a text of a few hundred bytes.
    if (existsSync(path) && statSync(path).size > 1_000_000) return path;
  }
  return fail(
    `no Bun for ${process.platform} ${process.arch} in node_modules; looked for ${candidates.join(', ')}`,
  );
}

/** What runs the tool NAME: Node for a script (npm's shims are scripts), itself for a binary. */
function findTool(name) {
  const link = join(root, 'node_modules/.bin', name);
  if (!name || !existsSync(link)) fail(`no tool "${name ?? ''}" in node_modules/.bin`);
  const path = realpathSync(link);
  const isScript = readFileSync(path).subarray(0, 64).toString('latin1').startsWith('#!/usr/bin/env node');
  return isScript ? [process.execPath, path] : [path];
}

function fail(message) {
  process.stderr.write(`debtorrent: ${message}\n`);
  process.exit(1);
}

if (!isInstalled()) install();
const [first, ...rest] = process.argv.slice(2);
const [command, ...args] =
  first === 'x' ? [...findTool(rest[0]), ...rest.slice(1)] : [findBun(), ...process.argv.slice(2)];

const child = spawn(command, args, { stdio: 'inherit' });
child.on('error', (error) => fail(`could not start ${command}: ${error.message}`));
// A terminal's ^C reaches the child by itself too; a second SIGINT of ours would cut its orderly stop short.
process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // A signal that Node ignores or that is slow to arrive: the shell's convention.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
});

/**
 * What apt's own configuration says, asked of apt-config: where its parts lie, and which proxy settings hold. Nothing
 * is parsed here that apt parses itself. Source: apt-config(8), apt.conf(5).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A setting with what it is set to: ["Acquire::http::Proxy", "http://…"]. */
export type AptSetting = readonly [name: string, value: string];

/** The folder of configuration parts. Throws when there is no apt. */
export function partsDirectory(): string {
  return directory('Dir::Etc::parts/d');
}

/** The lock files of an apt that fetches: of its lists and its archives. */
export function lockFiles(): string[] {
  return ['Dir::State::lists/d', 'Dir::Cache::archives/d'].map((name) => join(directory(name), 'lock'));
}

/** All settings below `names` that aren't empty. Throws when there is no apt. */
export function aptSettings(...names: string[]): AptSetting[] {
  const lines = aptConfig('dump', '--no-empty', '--format', '%f %v%n', ...names).split('\n');
  return lines.filter(Boolean).map((line) => {
    const at = line.indexOf(' ');
    return [line.slice(0, at), line.slice(at + 1)];
  });
}

/** The files that apt reads after `own` and that have the word, in that order; the main file is read last. */
export function laterFilesWith(word: RegExp, own: string): string[] {
  const parts = partsDirectory();
  // As apt does: names of letters, digits and -_. that end in .conf or have no dot.
  const names = list(parts).filter((name) => /^[\w-]+(?:[\w.-]*\.conf)?$/.test(name));
  const later = names.sort().flatMap((name) => (join(parts, name) > own ? [join(parts, name)] : []));
  return [...later, directory('Dir::Etc::main/f')].filter((path) => word.test(uncommented(path)));
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function uncommented(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/^\s*(?:\/\/|#).*$/gm, '');
  } catch {
    return '';
  }
}

/** A path that apt puts together of several settings. */
function directory(name: string): string {
  const line = aptConfig('shell', 'it', name);
  return (/^it='(.*)'$/m.exec(line)?.[1] ?? '').replaceAll("'\\''", "'");
}

function aptConfig(...args: string[]): string {
  const unavailable = "could not ask apt-config for apt's settings";
  let done: Bun.SyncSubprocess<'pipe', 'pipe'>;
  try {
    done = Bun.spawnSync(['apt-config', ...args], { stdout: 'pipe', stderr: 'pipe', timeout: 10_000 });
  } catch (cause) {
    throw new Error(`${unavailable}: is this a system with apt?`, { cause });
  }
  if (done.exitCode !== 0) throw new Error(`${unavailable}: ${done.stderr.toString().trim()}`);
  return done.stdout.toString();
}

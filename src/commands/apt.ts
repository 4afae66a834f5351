/**
 * `debtorrent apt enable|disable|status`: lets apt ask the daemon, takes that back, says what holds. Two files are
 * ours: a line of apt's configuration, and the probe that it names. At each moment apt works: the probe is there before
 * the line names it, and goes after the line. Other people's files are never touched (own-file.ts), nor is the probe of
 * the Debian package, which is named where it is there.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { ArgsDef, ParsedArgs } from 'citty';
import { UsageError } from '../lib/errors.ts';
import { lockHolder } from './apt-at-work.ts';
import { lockFiles, partsDirectory } from './apt-config.ts';
import { confFor, DEFAULT_URL, PACKAGED_PROBE, probeFor, probeNamedIn } from './apt-files.ts';
import { inForce } from './apt-in-force.ts';
import { readOwnFile, removeOwnFile, writeOwnFile } from './own-file.ts';

export const aptArgs = {
  action: { type: 'positional', description: 'enable, disable or status', required: true },
  url: {
    type: 'string',
    description: 'enable: where the daemon listens for APT',
    valueHint: 'URL',
    default: DEFAULT_URL,
  },
  probe: {
    type: 'string',
    description: 'enable: where to put the program by which apt finds out whether the daemon answers',
    valueHint: 'FILE',
  },
  json: { type: 'boolean', description: 'Print it as JSON, for programs' },
} as const satisfies ArgsDef;

type Args = ParsedArgs<typeof aptArgs>;

const CONF_NAME = '30debtorrent';
const USUAL_PROBE = '/usr/local/lib/debtorrent/apt-probe';

/** Throws UsageError, or Error with what to do. */
export async function runApt({ args }: { args: Args }): Promise<void> {
  const { action } = args;
  const actions: Readonly<Record<string, (args: Args) => Report>> = { enable, disable, status };
  const act = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (!act) throw new UsageError(`apt does not know "${action}": it is enable, disable or status`);
  const report = act(args);
  process.stdout.write(args.json ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
}

/** What scripts may rely on of --json. */
interface Report {
  /** What was done just now, in sentences. */
  readonly done: readonly string[];
  /** Our file of apt's configuration, and whether it is there. */
  readonly conf: string;
  readonly enabled: boolean;
  readonly probe: string | undefined;
  /** What the probe answers now: the daemon's URL, or null when that doesn't answer. */
  readonly daemon: string | null;
  readonly inForce: boolean;
  readonly beatenBy: ReturnType<typeof inForce>['beatenBy'];
  readonly otherwise: string;
}

function enable({ url, probe: wanted }: Args): Report {
  const probe = wanted ?? (url === DEFAULT_URL && existsSync(PACKAGED_PROBE) ? PACKAGED_PROBE : USUAL_PROBE);
  if (!probe.startsWith('/') || /[\s"]/.test(probe)) {
    throw new UsageError(`--probe ${probe}: apt needs a whole path, without blanks and quotes`);
  }
  const text = probeFor(url);
  const conf = confPath();
  // Before anything is written: whether both are ours to write.
  readOwnFile(conf);
  const old = namedProbe(conf);
  const isNewProbe = probe !== PACKAGED_PROBE && writeOwnFile(probe, text, 0o755);
  try {
    requireRunnable(probe);
  } catch (error) {
    if (isNewProbe && old !== probe) removeOwnFile(probe);
    throw error;
  }
  const isNewConf = writeOwnFile(conf, confFor(probe), 0o644);
  const done = [
    ...(isNewProbe ? [`wrote ${probe}`] : []),
    ...(isNewConf ? [`wrote ${conf}`] : []),
    ...(isOurs(old) && old !== probe && removeOwnFile(old) ? [`removed ${old}`] : []),
  ];
  return { ...look(), done: done.length > 0 ? done : ['nothing to do: both files are as they should be'] };
}

function disable({ probe: wanted }: Args): Report {
  const conf = confPath();
  const probe = namedProbe(conf) ?? wanted ?? USUAL_PROBE;
  const done = removeOwnFile(conf) ? [`removed ${conf}`] : [];
  if (isOurs(probe) && readOwnFile(probe) !== undefined) {
    const holder = lockHolder(lockFiles());
    if (holder !== undefined) {
      done.push(
        `left ${probe}: apt is at work (process ${holder}) and may need it; run this again afterwards`,
      );
    } else if (removeOwnFile(probe)) done.push(`removed ${probe}`);
  }
  return { ...look(), done: done.length > 0 ? done : ['nothing to do: there was nothing of ours'] };
}

/** The package's probe is dpkg's. */
function isOurs(probe: string | undefined): probe is string {
  return probe !== undefined && probe !== PACKAGED_PROBE;
}

function status(): Report {
  return look();
}

function look(): Report {
  const conf = confPath();
  const probe = namedProbe(conf);
  const answer = probe === undefined ? '' : runProbe(probe).stdout;
  return {
    done: [],
    conf,
    enabled: probe !== undefined,
    probe,
    daemon: answer === '' ? null : answer,
    ...inForce({ conf, probe: probe ?? '' }),
  };
}

function confPath(): string {
  return join(partsDirectory(), CONF_NAME);
}

/** The probe that our file names; undefined where there is none. Throws when it isn't ours. */
function namedProbe(conf: string): string | undefined {
  return probeNamedIn(readOwnFile(conf) ?? '');
}

/** apt runs it as a user of its own; what it can't run makes its runs fail, so it is not named to it then. */
function requireRunnable(probe: string): void {
  for (let path = probe; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) {
      throw new Error(`apt's own user can't run ${probe}: ${path} isn't open to it; give another --probe`);
    }
    if (path === '/') break;
  }
  const { code } = runProbe(probe);
  if (code !== 0)
    throw new Error(`could not run ${probe}: is ${dirname(probe)} mounted noexec? give another --probe`);
}

/** Without an argument: the daemon's URL or nothing. */
function runProbe(probe: string): { readonly code: number; readonly stdout: string } {
  try {
    const done = Bun.spawnSync([probe], { stdout: 'pipe', stderr: 'ignore', timeout: 5000 });
    return { code: done.exitCode, stdout: done.stdout.toString().trim() };
  } catch {
    return { code: 127, stdout: '' };
  }
}

function describe({
  done,
  conf,
  enabled,
  probe,
  daemon,
  inForce: holds,
  beatenBy,
  otherwise,
}: Report): string {
  const lines = done.map((sentence) => sentence);
  if (!enabled)
    lines.push(`apt doesn't know of DebTorrent (no ${conf}); "debtorrent apt enable" changes that`);
  else if (holds) lines.push(`apt asks ${probe} for each http mirror whether DebTorrent answers`);
  else lines.push(`${basename(conf)} is there, but apt doesn't go by it`);
  if (enabled && daemon !== null) lines.push(`DebTorrent answers at ${daemon}: apt uses it`);
  if (enabled && daemon === null) lines.push(`DebTorrent doesn't answer: apt does without (${otherwise})`);
  for (const { what, value, effect } of beatenBy) lines.push(`${what} = ${value}: ${effect}`);
  return `${lines.join('\n')}\n`;
}

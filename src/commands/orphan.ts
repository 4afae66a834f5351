/**
 * Which process is the daemon of a state folder, and which one supervises it. When the latter is killed, the daemon
 * finishes what apt is fetching; should another `serve` be started meanwhile, it gives way to that. A process is named by
 * its number and the moment of its start, so that nobody else is hit by a number that is used again.
 * Source: proc_pid_stat(5), field 22.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Processes {
  readonly daemon: string;
  readonly supervisor: string;
}

const FILE = 'processes.json';
const GONE_WAIT_MS = 5000;

/** The daemon says who it is. A folder that can't be written is told elsewhere. */
export function recordProcesses(stateDir: string): void {
  const processes: Processes = { daemon: nameOf(process.pid), supervisor: nameOf(process.ppid) };
  try {
    mkdirSync(stateDir, { recursive: true });
    writeFileSync(join(stateDir, FILE), JSON.stringify(processes));
  } catch {}
}

/** Ends a daemon whose supervisor is gone, and waits until nothing of either is left. */
export async function endOrphan(stateDir: string): Promise<void> {
  const { daemon, supervisor } = readProcesses(stateDir);
  if (stateOf(daemon) !== 'alive' || stateOf(supervisor) === 'alive') return;
  try {
    process.kill(numberOf(daemon), 'SIGKILL');
  } catch {
    return;
  }
  const isLeft = () => [daemon, supervisor].some((name) => stateOf(name) !== 'gone');
  for (let waitedMs = 0; isLeft() && waitedMs < GONE_WAIT_MS; waitedMs += 10) await Bun.sleep(10);
}

function readProcesses(stateDir: string): Processes {
  try {
    const { daemon, supervisor } = JSON.parse(readFileSync(join(stateDir, FILE), 'utf8'));
    return { daemon: String(daemon), supervisor: String(supervisor) };
  } catch {
    return { daemon: '', supervisor: '' };
  }
}

/** "4711 8273645": number and start. */
function nameOf(pid: number): string {
  return `${pid} ${statOf(pid)[19]}`;
}

function numberOf(name: string): number {
  return Number(name.split(' ')[0]);
}

/** "dying": it does nothing any more, but threads of it may still hold what it had open. */
function stateOf(name: string): 'alive' | 'dying' | 'gone' {
  if (!/^\d+ \d+$/.test(name)) return 'gone';
  const pid = numberOf(name);
  const [state] = statOf(pid);
  if (state === undefined || nameOf(pid) !== name) return 'gone';
  if (state !== 'Z' && state !== 'X') return 'alive';
  return threadsOf(pid) > 1 ? 'dying' : 'gone';
}

/** Fields from the third on. Empty when there is no such process. */
function statOf(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the program's name, which may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

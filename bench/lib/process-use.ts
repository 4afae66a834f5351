/**
 * What processes use while something goes on: CPU seconds and peak memory of each named process with its children,
 * and how much of the machine others took meanwhile (figures taken beside a busy neighbour are worth little).
 *
 * Source: proc(5). Memory is sampled, so a peak between two looks is missed, but for the peak RSS of a process
 * without children, which the kernel keeps (VmHWM).
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export interface ProcessUse {
  /** User and system time, of children too, ended ones included. */
  readonly cpuSeconds: number;
  /** Proportional: pages that several processes share are counted once. */
  readonly peakPssBytes: number;
  readonly peakRssBytes: number;
  /** Resident memory that no file is behind. */
  readonly peakAnonBytes: number;
}

export interface Measured<T> {
  readonly result: T;
  readonly wallSeconds: number;
  /** CPU seconds a second that programs other than this one and its children used. */
  readonly foreignCores: number;
  /** In the order of the process ids given. */
  readonly uses: readonly ProcessUse[];
}

export interface Memory {
  readonly pssBytes: number;
  readonly rssBytes: number;
  readonly anonBytes: number;
}

/** USER_HZ: fixed by Linux's ABI on the architectures that Bun runs on. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 100;

/** Runs `action` and watches the process trees below `pids` until it is done. */
export async function measure<T>(pids: readonly number[], action: () => Promise<T>): Promise<Measured<T>> {
  const peaks = pids.map((pid) => new Peak(pid));
  const cpuBefore = pids.map(cpuSecondsOf);
  const foreignBefore = foreignCpuSeconds();
  const timer = setInterval(() => {
    for (const peak of peaks) peak.sample();
  }, SAMPLE_MS);
  const started = performance.now();
  try {
    const result = await action();
    const wallSeconds = (performance.now() - started) / 1000;
    const uses = peaks.map((peak, i) => ({
      cpuSeconds: cpuSecondsOf(peak.pid) - (cpuBefore[i] ?? 0),
      ...peak.end(),
    }));
    const foreignCores = Math.max(0, foreignCpuSeconds() - foreignBefore) / wallSeconds;
    return { result, wallSeconds, foreignCores, uses };
  } finally {
    clearInterval(timer);
  }
}

/** Memory of the process and its children now. */
export function memoryOf(pid: number): Memory {
  const sum = { pssBytes: 0, rssBytes: 0, anonBytes: 0 };
  for (const each of treeOf(pid)) {
    const rollup = read(`/proc/${each}/smaps_rollup`);
    sum.pssBytes += kibibytes(rollup, 'Pss');
    sum.rssBytes += kibibytes(rollup, 'Rss');
    sum.anonBytes += kibibytes(rollup, 'Anonymous');
  }
  return sum;
}

/** CPU seconds of the process and its children, ended ones included. */
export function cpuSecondsOf(pid: number): number {
  let ticks = 0;
  for (const each of treeOf(pid)) ticks += statOf(each)?.cpuTicks ?? 0;
  return ticks / TICKS_PER_SECOND;
}

/** Resolves when others leave the machine (nearly) alone, at the latest after `limitSeconds`. */
export async function quietMachine(limitSeconds: number): Promise<void> {
  for (let waited = 0; waited < limitSeconds; waited++) {
    const before = foreignCpuSeconds();
    await Bun.sleep(1000);
    if (foreignCpuSeconds() - before < 0.12) return;
  }
}

class Peak {
  readonly pid: number;
  #pssBytes = 0;
  #rssBytes = 0;
  #anonBytes = 0;

  constructor(pid: number) {
    this.pid = pid;
    try {
      // proc(5): "5" sets VmHWM back to what is resident now.
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // Not ours to write (another user's process): its peak since its start then.
    }
    this.sample();
  }

  sample(): void {
    const { pssBytes, rssBytes, anonBytes } = memoryOf(this.pid);
    this.#pssBytes = Math.max(this.#pssBytes, pssBytes);
    this.#rssBytes = Math.max(this.#rssBytes, rssBytes);
    this.#anonBytes = Math.max(this.#anonBytes, anonBytes);
  }

  end(): Omit<ProcessUse, 'cpuSeconds'> {
    this.sample();
    const highWater = kibibytes(read(`/proc/${this.pid}/status`), 'VmHWM');
    return {
      peakPssBytes: this.#pssBytes,
      peakRssBytes: Math.max(this.#rssBytes, highWater),
      peakAnonBytes: this.#anonBytes,
    };
  }
}

/** The process and all below it. */
function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (!stat) continue;
    const siblings = children.get(stat.parent);
    if (siblings) siblings.push(pid);
    else children.set(stat.parent, [pid]);
  }
  const found = [root];
  for (let i = 0; i < found.length; i++) found.push(...(children.get(found[i] as number) ?? []));
  return found;
}

function statOf(pid: number): { parent: number; cpuTicks: number } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name stands in parentheses and may hold any character.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 15) return undefined;
  const cpuTicks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), cpuTicks };
}

/** What the machine has worked since its start, less what we and our children have. */
function foreignCpuSeconds(): number {
  const line = /^cpu +(.*)$/m.exec(read('/proc/stat'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(' ').map(Number);
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND - cpuSecondsOf(process.pid);
}

function kibibytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

/** Empty for a process that is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

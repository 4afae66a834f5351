/**
 * Whether an apt is at work: it holds the lock of its lists or of its archives, as update, install and upgrade do for as
 * long as they fetch (`apt-get download` holds none). Source: /proc/locks, proc(5), in place of fcntl(F_GETLK).
 */
import { readFileSync, statSync } from 'node:fs';

/** The process that holds the lock on one of these files. */
export function lockHolder(files: readonly string[], locks: string = readLocks()): number | undefined {
  const inodes = new Set(files.flatMap(inodeOf));
  for (const line of locks.split('\n')) {
    // "1: POSIX  ADVISORY  WRITE 4711 fe:01:131093 0 EOF"
    const [, , , , pid, device] = line.trim().split(/\s+/);
    if (device !== undefined && inodes.has(Number(device.split(':')[2]))) return Number(pid);
  }
  return undefined;
}

function inodeOf(path: string): number[] {
  try {
    return [statSync(path).ino];
  } catch {
    return [];
  }
}

function readLocks(): string {
  try {
    return readFileSync('/proc/locks', 'utf8');
  } catch {
    return '';
  }
}

/**
 * Which run of the machine this is. What was written in the same one is in the page cache even if we were killed; what
 * was written in another may have been lost by a power cut. Source: random(4), /proc/sys/kernel/random/boot_id.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Where the kernel doesn't say, each start counts as another boot: slower, never wrong. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() || randomUUID();
  } catch {
    return randomUUID();
  }
}

/** A second descriptor for the same open thing, by the C library: Bun and Node have none. Source: dup(2). */
import { dlopen } from 'bun:ffi';

/** Undefined where it can't be had (another C library, no descriptor left). */
export function dup(fd: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const { symbols, close } = dlopen('libc.so.6', { dup: { args: ['i32'], returns: 'i32' } });
    const second = symbols.dup(fd);
    close();
    return second < 0 ? undefined : second;
  } catch {
    return undefined;
  }
}

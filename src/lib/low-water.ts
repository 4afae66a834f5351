/**
 * SO_RCVLOWAT of a socket: how much must have come before it counts as readable. Neither Bun nor Node sets it, so this
 * asks the C library itself; where that can't be had in this way (no glibc, no Linux), everything stays readable at once.
 * Source: socket(7), tcp(7); the numbers are Linux's on x86 and arm.
 */
import { dlopen } from 'bun:ffi';

const SOL_SOCKET = 1;
const SO_RCVLOWAT = 18;

type Set = (fd: number, level: number, name: number, value: Int32Array, length: number) => number;

let set: Set | undefined;
let isThere: boolean | undefined;
const value = new Int32Array(1);

/** `fd` must be that of an open socket: it isn't looked at who has it. False when nothing was set. */
export function setLowWater(fd: number, bytes: number): boolean {
  if (isThere === undefined) load();
  if (!set || fd < 0) return false;
  value[0] = bytes;
  return set(fd, SOL_SOCKET, SO_RCVLOWAT, value, 4) === 0;
}

/** When first needed: the wrapper around a C function is compiled. */
function load(): void {
  isThere = false;
  if (process.platform !== 'linux') return;
  try {
    const { symbols } = dlopen('libc.so.6', {
      setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
    });
    set = symbols.setsockopt as Set;
    isThere = true;
  } catch {
    // Another C library.
  }
}

/**
 * What a service tells systemd: a datagram to $NOTIFY_SOCKET. Bun has no datagram sockets of the unix kind, so this asks
 * the C library itself; where that can't be had in this way, nobody is told. Never waits.
 * Source: sd_notify(3), unix(7); the numbers are Linux's.
 */
import { dlopen } from 'bun:ffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL_DONTWAIT = 0x4000 | 0x40;
const PATH_MAX_BYTES = 107;

/** `state` is one line or several: "READY=1", "WATCHDOG=1". False when it could not be sent. */
export function notify(socketPath: string, state: string): boolean {
  const address = unixAddress(socketPath);
  if (!address) return false;
  try {
    const { symbols, close } = dlopen('libc.so.6', {
      socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
      sendto: { args: ['i32', 'ptr', 'u64', 'i32', 'ptr', 'u32'], returns: 'i64' },
      close: { args: ['i32'], returns: 'i32' },
    });
    const fd = symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) return false;
    const bytes = Buffer.from(state);
    const sent = symbols.sendto(fd, bytes, bytes.length, MSG_NOSIGNAL_DONTWAIT, address, address.length);
    symbols.close(fd);
    close();
    return Number(sent) === bytes.length;
  } catch {
    return false;
  }
}

/** struct sockaddr_un of a path, or of an abstract name ("@…"). Undefined for anything else. */
function unixAddress(path: string): Uint8Array | undefined {
  const name = Buffer.from(path);
  if (!/^[/@]/.test(path) || name.length > PATH_MAX_BYTES) return undefined;
  const isAbstract = path.startsWith('@');
  // An abstract name begins with a zero byte and ends with the address; a path ends with a zero byte.
  const address = Buffer.alloc(2 + name.length + (isAbstract ? 0 : 1));
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_UNIX;
  name.copy(address, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

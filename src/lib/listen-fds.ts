/**
 * Listening sockets that were opened before us and handed over, in systemd's way: descriptors from 3 on, as many as
 * $LISTEN_FDS says, if $LISTEN_PID is us. Source: sd_listen_fds(3), systemd.socket(5).
 */

export interface InheritedSocket {
  readonly fd: number;
  /** FileDescriptorName= of the socket unit; "unknown" where there is none. */
  readonly name: string;
}

/** SD_LISTEN_FDS_START */
export const FIRST_FD = 3;
/** More than anybody opens; a number that is no such count must not make a list of a billion. */
const FDS_MAX = 64;

/** Takes the variables out of `env`, so that no child of ours takes them for its own. */
export function inheritedSockets(env: Record<string, string | undefined>, pid: number): InheritedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
  const count = /^\d+$/.test(LISTEN_FDS ?? '') ? Number(LISTEN_FDS) : 0;
  if (LISTEN_PID !== String(pid) || count > FDS_MAX) return [];
  const names = LISTEN_FDNAMES.split(':');
  return Array.from({ length: count }, (_, i) => ({ fd: FIRST_FD + i, name: names[i] || 'unknown' }));
}

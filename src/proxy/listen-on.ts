/**
 * Where APT is listened for: an address, or a socket that listens already and was handed over. It decides how a failure is
 * told to people, nothing else.
 */
import type { Server } from 'node:net';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';

/** Port 0 takes a free one; `fd` is a listening socket handed over by whoever started us. */
export type ListenAt = HostPort | { readonly fd: number };

/** Resolves when it listens. Throws with what to do when it can't. */
export function listenOn(server: Server, listen: ListenAt): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error & { code?: string }) => {
      reject(
        new Error(
          `could not listen on ${'fd' in listen ? `descriptor ${listen.fd}` : formatHostPort(listen)}: ${why(cause)}`,
          { cause },
        ),
      );
    };
    server.once('error', onError);
    server.listen('fd' in listen ? { fd: listen.fd } : { host: listen.host, port: listen.port }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function why({ code, message }: Error & { code?: string }): string {
  if (code === 'EADDRINUSE') return 'address in use; another debtorrent may be running, or give --listen';
  if (code === 'EACCES') return 'not allowed for this user; give --listen with a port above 1023';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address; give --listen';
  return message;
}

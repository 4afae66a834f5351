/**
 * A port for a server that must be told its own before it starts: below those that Linux takes for outgoing
 * connections (32768 and up), so no client takes it meanwhile, and apt-cacher-ng understands no others.
 */
import { createServer } from 'node:net';

const LOWEST = 20_000;
const HIGHEST = 32_000;
const given = new Set<number>();

/** Free on 127.0.0.1 now; never the same one twice in a process. */
export async function freeLowPort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

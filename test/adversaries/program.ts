/**
 * An adversary as a process of its own, against a real daemon:
 *
 *     node scripts/bun.mjs test/adversaries/false-tree.ts --at 127.0.0.2:9999 --dial 127.0.0.1:9989 \
 *       --origin Debian --codename bookworm --file hello_2.10-3_amd64.deb
 *
 * Prints where it listens (one line of JSON), and what it has done when it is told to end (SIGTERM, SIGINT).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatHostPort, type HostPort, parseHostPort } from '../../src/lib/host-port.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { swarmInfoHash } from '../../src/torrent/archive-identity.ts';
import { tcpGround } from './grounds.ts';
import type { StartAdversary } from './hostile.ts';

export async function runAsProgram(start: StartAdversary): Promise<void> {
  const { values } = parseArgs({
    options: {
      at: { type: 'string', default: '127.0.0.2:0' },
      dial: { type: 'string', multiple: true, default: [] },
      swarm: { type: 'string', multiple: true, default: [] },
      origin: { type: 'string' },
      codename: { type: 'string' },
      architecture: { type: 'string', multiple: true, default: ['amd64', 'all'] },
      file: { type: 'string', multiple: true, default: [] },
    },
  });
  const { origin, codename } = values;
  const named =
    origin && codename
      ? values.architecture.map((architecture) => swarmInfoHash({ origin, codename, architecture }))
      : [];
  const { host, port } = hostPort(values.at);
  const files = values.file.map((path) => {
    const bytes = new Uint8Array(readFileSync(path));
    return { key: sha256Of(bytes), bytes };
  });
  const swarms = [...values.swarm, ...named];
  await using adversary = await start(tcpGround(host, port), {
    swarms,
    files,
    victims: values.dial.map(hostPort),
  });
  if (adversary.address) console.log(JSON.stringify({ listens: formatHostPort(adversary.address) }));
  await new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  const { connections, refused, sentBytes, requests, wants } = adversary;
  console.log(JSON.stringify({ connections, refused, sentBytes, requests, wants }));
}

function hostPort(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (!parsed) throw new Error(`not HOST:PORT: ${text}`);
  return parsed;
}

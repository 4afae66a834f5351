/**
 * A swarm of real daemons with real apt clients that fetch the same packages at the same moment from one slow mirror,
 * with or without adversaries among them: what the end-to-end test and the benchmark of hostile swarms run.
 */
import { join } from 'node:path';
import { expectRight } from '../fixtures/archive.ts';
import type { Daemon } from '../fixtures/daemon.ts';
import { connected, Scene } from '../fixtures/scene.ts';
import type { PackageSpec, SignedRepository } from '../fixtures/signed-repository.ts';
import { AdversaryProcess, type Deeds } from './adversary-process.ts';

/** Twelve packages of mixed sizes, 17 MB together. */
export const SWARM_PACKAGES: readonly PackageSpec[] = [
  3_000, 700_000, 40_000, 12_000_000, 90_000, 250_000, 15_000, 1_500_000, 480_000, 60_000, 1_900_000, 130_000,
].map((payloadBytes, i) => ({ name: `package-${i}`, payloadBytes }));

/** Four kinds, of which the first three can be proven liars. */
export const HOSTILE_MIX: readonly string[] = [
  'garbage-sender',
  'false-tree',
  'false-first-hand',
  'never-sends',
];

export interface SwarmOptions {
  readonly archive: SignedRepository;
  readonly honest: number;
  /** Names of adversaries' programs, one for each hostile node. */
  readonly hostile: readonly string[];
  /** Of the mirror, for all together. */
  readonly mirrorBytesPerSecond: number;
}

export interface SwarmReport {
  /** From the moment at which all apt clients start to the end of the last. */
  readonly tookMs: number;
  readonly mirrorCopies: number;
  /** Addresses, each with how many honest nodes have banned it and a reason. */
  readonly banned: ReadonlyMap<string, { readonly by: number; readonly reason: string }>;
  readonly hostile: readonly ({ readonly name: string; readonly host: string } & Deeds)[];
}

/** Throws unless every client ends with the right files. */
export async function runSwarm(options: SwarmOptions): Promise<SwarmReport> {
  const { archive, honest, hostile, mirrorBytesPerSecond } = options;
  await using scene = await Scene.open(archive);
  const names = SWARM_PACKAGES.map(({ name }) => name);
  const files = names.map((name) => archive.file(name));
  const daemons: Daemon[] = [];
  for (let i = 0; i < honest; i += 1)
    daemons.push(await scene.daemon({ peers: daemons.map(({ peerAddress }) => peerAddress) }));
  const clients = await Promise.all(daemons.map((daemon) => scene.apt(daemon)));
  for (const daemon of daemons) await connected(daemon, honest - 1);
  const victims = daemons.map(({ peerAddress }) => peerAddress);
  const { origin, codename } = archive;
  const paths = files.map(({ path }) => join(archive.root, path));
  const adversaries = await Promise.all(
    hostile.map((name, i) =>
      AdversaryProcess.start({ name, host: `127.0.0.${100 + i}`, origin, codename, files: paths, victims }),
    ),
  );
  for (const adversary of adversaries) scene.use(adversary);
  for (const daemon of daemons) await connected(daemon, honest - 1 + adversaries.length);

  scene.mirror.clearLog();
  scene.mirror.totalBytesPerSecond = mirrorBytesPerSecond;
  const startedMs = performance.now();
  const downloads = await Promise.all(clients.map((client) => client.download(names)));
  const tookMs = performance.now() - startedMs;
  for (const got of downloads) expectRight(archive, got, names);
  // Judgement needs the hash tree of a whole file, which may take a moment.
  await Bun.sleep(1_000);

  const banned = new Map<string, { by: number; reason: string }>();
  for (const daemon of daemons) {
    for (const { address, reason } of (await daemon.status()).banned) {
      const host = address.replace(/:\d+$/, '');
      banned.set(host, { by: (banned.get(host)?.by ?? 0) + 1, reason });
    }
  }
  const deeds = await Promise.all(
    adversaries.map(async (adversary) => ({
      name: adversary.name,
      host: adversary.host,
      ...(await adversary.stop()),
    })),
  );
  const wholeBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { tookMs, mirrorCopies: scene.mirror.poolBytes / wholeBytes, banned, hostile: deeds };
}

/** One line for people. */
export function describeSwarm({ tookMs, mirrorCopies, banned, hostile }: SwarmReport): string {
  const bans = [...banned].map(([host, { by }]) => `${host} by ${by}`).join(', ') || 'none';
  const deeds = hostile.map(({ name, host, sentBytes }) => `${name} ${host} (${sentBytes} bytes)`);
  const who = deeds.length > 0 ? `; hostile: ${deeds.join(', ')}` : '';
  return `${(tookMs / 1000).toFixed(2)} s, ${mirrorCopies.toFixed(2)} copies of the mirror, banned: ${bans}${who}`;
}

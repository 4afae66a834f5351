/**
 * What one file costs a daemon in CPU seconds when it comes over a line of 20 Mbit/s, a packet or two at a time: from
 * the mirror, and from a peer (the giver's share is told, too). Needs root.
 *
 *   sudo node scripts/bun.mjs bench/slow-line.ts [--only mirror,peer] [--rounds 1] [--mbit 20] [--megabytes 64]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Corpus, openCorpus } from './lib/corpus.ts';
import type { BenchNode } from './lib/debtorrent.ts';
import { type Member, World } from './lib/shaped-world.ts';
import { workDir } from './lib/work-dir.ts';

interface Cpu {
  readonly user: number;
  readonly system: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'mirror,peer' },
      rounds: { type: 'string', default: '1' },
      mbit: { type: 'string', default: '20' },
      megabytes: { type: 'string', default: '64' },
    },
  });
  const corpus = openCorpus();
  const name = nearestInSize(corpus, Number(values.megabytes) * 1e6);
  const mbit = Number(values.mbit);
  const line = { upMbit: mbit, downMbit: mbit };
  using directory = workDir('slow-line');
  console.log(
    `| ${mbit} Mbit/s, ${name} | seconds | taker CPU s (user + system) | giver CPU s |\n|---|---|---|---|`,
  );
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const from of values.only.split(',')) {
      const options = { corpus, directory: join(directory.path, `${from}-${round}`), reach: 'wide' as const };
      await using world = await World.open(from === 'mirror' ? { ...options, mirrorLine: line } : options);
      const args = ['--upload-limit', '0'];
      const giver = from === 'peer' ? await world.node({ args }) : undefined;
      if (giver) {
        await world.update([giver]);
        await world.download([giver], [name]);
        world.origin.closePool();
      }
      const taker = await world.node({ line, args });
      await world.prepare(giver ? [giver, taker] : [taker]);
      console.log(`| ${from} | ${await measured(world, taker, giver, name)} |`);
    }
  }
}

async function measured(
  world: World,
  taker: Member,
  giver: Member | undefined,
  name: string,
): Promise<string> {
  const before = [cpuOf(taker.node), cpuOf(giver?.node)] as const;
  const course = await world.download([taker], [name]);
  const after = [cpuOf(taker.node), cpuOf(giver?.node)] as const;
  const text = (i: 0 | 1) => {
    const [user, system] = [after[i].user - before[i].user, after[i].system - before[i].system];
    return `${(user + system).toFixed(2)} (${user.toFixed(2)} + ${system.toFixed(2)})`;
  };
  const error = course.filesMissing > 0 ? ` ${course.firstError}` : '';
  return `${course.slowestSeconds.toFixed(1)}${error} | ${text(0)} | ${giver ? text(1) : ''}`;
}

/** Source: proc(5). */
function cpuOf(node: BenchNode | undefined): Cpu {
  if (!node) return { user: 0, system: 0 };
  const stat = readFileSync(`/proc/${node.pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]) / 100, system: Number(fields[12]) / 100 };
}

function nearestInSize({ packages, sizes }: Corpus, bytes: number): string {
  const away = (name: string) => Math.abs((sizes.get(name) ?? 0) - bytes);
  const [nearest] = packages.toSorted((a, b) => away(a) - away(b));
  if (nearest === undefined) throw new Error('the corpus is empty');
  return nearest;
}

if (import.meta.main) await main();

/**
 * What bench/crowd.ts plays: who stands where on which line, who wants what, and what the least time is that any
 * program could take. Lines count Ethernet's headers, so a bound by payload alone is a few per cent out of reach.
 */
import type { Line, Machine } from '../../test/fixtures/network.ts';
import type { Corpus } from './corpus.ts';
import type { Course, Member, World, WorldOptions } from './shaped-world.ts';

export interface CrowdRecord extends Course {
  readonly round: number;
  readonly scenario: string;
  /** What was in place: "plain" is apt-get without a daemon. */
  readonly setup: string;
  /** The least time there could be; undefined where another setup's is what counts. */
  readonly boundSeconds: number | undefined;
}

export interface Stage {
  readonly corpus: Corpus;
  /** A new world, alone on the machine as far as the bench goes. */
  readonly open: (options: Pick<WorldOptions, 'reach' | 'mirrorLine'>) => Promise<World>;
  readonly record: (setup: string, course: Course, boundSeconds?: number) => void;
  /** A line of so many Mbit/s both ways, by `slow`. */
  readonly line: (mbit: number) => Line;
  /** What rates of lines and limits are divided by, for a machine on which so many daemons are too many at full speed. */
  readonly slow: number;
  /** How many are at once in the two great crowds. */
  readonly crowd: number;
  /** Whether to run the long plain runs, too. */
  readonly withPlain: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly play: (stage: Stage) => Promise<void>;
}

const HOME_MBIT = 20;
const OFFICE_MBIT = 50;
const FAST_MIRROR_MBIT = 1000;
const LAN_MIRROR_MBIT = 10;
/** The line is the limit, not the modest one beyond the LAN that daemons have by default. */
const GENEROUS = ['--upload-limit', '0'];
const SEED_BYTES_PER_SECOND = 10_000_000;

const UPGRADE_FILES = 60;
const LARGE_BYTES = 64_000_000;
const SEEDED_BYTES = 205_000_000;

const oneLarge: Scenario = {
  name: 'one-large',
  title: 'a crowd at once, one .deb of about 64 MB; nodes and mirror 20 Mbit/s',
  async play({ corpus, line, crowd, open, record }) {
    await using world = await open({ reach: 'wide', mirrorLine: line(HOME_MBIT) });
    const nodes = await world.many(crowd, () => world.node({ line: line(HOME_MBIT), args: GENEROUS }));
    await world.prepare(nodes);
    const packages = [nearestInSize(corpus, LARGE_BYTES)];
    const course = await world.download(nodes, packages);
    record('debtorrent', course, boundSeconds(course, line(HOME_MBIT), line(HOME_MBIT)));
  },
};

const upgrade: Scenario = {
  name: 'upgrade',
  title: `a crowd at once, ${UPGRADE_FILES} packages; nodes and mirror 20 Mbit/s`,
  async play({ corpus, line, crowd, open, record, withPlain }) {
    const packages = mixedPackages(corpus);
    {
      await using world = await open({ reach: 'wide', mirrorLine: line(HOME_MBIT) });
      const nodes = await world.many(crowd, () => world.node({ line: line(HOME_MBIT), args: GENEROUS }));
      await world.prepare(nodes);
      const course = await world.download(nodes, packages);
      record('debtorrent', course, boundSeconds(course, line(HOME_MBIT), line(HOME_MBIT)));
    }
    if (withPlain)
      await plainCrowd({
        open,
        record,
        packages,
        count: crowd,
        line: line(HOME_MBIT),
        mirrorLine: line(HOME_MBIT),
      });
  },
};

const seed: Scenario = {
  name: 'seed',
  title:
    '8 nodes at once, 205 MB of packages from one seed limited to 10 MB/s; nothing of the pool at the mirror',
  async play({ corpus, slow, open, record }) {
    const packages = packagesOfTogether(corpus, SEEDED_BYTES);
    await using world = await open({ reach: 'wide' });
    const giver = await world.node({ args: ['--upload-limit', `${SEED_BYTES_PER_SECOND / slow} B/s`] });
    await world.prepare([giver]);
    await world.download([giver], packages);
    world.origin.closePool();
    const nodes = await world.many(8, () => world.node({ args: GENEROUS }));
    await world.prepare([giver, ...nodes]);
    const course = await world.download(nodes, packages);
    record('debtorrent', course, (course.bytesEach / SEED_BYTES_PER_SECOND) * slow);
  },
};

const alone: Scenario = {
  name: 'alone',
  title: `1 node, ${UPGRADE_FILES} packages; node 20 Mbit/s, mirror 1 Gbit/s`,
  async play({ corpus, line, open, record }) {
    const packages = mixedPackages(corpus);
    const wide = { reach: 'wide' as const, mirrorLine: line(FAST_MIRROR_MBIT) };
    const one = async (setup: string, make: (world: World) => Promise<Member>) => {
      await using world = await open(wide);
      const member = await make(world);
      await world.update([member]);
      record(setup, await world.download([member], packages));
    };
    await one('plain', (world) => world.plain(line(HOME_MBIT)));
    await one('no peer', (world) => world.node({ line: line(HOME_MBIT), args: GENEROUS }));
    await one('dead peers', (world) =>
      world.node({
        line: line(HOME_MBIT),
        args: GENEROUS,
        peers: (machine) => deadPeers(world, machine),
      }),
    );
    await using world = await open(wide);
    const node = await world.node({ line: line(HOME_MBIT), args: GENEROUS });
    const idle = await world.many(5, () => world.node({ line: line(HOME_MBIT), args: GENEROUS }));
    await world.prepare([node, ...idle]);
    record('peers without files', await world.download([node], packages));
  },
};

const fastMirror: Scenario = {
  name: 'fast-mirror',
  title: `8 nodes at once, ${UPGRADE_FILES} packages; nodes 50 Mbit/s, mirror 1 Gbit/s`,
  async play({ corpus, line, open, record }) {
    const packages = mixedPackages(corpus);
    await plainCrowd({
      open,
      record,
      packages,
      count: 8,
      line: line(OFFICE_MBIT),
      mirrorLine: line(FAST_MIRROR_MBIT),
    });
    await using world = await open({ reach: 'wide', mirrorLine: line(FAST_MIRROR_MBIT) });
    const nodes = await world.many(8, () => world.node({ line: line(OFFICE_MBIT), args: GENEROUS }));
    await world.prepare(nodes);
    record('debtorrent', await world.download(nodes, packages));
  },
};

const lan: Scenario = {
  name: 'lan',
  title: `2 nodes on a LAN, one after the other, ${UPGRADE_FILES} packages; mirror 10 Mbit/s`,
  async play({ corpus, line, open, record }) {
    const packages = mixedPackages(corpus);
    await using world = await open({ reach: 'lan', mirrorLine: line(LAN_MIRROR_MBIT) });
    const plain = await world.plain();
    const [first, second] = [await world.node({}), await world.node({})];
    await world.prepare([plain, first, second]);
    record('plain', await world.download([plain], packages));
    record('first', await world.download([first], packages));
    record('second', await world.download([second], packages));
  },
};

export const SCENARIOS: readonly Scenario[] = [oneLarge, upgrade, seed, alone, fastMirror, lan];

interface PlainCrowd extends Pick<Stage, 'open' | 'record'> {
  readonly packages: readonly string[];
  readonly count: number;
  readonly line: Line;
  readonly mirrorLine: Line;
}

async function plainCrowd({ open, record, packages, count, line, mirrorLine }: PlainCrowd): Promise<void> {
  await using world = await open({ reach: 'wide', mirrorLine });
  const members = await world.many(count, () => world.plain(line));
  await world.prepare(members);
  record('plain', await world.download(members, packages));
}

/** Three from which nothing ever comes, two that refuse. */
async function deadPeers(world: World, machine: Machine): Promise<string[]> {
  const silent = [];
  for (const number of [201, 202, 203]) silent.push(await world.network.silentAddress(machine, number));
  const refusing = [`${world.mirror.address}:9989`, `${world.mirror.address}:9990`];
  return [...silent.map((address) => `${address}:9989`), ...refusing];
}

/** The mirror must send everything once, each node's line must take it, and all lines together must carry all copies. */
function boundSeconds({ nodes, bytesEach }: Course, mirror: Line, node: Line): number {
  const mbit = (bytesEach * 8) / 1e6;
  const allUpMbit = mirror.upMbit + nodes * node.upMbit;
  return Math.max(mbit / mirror.upMbit, mbit / node.downMbit, (nodes * mbit) / allUpMbit);
}

/** Not for a draw: those of 10 MB and more are a world of their own. */
const ORDINARY_BYTES = 10_000_000;
/** As the kernel's or a browser's in most upgrades: one. */
const BULKY_BYTES = 33_000_000;

/** A draw of the corpus that is always the same: the order of the SHA-256 of names. One of them is bulky. */
function mixedPackages(corpus: Corpus): string[] {
  const ordinary = drawn(corpus).filter((name) => sizeOf(corpus, name) < ORDINARY_BYTES);
  const chosen = [...ordinary.slice(0, UPGRADE_FILES - 1), nearestInSize(corpus, BULKY_BYTES)];
  return chosen.toSorted();
}

/** The largest, and drawn ones until they make up `bytes` together. */
function packagesOfTogether(corpus: Corpus, bytes: number): string[] {
  const chosen = [nearestInSize(corpus, Number.MAX_SAFE_INTEGER)];
  let left = bytes - sizeOf(corpus, chosen[0] as string);
  for (const name of drawn(corpus)) {
    const size = sizeOf(corpus, name);
    if (size >= ORDINARY_BYTES || size > left) continue;
    chosen.push(name);
    left -= size;
  }
  return chosen.toSorted();
}

function drawn(corpus: Corpus): string[] {
  const hash = (name: string) => new Bun.CryptoHasher('sha256').update(name).digest('hex');
  return [...corpus.packages].sort((a, b) => (hash(a) < hash(b) ? -1 : 1));
}

function nearestInSize(corpus: Corpus, bytes: number): string {
  const away = (name: string) => Math.abs(sizeOf(corpus, name) - bytes);
  const [nearest] = corpus.packages.toSorted((a, b) => away(a) - away(b));
  if (nearest === undefined) throw new Error('the corpus is empty');
  return nearest;
}

function sizeOf(corpus: Corpus, name: string): number {
  return corpus.sizes.get(name) ?? 0;
}

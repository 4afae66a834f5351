/**
 * apt's errand among adversaries, in simulated time: every byte is right, nobody honest is banned, who can be proven a
 * liar is, and it takes no longer than the mirror alone would, but for a moment.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { start as chokeForEver } from './choke-for-ever.ts';
import { start as claimAndHold } from './claim-and-hold.ts';
import { start as disputer } from './disputer.ts';
import { start as falseFirstHand } from './false-first-hand.ts';
import { start as falseTree } from './false-tree.ts';
import { start as garbageSender } from './garbage-sender.ts';
import { start as halfTruth } from './half-truth.ts';
import { start as hashStaller } from './hash-staller.ts';
import { start as honestRelay } from './honest-relay.ts';
import type { StartAdversary } from './hostile.ts';
import { start as lastBlockCutter } from './last-block-cutter.ts';
import { start as lowRank } from './low-rank.ts';
import { start as neverAnswers } from './never-answers.ts';
import { start as neverSends } from './never-sends.ts';
import { start as rejecter } from './rejecter.ts';
import { FILES, runErrand, type SceneOptions } from './scenes.ts';
import { start as trickler } from './trickler.ts';

setDefaultTimeout(60_000);

const NEAR = ['10.0.0.66', '10.0.0.67'];
const STRANGERS = ['198.51.100.7', '203.0.113.9'];

const SCENES: Readonly<Record<string, SceneOptions>> = {
  'the mirror alone': { honest: 1, hostile: NEAR },
  'one that has everything': { honest: 1, seeders: 1, hostile: NEAR },
  'one that has everything, the hostile ones being strangers': { honest: 1, seeders: 1, hostile: STRANGERS },
  'a crowd of four that wants the same': { honest: 4, hostile: NEAR },
};

/** A wait for somebody who stalls, and what is fetched anew: not for each file, once. */
const MOMENT_MS = 500;

const baseline = new Map<string, Promise<number>>();

function withoutAdversaries(title: string): Promise<number> {
  const scene = SCENES[title] as SceneOptions;
  let known = baseline.get(title);
  known ??= runErrand(scene, []).then(({ tookMs }) => tookMs);
  baseline.set(title, known);
  return known;
}

/** Longer than the same scene by half, or than the mirror alone by half: whichever is more. */
async function limitMs(title: string): Promise<number> {
  const times = await Promise.all([title, 'the mirror alone'].map(withoutAdversaries));
  return 1.5 * Math.max(...times) + MOMENT_MS;
}

const LIARS: Readonly<Record<string, StartAdversary>> = {
  disputer,
  falseFirstHand,
  falseTree,
  garbageSender,
  halfTruth,
};
/** They say nothing that could be proven false; or what is false in it is not their own word. */
const OTHERS: Readonly<Record<string, StartAdversary>> = {
  chokeForEver,
  claimAndHold,
  hashStaller,
  honestRelay,
  lastBlockCutter,
  lowRank,
  neverAnswers,
  neverSends,
  rejecter,
  trickler,
};
test('those that never give hashes hold up nobody that does, the mirror being dead: a second, once', async () => {
  const scene = { honest: 1, seeders: 1, hostile: NEAR, mirrorIsDead: true };
  const peaceful = await runErrand(scene, []);
  const outcome = await runErrand(scene, [hashStaller]);
  for (const { wants } of outcome.hostiles) expect(wants).toBeGreaterThan(0);
  expect(outcome.tookMs).toBeLessThan(peaceful.tookMs + 1_000 + MOMENT_MS);
});

describe("false hashes as one's own word", () => {
  const scene = SCENES['a crowd of four that wants the same'] as SceneOptions;
  const large = FILES.filter(({ bytes }) => bytes.length > 512 * 1024);

  test('about one file ban nobody: that may be a bad mirror; about a second one they do', async () => {
    const once = await runErrand(scene, [falseFirstHand], () => {}, large.slice(0, 1));
    expect([...once.banned]).toEqual([]);
    const twice = await runErrand(scene, [falseFirstHand], () => {}, large.slice(0, 2));
    expect([...twice.banned].sort()).toEqual([...scene.hostile].sort());
  });

  test.each(['falseFirstHand', 'falseTree'])(
    '%s: a crowd that was misled goes on as a crowd',
    async (name) => {
      const peaceful = await runErrand(scene, []);
      const outcome = await runErrand(scene, [LIARS[name] as StartAdversary]);
      expect(outcome.tookMs).toBeLessThan(2 * peaceful.tookMs);
      expect(outcome.mirrorBytes).toBeLessThan(1.5 * peaceful.mirrorBytes);
    },
  );

  test('nor does a false tree that honest nodes relay end it', async () => {
    const peaceful = await runErrand(scene, []);
    const outcome = await runErrand(scene, [honestRelay]);
    expect(outcome.tookMs).toBeLessThan(2 * peaceful.tookMs);
    expect(outcome.mirrorBytes).toBeLessThan(1.5 * peaceful.mirrorBytes);
  });
});

describe.each(Object.keys(SCENES))('beside %s', (title) => {
  const scene = SCENES[title] as SceneOptions;

  test.each(Object.keys(LIARS))('%s: banned, and the errand is done in time', async (name) => {
    const outcome = await runErrand(scene, [LIARS[name] as StartAdversary]);
    expect([...outcome.banned].sort()).toEqual([...scene.hostile].sort());
    expect(outcome.tookMs).toBeLessThan(await limitMs(title));
  });

  test.each(Object.keys(OTHERS))('%s: not banned, and the errand is done in time', async (name) => {
    const outcome = await runErrand(scene, [OTHERS[name] as StartAdversary]);
    for (const { wants } of outcome.hostiles) expect(wants).toBeGreaterThan(0);
    expect([...outcome.banned]).toEqual([]);
    expect(outcome.tookMs).toBeLessThan(await limitMs(title));
  });
});

/** How a crowd divides the mirror (docs/protocol.md "Claims"). */
import { describe, expect, test } from 'bun:test';
import {
  type Fellow,
  type FellowClaim,
  patienceMs,
  runLimit,
  type ShareOutView,
  shareOut,
} from '../../src/acquire/share-out.ts';

const KIB = 1024;
const NOW = 10_000;

/** Pieces [from, to) claimed, `had` of them had already; due in `dueMs`. */
function claim(from: number, to: number, { had = 0, dueMs = 1_000, stuckMs = 0 } = {}): FellowClaim {
  const first = from + had;
  return { begin: from, first, has: (piece) => piece >= first && piece < to, dueMs: NOW + dueMs, stuckMs };
}

function fellow(rank: string, changes: Partial<Fellow> = {}): Fellow {
  return { rank, claim: undefined, broken: false, latencyMs: 10, bytesPerSecond: 10_000_000, ...changes };
}

function view(changes: Partial<ShareOutView> = {}): ShareOutView {
  const pieceCount = changes.pieceCount ?? 16;
  const pieceLength = pieceCount === 1 ? 512 * KIB : 256 * KIB;
  return {
    nowMs: NOW,
    startedMs: NOW,
    movedMs: NOW,
    sizeBytes: pieceCount === 1 ? 60_000 : pieceCount * pieceLength,
    pieceLength,
    pieceCount,
    needed: () => true,
    ownRank: 'm',
    fellows: [],
    mirrorMs: 8_000,
    ...changes,
  };
}

describe('shareOut() of several pieces', () => {
  test('nobody else: all of it', () => {
    expect(shareOut(view()).run).toEqual({ from: 0, to: 16 });
  });

  test('those that begin together begin at places of their own, in the order of their ranks', () => {
    const ranks = ['a', 'f', 'm', 't'];
    const begins = ranks.map((ownRank) => {
      const fellows = ranks.filter((rank) => rank !== ownRank).map((rank) => fellow(rank));
      return shareOut(view({ ownRank, fellows })).run?.from;
    });
    expect(begins).toEqual([0, 4, 8, 12]);
  });

  test('a late arrival begins at its own place inside what one claimed, and goes as far as that one would', () => {
    const fellows = [fellow('a', { claim: claim(0, 16, { had: 2, dueMs: 7_000 }) })];
    expect(shareOut(view({ fellows })).run).toEqual({ from: 8, to: 16 });
  });

  test('its own place being taken, it takes the second half of what is furthest behind', () => {
    const fellows = [
      fellow('a', { claim: claim(0, 8, { dueMs: 4_000 }) }),
      fellow('b', { claim: claim(8, 16, { had: 2, dueMs: 9_000 }) }),
    ];
    const { run, why } = shareOut(view({ fellows, needed: (piece) => piece !== 8 && piece !== 9 }));
    expect(run).toEqual({ from: 13, to: 16 });
    expect(why).toContain('furthest behind');
  });

  test('what nobody has claimed goes before what others are about', () => {
    const fellows = [
      fellow('z', { claim: claim(0, 12, { dueMs: 6_000 }) }),
      fellow('y', { claim: claim(12, 13) }),
    ];
    expect(shareOut(view({ fellows, needed: (piece) => piece > 2 })).run).toEqual({ from: 13, to: 16 });
  });

  test('one piece that another is at is left to it', () => {
    const fellows = [fellow('a', { claim: claim(15, 16, { dueMs: 300 }) })];
    const { run, untilMs } = shareOut(view({ fellows, needed: (piece) => piece === 15 }));
    expect(run).toBeUndefined();
    expect(untilMs).toBeLessThanOrEqual(NOW + patienceMs(view()));
  });

  test.each([
    ['is long overdue', { dueMs: -5_000 }],
    ['has not moved for long', { stuckMs: 5_000, dueMs: 3_600_000 }],
  ])('a claim that %s counts for nothing', (_, state) => {
    const fellows = [fellow('a', { claim: claim(15, 16, state) })];
    expect(shareOut(view({ fellows, needed: (piece) => piece === 15 })).run).toEqual({ from: 15, to: 16 });
  });

  test('claims of whoever broke one count for nothing', () => {
    const fellows = [fellow('a', { claim: claim(0, 16), broken: true })];
    expect(shareOut(view({ fellows })).run).toEqual({ from: 0, to: 16 });
  });

  test('when nothing has come for long, this node goes by itself, whatever is claimed', () => {
    const fellows = [fellow('a', { claim: claim(0, 16, { dueMs: 60_000 }) })];
    const patience = patienceMs(view());
    expect(shareOut(view({ fellows, movedMs: NOW - patience })).run).toEqual({ from: 0, to: 16 });
  });
});

describe('runLimit()', () => {
  const run = { from: 0, at: 3, to: 16 };

  test('a run ends where another works, and where it works when it has gone on', () => {
    const fellows = [fellow('a', { claim: claim(8, 16, { dueMs: 4_000 }) })];
    expect(runLimit(view({ fellows }), run)).toBe(8);
    const later = [fellow('a', { claim: claim(8, 16, { had: 2, dueMs: 3_000 }) })];
    expect(runLimit(view({ fellows: later, needed: (piece) => piece < 8 || piece > 9 }), run)).toBe(10);
  });

  test('of two that began at the same piece the first in order goes on', () => {
    const same = { claim: claim(0, 16, { had: 3, dueMs: 6_000 }) };
    expect(runLimit(view({ fellows: [fellow('a', same)] }), run)).toBe(3);
    expect(runLimit(view({ fellows: [fellow('z', same)] }), run)).toBe(16);
  });

  test('a piece that is coming is waited for: the run ends after it', () => {
    const fellows = [fellow('a', { claim: claim(0, 16, { had: 3, dueMs: 6_000 }) })];
    expect(runLimit(view({ fellows }), { ...run, isComing: true })).toBe(4);
  });

  test('one that is slow, stuck or broken ends nobody’s run', () => {
    for (const changes of [
      { claim: claim(0, 16, { had: 3, dueMs: 3_600_000 }) },
      { claim: claim(0, 16, { had: 3, stuckMs: 5_000 }) },
      { claim: claim(0, 16, { had: 3 }), broken: true },
    ])
      expect(runLimit(view({ fellows: [fellow('a', changes)] }), run)).toBe(16);
  });
});

describe('shareOut() of one piece', () => {
  const small = { pieceCount: 1, mirrorMs: 2_000 };

  test('the first in order goes at once, the others wait for their turn', () => {
    expect(shareOut(view({ ...small, fellows: [fellow('z')] })).run).toEqual({ from: 0, to: 1 });
    const second = shareOut(view({ ...small, fellows: [fellow('a')] }));
    expect(second.run).toBeUndefined();
    const third = shareOut(view({ ...small, fellows: [fellow('a'), fellow('b')] }));
    expect(third.untilMs).toBeGreaterThan(second.untilMs ?? 0);
  });

  test('whose turn has come without a claim of those before goes', () => {
    const fellows = [fellow('a')];
    const turnMs = shareOut(view({ ...small, fellows })).untilMs ?? 0;
    expect(shareOut(view({ ...small, fellows, nowMs: turnMs })).run).toBeDefined();
  });

  test('a claim in time is waited for until it is due and a little longer, not more', () => {
    const fellows = [fellow('z', { claim: claim(0, 1, { dueMs: 1_500 }) })];
    const waiting = shareOut(view({ ...small, fellows }));
    expect(waiting.run).toBeUndefined();
    expect(waiting.untilMs).toBeGreaterThan(NOW + 1_500);
    expect(waiting.untilMs).toBeLessThan(NOW + 2_000);
    expect(shareOut(view({ ...small, fellows, nowMs: (waiting.untilMs ?? 0) + 1 })).run).toBeDefined();
  });

  test('a claim that would come later than the mirror is waited for no longer than the order asks', () => {
    const fellows = [fellow('a', { claim: claim(0, 1, { dueMs: 4_000 }) })];
    const { untilMs } = shareOut(view({ ...small, fellows }));
    expect(untilMs).toBeLessThan(NOW + 100);
    expect(shareOut(view({ ...small, fellows, nowMs: untilMs ?? 0 })).run).toBeDefined();
    const last = [fellow('z', { claim: claim(0, 1, { dueMs: 4_000 }) })];
    expect(shareOut(view({ ...small, fellows: last })).run).toBeDefined();
  });

  test('while the mirror is busy with other files of ours a late claim is waited for, but no absurd one', () => {
    const late = [fellow('a', { claim: claim(0, 1, { dueMs: 4_000 }) })];
    expect(shareOut(view({ ...small, fellows: late, isBusy: true })).untilMs).toBeGreaterThan(NOW + 4_000);
    const absurd = [fellow('a', { claim: claim(0, 1, { dueMs: 3_600_000 }) })];
    expect(shareOut(view({ ...small, fellows: absurd, isBusy: true })).untilMs).toBeLessThan(NOW + 100);
  });

  test('in a swarm so wide that a crowd may be larger than it looks, those before us are waited for even then', () => {
    const quick = { ...small, mirrorMs: 60, fellows: [fellow('a')] };
    const { run, untilMs } = shareOut(view({ ...quick, isWide: true }));
    expect(run).toBeUndefined();
    expect(untilMs).toBeLessThan(NOW + 500);
    expect(shareOut(view({ ...quick, isWide: true, nowMs: untilMs ?? 0 })).run).toBeDefined();
  });

  test('where the mirror is quick nobody waits for an order', () => {
    expect(shareOut(view({ ...small, mirrorMs: 60, fellows: [fellow('a')] })).run).toBeDefined();
  });
});

test('shareOut() in any situation names a run of missing pieces or a moment not far away (5,000 drawn)', () => {
  let state = 7;
  const draw = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = 0; i < 5_000; i += 1) {
    const pieceCount = 1 + draw(20);
    const missing = Array.from({ length: pieceCount }, () => draw(3) > 0);
    const fellows = Array.from({ length: draw(6) }, (_, at) => {
      const from = draw(pieceCount);
      const made = claim(from, from + 1 + draw(pieceCount - from), {
        had: draw(2),
        dueMs: draw(20_000) - 5_000,
        stuckMs: draw(4) === 0 ? draw(10_000) : 0,
      });
      return fellow(String(at), { ...(draw(3) > 0 && { claim: made }), broken: draw(8) === 0 });
    });
    const drawn = view({
      pieceCount,
      fellows,
      needed: (piece) => missing[piece] === true,
      movedMs: NOW - draw(3_000),
      ownRank: String(draw(6)),
      isBusy: draw(2) === 0,
      mirrorMs: 1 + draw(20_000),
    });
    const { run, untilMs } = shareOut(drawn);
    if (!missing.includes(true)) expect(run).toBeUndefined();
    else if (run) {
      expect(missing[run.from]).toBe(true);
      expect(run.to).toBeGreaterThan(run.from);
      expect(run.to).toBeLessThanOrEqual(pieceCount);
    } else {
      expect(untilMs).toBeGreaterThanOrEqual(NOW);
      expect(untilMs).toBeLessThan(NOW + 100_000);
    }
  }
});

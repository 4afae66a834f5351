import { describe, expect, test } from 'bun:test';
import { Budget } from '../../src/lib/budget.ts';
import { HashAnswers, hashBudgetForAll } from '../../src/swarm/hash-answers.ts';
import type { HashRange } from '../../src/wire/message.ts';
import { FakeTaker, servableOf } from './upload-takers.ts';

const PIECES = 2_048;

function scene() {
  const root = new Uint8Array(32).fill(7);
  const layer = new Uint8Array(PIECES * 32);
  const given = new FakeTaker('a').give({ ...servableOf('file', PIECES), tree: { root, layer } });
  const ask = (more: Partial<HashRange> = {}): HashRange => ({
    piecesRoot: root,
    baseLayer: 4,
    index: 0,
    length: 512,
    proofLayers: 10,
    ...more,
  });
  return { given, ask };
}

describe('HashAnswers', () => {
  test('answers for the piece layer only, and at most 512 hashes', () => {
    const { given, ask } = scene();
    const answers = new HashAnswers(hashBudgetForAll(0), 0);
    expect(answers.answer(ask(), given, 0, 0)?.length).toBe(4 + 49 + (512 + 2) * 32);
    for (const wrong of [
      { baseLayer: 0 },
      { baseLayer: 5 },
      { length: 1_024, proofLayers: 10 },
      { index: 3 },
    ])
      expect(answers.answer(ask(wrong), given, 0, 0)).toBeUndefined();
    expect(answers.answer(ask(), undefined, 0, 0)).toBeUndefined();
  });

  test('gives a peer the layers of twenty large files at once', () => {
    const { given, ask } = scene();
    const answers = new HashAnswers(hashBudgetForAll(0), 0);
    for (let i = 0; i < 20 * 4; i += 1) {
      const answer = answers.answer(ask({ index: (i % 4) * 512 }), given, 0, 0);
      if (i < 78) expect(answer).toBeDefined();
    }
  });

  test('short ranges cost as much work as they make: a flood of them ends', () => {
    const { given, ask } = scene();
    const answers = new HashAnswers(hashBudgetForAll(0), 0);
    const flood = (nowMs: number) => {
      let answered = 0;
      for (let i = 0; i < 2_000; i += 1)
        if (answers.answer(ask({ index: 2 * (i % 1_000), length: 2 }), given, 0, nowMs)) answered += 1;
      return answered;
    };
    expect(flood(0)).toBeLessThan(100);
    expect(flood(1_000)).toBeWithin(20, 26);
  });

  test('many peers together cost no more than the node allows', () => {
    const { given, ask } = scene();
    const all = new Budget(10_000, 0, 0);
    let answered = 0;
    for (let peer = 0; peer < 50; peer += 1) {
      const answers = new HashAnswers(all, 0);
      if (answers.answer(ask({ length: 2 }), given, 0, 0)) answered += 1;
    }
    expect(answered).toBe(4);
  });

  test('a peer that does not read its answers gets none', () => {
    const { given, ask } = scene();
    const answers = new HashAnswers(hashBudgetForAll(0), 0);
    expect(answers.answer(ask(), given, 2 * 1024 * 1024, 0)).toBeUndefined();
    expect(answers.answer(ask(), given, 0, 0)).toBeDefined();
  });
});

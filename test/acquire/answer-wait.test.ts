/** How long answers are worth waiting for (docs/protocol.md "The plan" 1). */
import { expect, test } from 'bun:test';
import { type AnswerWait, answersUntilMs } from '../../src/acquire/answer-wait.ts';

const START = 10_000;

function waitMs(changes: Partial<AnswerWait> = {}): number {
  const until = answersUntilMs({
    startedMs: START,
    dueMs: START + 500,
    mirrorMs: 100,
    isBusy: false,
    isDialling: false,
    isNear: false,
    likely: [],
    isWide: false,
    ...changes,
  });
  return until - START;
}

test('answersUntilMs() is a tenth of the mirror’s time, and a few milliseconds at least', () => {
  expect(waitMs()).toBe(10);
  expect(waitMs({ mirrorMs: 30 })).toBe(10);
  expect(waitMs({ mirrorMs: 3_000 })).toBeCloseTo(300);
});

test('answersUntilMs() is no later than the last answer is due', () => {
  expect(waitMs({ mirrorMs: 60_000 })).toBe(500);
});

test('answersUntilMs() gives a peer that is likely to have the file its round trip', () => {
  expect(waitMs({ likely: [{ latencyMs: 30, wholeMs: 90 }] })).toBe(45);
  expect(waitMs({ likely: [{ latencyMs: 300, wholeMs: 140 }] })).toBe(60);
});

test('answersUntilMs() gives it to none that would bring the file much later than the mirror', () => {
  expect(waitMs({ likely: [{ latencyMs: 40, wholeMs: 171 }] })).toBe(10);
});

test.each([
  ['the swarm is wide', { isWide: true }, 60],
  ['a near peer has not answered', { isNear: true }, 60],
  ['a given peer is being dialled', { isDialling: true }, 60],
  ['other files come from the mirror', { isBusy: true }, 250],
] as const)('answersUntilMs() is longer while %s', (_, changes, expected) => {
  expect(waitMs(changes)).toBe(expected);
});

import { expect, test } from 'bun:test';
import { betterOf, isKnown, isNear, type Provenance } from '../../src/swarm/provenance.ts';

const BEST_FIRST: readonly Provenance[] = [
  'given',
  'lan',
  'tracker',
  'open-tracker',
  'dht',
  'pex',
  'inbound',
];

test('isKnown() is what the operator chose, isNear() what is trusted', () => {
  expect(BEST_FIRST.filter(isKnown)).toEqual(['given', 'lan', 'tracker']);
  expect(BEST_FIRST.filter(isNear)).toEqual(['given', 'lan']);
});

test('betterOf() never makes a peer worse, whoever names it afterwards', () => {
  BEST_FIRST.forEach((a, i) => {
    BEST_FIRST.forEach((b, j) => {
      expect(betterOf(a, b)).toBe(BEST_FIRST[Math.min(i, j)] as Provenance);
    });
  });
});

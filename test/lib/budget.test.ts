import { expect, test } from 'bun:test';
import { Budget } from '../../src/lib/budget.ts';

test('Budget allows so much at once, and so much a second after that; a refusal costs nothing', () => {
  const budget = new Budget(100, 10, 0);
  expect(budget.spend(60, 0)).toBe(true);
  expect(budget.spend(60, 0)).toBe(false);
  expect(budget.spend(40, 0)).toBe(true);
  expect(budget.spend(1, 0)).toBe(false);
  expect(budget.spend(20, 2_000)).toBe(true);
  expect(budget.spend(101, 1_000_000)).toBe(false);
  expect(budget.spend(100, 1_000_000)).toBe(true);
});

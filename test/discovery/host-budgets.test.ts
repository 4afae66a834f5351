import { expect, test } from 'bun:test';
import { HostBudgets } from '../../src/discovery/host-budgets.ts';

test('HostBudgets give each host so much in ten seconds', () => {
  const budgets = new HostBudgets(3);
  const spent = (host: string, nowMs: number) =>
    Array.from({ length: 5 }, () => budgets.spend(host, nowMs)).filter(Boolean).length;
  expect(spent('a', 0)).toBe(3);
  expect(spent('b', 0)).toBe(3);
  expect(spent('a', 9_999)).toBe(0);
  expect(spent('a', 10_000)).toBe(3);
});

test('HostBudgets remember 2,000 hosts; others get nothing until the next spell', () => {
  const budgets = new HostBudgets(3);
  const taken = Array.from({ length: 50_000 }, (_, i) => budgets.spend(`host ${i}`, 0)).filter(Boolean);
  expect(taken).toHaveLength(2_000);
  expect(budgets.spend('host 7', 0)).toBe(true);
  expect(budgets.spend('another', 10_000)).toBe(true);
});

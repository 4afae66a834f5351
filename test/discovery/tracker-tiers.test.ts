import { describe, expect, test } from 'bun:test';
import { TrackerTiers } from '../../src/discovery/tracker-tiers.ts';

const [A, B, C, D] = ['http://a/', 'http://b/', 'http://c/', 'http://d/'] as const;

describe('TrackerTiers', () => {
  test('keeps the order of the tiers and shuffles inside each, once', () => {
    const orders = new Set<string>();
    for (let i = 0; i < 64; i += 1) {
      const tiers = new TrackerTiers([[A, B, C], [D]], Math.random);
      expect(tiers.inOrder()).toEqual(tiers.inOrder());
      expect(tiers.inOrder().at(-1)).toBe(D);
      expect(tiers.inOrder().toSorted()).toEqual([A, B, C, D]);
      orders.add(tiers.inOrder().join());
    }
    expect(orders.size).toBeGreaterThan(1);
  });

  test('answered() puts that one first in its own tier, not before others', () => {
    const tiers = new TrackerTiers([[A], [B, C, D]], () => 0.999);
    expect(tiers.inOrder()).toEqual([A, B, C, D]);
    tiers.answered(D);
    expect(tiers.inOrder()).toEqual([A, D, B, C]);
    tiers.answered('http://unknown/');
    expect(tiers.inOrder()).toEqual([A, D, B, C]);
  });

  test('a URL counts once, where it comes first', () => {
    expect(new TrackerTiers([[A], [A, B], [B, B]], () => 0.999).inOrder()).toEqual([A, B]);
  });

  test('has nothing to try when there is nothing', () => {
    expect(new TrackerTiers([[], []], Math.random).inOrder()).toEqual([]);
  });
});

import { describe, expect, test } from 'bun:test';
import { repeatedFlag } from '../../src/commands/repeated-flag.ts';

describe('repeatedFlag()', () => {
  test('gives all values in their order, in both forms, and those of that flag only', () => {
    const raw = ['--tracker', 'a', '--trackers=x', '--tracker=b', 'c', '--peer', 'd', '--tracker='];
    expect(repeatedFlag(raw, 'tracker')).toEqual(['a', 'b', '']);
    expect(repeatedFlag(raw, 'peer')).toEqual(['d']);
    expect(repeatedFlag(raw, 'none')).toEqual([]);
  });
  test('stops at --', () => expect(repeatedFlag(['--', '--peer', 'a'], 'peer')).toEqual([]));
  test('a flag without value at the end has none', () =>
    expect(repeatedFlag(['--peer'], 'peer')).toEqual([]));
});

import { describe, expect, test } from 'bun:test';
import { nearest } from '../../src/lib/nearest.ts';

const KNOWN = ['serve', 'status', 'make-torrent', 'tracker', 'config'];

describe('nearest()', () => {
  test.each([
    ['sevre', 'serve'],
    ['stauts', 'status'],
    ['maketorrent', 'make-torrent'],
    ['trackr', 'tracker'],
    ['CONFIG', 'config'],
    ['serve', 'serve'],
  ])('%p was meant to be %p', (word, meant) => {
    expect(nearest(word, KNOWN)).toBe(meant);
  });

  test('names nothing when nothing is near', () => {
    expect(nearest('frobnicate', KNOWN)).toBeUndefined();
    expect(nearest('', KNOWN)).toBeUndefined();
    expect(nearest('serve', [])).toBeUndefined();
  });

  test('of two, the nearer one, wherever it stands', () => {
    expect(nearest('statu', ['statute', 'status'])).toBe('status');
    expect(nearest('statu', ['status', 'statute'])).toBe('status');
  });
});

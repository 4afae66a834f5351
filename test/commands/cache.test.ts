import { describe, expect, test } from 'bun:test';
import { barOf, runCache } from '../../src/commands/cache.ts';
import { UsageError } from '../../src/lib/errors.ts';
import { errorOf } from '../fixtures/world.ts';

const PROGRESS = {
  directory: '/var/cache/apt/archives',
  running: true,
  files: 40,
  bytes: 400 * 2 ** 20,
  doneFiles: 10,
  doneBytes: 100 * 2 ** 20,
  added: 9,
  addedBytes: 90 * 2 ** 20,
  linked: 9,
  present: 1,
  unknown: 0,
  refused: [],
};

describe('barOf()', () => {
  test('shows share, files, rate and time left', () => {
    expect(barOf(PROGRESS, 2000)).toBe(
      `\r${'█'.repeat(6)}${'░'.repeat(18)} 25 %  10 of 40 files, 50.0 MiB/s, 6 s left\x1b[K`,
    );
  });

  test('takes itself away at the end', () => {
    expect(barOf({ ...PROGRESS, running: false }, 2000)).toBe('\r\x1b[K');
  });

  test('nothing to do is all done', () => {
    expect(barOf({ ...PROGRESS, bytes: 0, doneBytes: 0 }, 0)).toContain('100 %');
  });
});

describe('runCache()', () => {
  test.each([
    ['what it does not know', { action: 'forget' }, /does not know "forget"/],
    ['a URL that is none', { action: 'import', directory: '/tmp', url: 'nonsense' }, /isn't an http URL/],
  ])('refuses %s', async (_, args, expected) => {
    const error = await errorOf(runCache({ args: args as never, rawArgs: [] }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(expected);
  });
});

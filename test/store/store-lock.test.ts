import { expect, test } from 'bun:test';
import { lockCacheDir, lockStateDir } from '../../src/store/store-lock.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test.each([
  ['lockCacheDir()', lockCacheDir, '--cache-dir'],
  ['lockStateDir()', lockStateDir, '--state-dir'],
] as const)('%s lets one have the folder at a time, and says what to do', (_name, lock, flag) => {
  using dir = tempDir('lock');
  const first = lock(dir.path);
  expect(() => lock(dir.path)).toThrow(flag);
  expect(() => lock(dir.path)).toThrow(dir.path);
  first[Symbol.dispose]();
  lock(dir.path)[Symbol.dispose]();
});

test('one folder may be both', () => {
  using dir = tempDir('lock');
  using _cache = lockCacheDir(dir.path);
  using _state = lockStateDir(dir.path);
});

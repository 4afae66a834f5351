import { describe, expect, test } from 'bun:test';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from '../../src/commands/apt-at-work.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

describe('lockHolder()', () => {
  test('finds who holds the lock of a file, among the locks of others', () => {
    using dir = tempDir('locks');
    const lock = join(dir.path, 'lock');
    writeFileSync(lock, '');
    const { ino } = statSync(lock);
    const locks = `1: FLOCK  ADVISORY  WRITE 17 00:19:${ino + 1} 0 EOF
2: POSIX  ADVISORY  WRITE 4711 fe:01:${ino} 0 EOF
`;
    expect(lockHolder([join(dir.path, 'other'), lock], locks)).toBe(4711);
    expect(lockHolder([lock], '1: POSIX  ADVISORY  WRITE 4711 fe:01:0 0 EOF\n')).toBeUndefined();
    expect(lockHolder([join(dir.path, 'other')], locks)).toBeUndefined();
    expect(lockHolder([lock], '')).toBeUndefined();
  });
});

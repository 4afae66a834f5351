import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OUR_WORDS, readOwnFile, removeOwnFile, writeOwnFile } from '../../src/commands/own-file.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const TEXT = `# ${OUR_WORDS}\n`;

describe('writeOwnFile()', () => {
  test('makes the folder, gives the mode whatever the umask, and leaves nothing else behind', () => {
    using dir = tempDir('own');
    const path = join(dir.path, 'a/b/file');
    const before = process.umask(0o077);
    try {
      expect(writeOwnFile(path, TEXT, 0o755)).toBe(true);
    } finally {
      process.umask(before);
    }
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
    expect(statSync(path).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
    expect(writeOwnFile(path, TEXT, 0o755)).toBe(false);
    expect(writeOwnFile(path, `${TEXT}more`, 0o755)).toBe(true);
    expect(readOwnFile(path)).toBe(`${TEXT}more`);
  });

  test('leaves the old file and no temporary one where it can not be put in place', () => {
    using dir = tempDir('own');
    const path = join(dir.path, 'file');
    mkdirSync(join(dir.path, '.file.dpkg-new'));
    writeFileSync(path, TEXT);
    expect(() => writeOwnFile(path, `${TEXT}more`, 0o644)).toThrow(`could not write ${path}`);
    expect(readOwnFile(path)).toBe(TEXT);
  });

  test('says that it needs root where it has no right', () => {
    // Nobody makes files there, root neither.
    expect(() => writeOwnFile('/sys/debtorrent', TEXT, 0o644)).toThrow(
      'could not write /sys/debtorrent: it needs root; try again with sudo',
    );
  });
});

describe('a file without our words', () => {
  test('is neither read, nor overwritten, nor removed', () => {
    using dir = tempDir('own');
    const path = join(dir.path, 'file');
    writeFileSync(path, 'theirs\n');
    for (const touch of [
      () => readOwnFile(path),
      () => writeOwnFile(path, TEXT, 0o644),
      () => removeOwnFile(path),
    ]) {
      expect(touch).toThrow(`won't touch ${path}`);
    }
    expect(readFileSync(path, 'utf8')).toBe('theirs\n');
  });
});

describe('removeOwnFile()', () => {
  test('removes it once', () => {
    using dir = tempDir('own');
    const path = join(dir.path, 'file');
    writeFileSync(path, TEXT);
    expect([removeOwnFile(path), removeOwnFile(path)]).toEqual([true, false]);
    expect(existsSync(path)).toBe(false);
  });
});

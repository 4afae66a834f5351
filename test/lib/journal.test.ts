import { expect, test } from 'bun:test';
import { fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJournal, journalLines } from '../../src/lib/journal.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

test('journalLines() gives each line the level of the whole', () => {
  expect([0, 1, 3, 4, 5].map((level) => journalLines(level, 'x'))).toEqual([
    '<3>x\n',
    '<4>x\n',
    '<6>x\n',
    '<7>x\n',
    '<7>x\n',
  ]);
  expect(journalLines(0, 'Error: no\n  at here')).toBe('<3>Error: no\n<3>  at here\n');
});

test('isJournal() only where the very stream is still there', () => {
  expect(isJournal('8:17', { dev: 8, ino: 17 })).toBe(true);
  expect(isJournal('8:17', { dev: 8, ino: 18 })).toBe(false);
  expect(isJournal(undefined, { dev: 8, ino: 17 })).toBe(false);
});

test('log writes levels for the journal, and words for all others', () => {
  using dir = tempDir('journal');
  const program = `const { log } = await import(${JSON.stringify(join(import.meta.dir, '../../src/lib/log.ts'))});
    log.withTag('proxy').warn('no %s', 'mirror'); log.info('up');`;
  const written = (name: string, inJournal: boolean) => {
    const path = join(dir.path, name);
    const fd = openSync(path, 'w');
    const { dev, ino } = fstatSync(fd);
    const env = { PATH: process.env.PATH, JOURNAL_STREAM: inJournal ? `${dev}:${ino}` : '1:1' };
    const ran = Bun.spawnSync([process.execPath, '-e', program], { env, stderr: fd });
    expect(ran.exitCode).toBe(0);
    return readFileSync(path, 'utf8');
  };
  expect(written('journal', true)).toBe('<4>[proxy] no mirror\n<6>up\n');
  expect(written('file', false)).not.toContain('<');
});

import { describe, expect, test } from 'bun:test';
import { barOf } from '../../src/commands/progress-bar.ts';

const PROGRESS = { files: 40, bytes: 400 * 2 ** 20, doneFiles: 10, doneBytes: 100 * 2 ** 20 };

describe('barOf()', () => {
  test('shows share, files, rate and time left', () => {
    expect(barOf(PROGRESS, 2000)).toBe(
      `\r${'█'.repeat(6)}${'░'.repeat(18)} 25 %  10 of 40 files, 50.0 MiB/s, 6 s left\x1b[K`,
    );
  });

  test('nothing to do is all done', () => {
    expect(barOf({ ...PROGRESS, bytes: 0, doneBytes: 0 }, 0)).toContain('100 %');
  });
});

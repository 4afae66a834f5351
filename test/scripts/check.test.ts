import { describe, expect, test } from 'bun:test';
import { judgeReport } from '../../scripts/check.ts';

const good =
  'test/a.test.ts:\n(pass) a\n\n 6 pass\n 1 skip\n 0 fail\n 4 expect() calls\nRan 7 tests across 2 files. [408.00ms]\n';

describe('judgeReport()', () => {
  test('takes the counts from the closing lines and shows only those', () => {
    const judged = judgeReport(good, 0);
    expect(judged).toMatchObject({ passed: 6, failed: 0 });
    expect(judged.closing.split('\n')).toEqual([
      ' 6 pass',
      ' 1 skip',
      ' 0 fail',
      ' 4 expect() calls',
      'Ran 7 tests across 2 files. [408.00ms]',
    ]);
  });

  test('counts failures', () => {
    expect(judgeReport(good.replace('0 fail', '2 fail'), 1)).toMatchObject({ passed: 6, failed: 2 });
  });

  test('is a failure without the closing line, whatever the exit code', () => {
    expect(judgeReport('(pass) a\n', 0)).toMatchObject({ passed: 0, failed: 1 });
  });

  test('is a failure when nothing passed', () => {
    expect(judgeReport(' 0 pass\n 3 skip\n 0 fail\nRan 3 tests across 1 file. [1ms]\n', 0).failed).toBe(1);
  });

  test('is a failure when the exit code says so though no test failed', () => {
    expect(judgeReport(good, 1).failed).toBe(1);
  });

  test('reads a coloured report', () => {
    expect(judgeReport(good.replace(' 6 pass', '\u001b[32m 6 pass\u001b[0m'), 0).passed).toBe(6);
  });
});

import { describe, expect, test } from 'bun:test';
import type { ClientsRecord } from '../../bench/apt.ts';
import { reportApt } from '../../bench/apt-report.ts';
import type { BenchResult } from '../../bench/lib/results.ts';

function cold(target: string, round: number, wallSeconds: number, filesMissing = 0): ClientsRecord {
  return {
    test: 'cold',
    target,
    round,
    wallSeconds,
    filesMissing,
    clients: 1,
    cpuSeconds: 0.5,
    peakPssBytes: 50e6,
    peakRssBytes: 60e6,
    foreignCores: 0,
    updateSeconds: 0.2,
    downloadSeconds: wallSeconds - 0.2,
    filesWanted: 300,
    bytes: 1e9,
    failedUpdates: 0,
    firstError: filesMissing > 0 ? 'E: Failed to fetch' : '',
    mirrorBytes: 1e9,
    mirrorRequests: 302,
  };
}

function report(records: ClientsRecord[]): string[] {
  const result: BenchResult<ClientsRecord> = {
    bench: 'apt',
    startedAt: '2024-05-04T03:02:01Z',
    commit: 'abc',
    machine: '',
    versions: {},
    parameters: {},
    records,
  };
  return reportApt(result).split('\n');
}

const rowOf = (lines: string[], target: string) =>
  lines
    .find((line) => line.startsWith(`| ${target} `))
    ?.split('|')
    .map((cell) => cell.trim())
    .slice(1, -1);

describe('reportApt()', () => {
  test('takes ratios to direct of the same round', () => {
    const lines = report([
      cold('direct', 0, 2),
      cold('debtorrent', 0, 3),
      cold('direct', 1, 10),
      cold('debtorrent', 1, 15),
    ]);
    expect(rowOf(lines, 'debtorrent')?.slice(1, 4)).toEqual(['cold, 1 client', '9.00 [3.00-15.00]', '1.50']);
  });

  test('leaves the time of a run out in which files are missing, and says so', () => {
    const lines = report([
      cold('direct', 0, 2),
      cold('other', 0, 1, 7),
      cold('direct', 1, 2),
      cold('other', 1, 4),
    ]);
    const row = rowOf(lines, 'other');
    expect(row?.slice(2, 4)).toEqual(['4.00 [4.00-4.00]', '2.00']);
    expect(row?.at(-1)).toBe('7 of 600');
    expect(lines).toContain('- other, cold: `E: Failed to fetch`');
  });

  test('has a row, without a time, for a target whose every run failed', () => {
    const lines = report([cold('direct', 0, 2), cold('other', 0, 1, 7)]);
    expect(rowOf(lines, 'other')?.slice(2, 4)).toEqual(['–', '–']);
  });
});

import { describe, expect, test } from 'bun:test';
import { reportCrowd } from '../../bench/crowd-report.ts';
import type { CrowdRecord } from '../../bench/lib/crowd-scenarios.ts';

const RECORD: CrowdRecord = {
  round: 0,
  scenario: 'upgrade',
  setup: 'debtorrent',
  boundSeconds: 20,
  nodes: 4,
  bytesEach: 100e6,
  slowestSeconds: 30,
  medianSeconds: 29,
  fastestSeconds: 28,
  filesWanted: 240,
  filesMissing: 0,
  firstError: '',
  mirrorPoolBytes: 120e6,
  mirrorSentBytes: 150e6,
  peerBytes: 300e6,
  givenBytes: 320e6,
  peerStreamBytes: 323.2e6,
  daemonCpuSeconds: 5,
  foreignCores: 0.5,
};

function cellsOf(records: readonly CrowdRecord[], setup: string): Record<string, string> {
  const text = reportCrowd({
    bench: 'crowd',
    startedAt: '2024-05-04T03:02:01Z',
    commit: 'abc',
    machine: '',
    versions: {},
    parameters: {},
    records: [...records],
  });
  const rows = text.split('\n').filter((line) => line.startsWith('| '));
  const cells = rows.map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
  const row = cells.find(([, own]) => own === setup) ?? [];
  return Object.fromEntries((cells[0] ?? []).map((header, i) => [header, row[i] ?? '']));
}

describe('reportCrowd()', () => {
  test('states copies, the least possible time, and what is said besides payload', () => {
    expect(cellsOf([RECORD], 'debtorrent')).toMatchObject({
      '× least possible': '1.50',
      '× plain': '–',
      'copies from the mirror': '1.50',
      'besides payload %': '1.00',
      'given in vain %': '6.25',
      'fetched twice %': '12.50',
      'files missing': '0 of 240',
    });
  });

  test('compares with plain apt-gets of the same round, else with those of any', () => {
    const plain = { ...RECORD, setup: 'plain', slowestSeconds: 60 };
    const later = { ...RECORD, round: 1, slowestSeconds: 15 };
    expect(cellsOf([RECORD, plain], 'debtorrent')['× plain']).toBe('0.500');
    expect(cellsOf([RECORD, plain, later], 'debtorrent')['× plain']).toBe('0.375');
  });

  test('takes no time from a run in which files are missing', () => {
    const broken = { ...RECORD, round: 1, slowestSeconds: 1, filesMissing: 3 };
    expect(cellsOf([RECORD, broken], 'debtorrent')).toMatchObject({
      'slowest s': '30.0 [30.0-30.0]',
      'files missing': '3 of 480',
    });
  });
});

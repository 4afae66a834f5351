import { expect, test } from 'bun:test';
import { coloured, type Haul, haulLine, haulTable, plain } from '../../scripts/demo-screen.ts';

const haul: Haul = {
  machine: 'second',
  sizeBytes: 32_000,
  fromMirrorBytes: 8_000,
  fromPeersBytes: 16_000,
  spentMs: 1450,
};

test('haulLine() shows what came from peers, then from the mirror, then what is missing', () => {
  expect(haulLine(haul, plain)).toBe(
    `  second ${'█'.repeat(16)}${'▓'.repeat(8)}${'░'.repeat(8)}  23.4 KiB of 31.3 KiB, 1.4 s`,
  );
});

test('haulLine() has a bar of one length, whatever came, twice counted bytes among it', () => {
  for (const fromPeersBytes of [0, 1, 15_999, 24_000, 32_000, 40_000]) {
    const bar = haulLine({ ...haul, fromPeersBytes }, plain).match(/[█▓░]+/)?.[0];
    expect(bar).toHaveLength(32);
  }
});

test('haulLine() paints no empty part', () => {
  const line = haulLine({ ...haul, fromMirrorBytes: 0, fromPeersBytes: 32_000 }, coloured);
  expect(line).toContain(`\x1b[32m${'█'.repeat(32)}\x1b[0m  31.3 KiB`);
});

test('haulTable() has one line a machine below the heading', () => {
  const lines = haulTable([{ ...haul, machine: 'first' }, haul]);
  expect(lines.map((line) => line.trim().split(/\s{2,}/))).toEqual([
    ['took', 'from the mirror', 'from the other machine'],
    ['first', '1.4 s', '7.81 KiB', '15.6 KiB'],
    ['second', '1.4 s', '7.81 KiB', '15.6 KiB'],
  ]);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
});

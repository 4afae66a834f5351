/** docs/status.md names each field of the status with its type, and no other. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { busy } from '../status/fixtures.ts';

/** With every field that there is. */
const full: Required<StatusSnapshot> = {
  ...busy,
  reachability: { ...busy.reachability, mappedBy: 'PCP' },
  dht: { nodes: 1, readOnly: false },
  lan: { interfaces: ['eth0'], neighbours: 1 },
  limits: {
    monthlyUpload: { month: '2026-11', bytes: 1, limitBytes: 2 },
    upload: { wanBytesPerSecond: 1, paused: ['on battery'] },
    businessHours: false,
    cache: { limitBytes: 1, minFreeBytes: 1, freeBytes: 1 },
  },
  seed: {
    directory: '/srv/mirror',
    hashedFiles: 1,
    hashedBytes: 1,
    waitingFiles: 1,
    waitingBytes: 1,
    unnamedFiles: 1,
    privateFiles: 1,
    wrongFiles: 1,
    unreadable: 1,
  },
};

/** Written as one of `bytes`. */
const LIKE_BYTES = ['session', 'today', 'rates'];

/** "peers[].address" → "text". */
function fieldsOf(value: unknown, path = ''): [string, string][] {
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'string')) return [[path, 'list of text']];
    return value.flatMap((item) => fieldsOf(item, `${path}[]`));
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).flatMap(([name, item]) => {
      return LIKE_BYTES.includes(name) ? [] : fieldsOf(item, path === '' ? name : `${path}.${name}`);
    });
    return inner;
  }
  return [
    [path, { string: 'text', number: 'number', boolean: 'true or false' }[typeof value as string] ?? ''],
  ];
}

test('docs/status.md has every field with its type', () => {
  const text = readFileSync(join(import.meta.dir, '../../docs/status.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+?)(, \*sometimes\*)? \|/gm)];
  const described = rows
    .map(([, path = '', type = '']) => [path, type] as const)
    .filter(([, type]) => type !== 'object');
  const there = [...new Map(fieldsOf(full)).entries()];
  expect([...described].sort()).toEqual(there.sort());
  const objects = rows.filter(([, , type]) => type === 'object').map(([, path = '']) => path);
  expect(objects.sort()).toEqual(['bytes', ...LIKE_BYTES].sort());
});

import { describe, expect, test } from 'bun:test';
import { cacheLimits } from '../../src/limits/cache-limits.ts';

const GIB = 2 ** 30;
const UNSET = { cacheLimit: undefined, minFree: undefined };

describe('cacheLimits()', () => {
  test('where nothing is set it goes by the disk', () => {
    expect(cacheLimits(UNSET, 10 * GIB)).toEqual({ limitBytes: 2 * GIB, minFreeBytes: GIB / 2 });
    expect(cacheLimits(UNSET, 1000 * GIB)).toEqual({ limitBytes: 10 * GIB, minFreeBytes: 2 * GIB });
  });

  test('what is set counts, whatever the disk', () => {
    const set = { cacheLimit: { bytes: 50 * GIB }, minFree: { percent: 10 } };
    expect(cacheLimits(set, 20 * GIB)).toEqual({ limitBytes: 50 * GIB, minFreeBytes: 2 * GIB });
  });
});

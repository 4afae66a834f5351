import { describe, expect, test } from 'bun:test';
import { sha256Of } from '../../src/lib/sha256.ts';
import { bytesToEvict, chooseEvictions } from '../../src/store/eviction.ts';

const room = {
  ...{ storedBytes: 80, reservedBytes: 10, incomingBytes: 5, limitBytes: 100 },
  ...{ diskFreeBytes: 1000, minFreeBytes: 0 },
};
const candidates = [10, 20, 30].map((sizeBytes) => ({ key: sha256Of(new Uint8Array(sizeBytes)), sizeBytes }));

describe('bytesToEvict()', () => {
  test('is none while all fits', () => expect(bytesToEvict(room)).toBe(0));
  test('is what goes over the limit', () => expect(bytesToEvict({ ...room, incomingBytes: 25 })).toBe(15));
  test('is what the disk lacks, when that is more', () => {
    expect(bytesToEvict({ ...room, incomingBytes: 25, diskFreeBytes: 5 })).toBe(20);
  });
  test('counts what is to stay free, though nothing comes in', () => {
    expect(bytesToEvict({ ...room, incomingBytes: 0, diskFreeBytes: 30, minFreeBytes: 50 })).toBe(20);
  });
});

describe('chooseEvictions()', () => {
  const sizes = (bytes: number, open?: number) =>
    chooseEvictions(candidates, bytes, (key) => key === candidates[open ?? -1]?.key).map((c) => c.sizeBytes);
  test('takes the first until enough is freed', () => {
    expect(sizes(0)).toEqual([]);
    expect(sizes(10)).toEqual([10]);
    expect(sizes(11)).toEqual([10, 20]);
  });
  test('passes over what is open', () => expect(sizes(10, 0)).toEqual([20]));
  test('takes all there is when that is not enough', () => expect(sizes(1000, 1)).toEqual([10, 30]));
  test('reads no more candidates than it needs', () => {
    let read = 0;
    function* counted() {
      for (const candidate of candidates) {
        read += 1;
        yield candidate;
      }
    }
    chooseEvictions(counted(), 10, () => false);
    expect(read).toBe(1);
  });
});

import { describe, expect, test } from 'bun:test';
import { writtenFlags } from '../../src/commands/setting-flags.ts';

describe('writtenFlags()', () => {
  test('nothing is written where nothing was given', () => {
    expect(writtenFlags([])).toEqual({});
  });

  test('keeps every value of what may be repeated, the last of what may not', () => {
    const flags = ['--peer', 'a:1', '--peer=b:2', '--listen', ':1', '--listen=:2'];
    expect(writtenFlags(flags)).toEqual({ peers: ['a:1', 'b:2'], listen: ':2' });
  });

  test('--with-tracker stands alone, last, before another flag, or with a value', () => {
    expect(writtenFlags(['--with-tracker'])).toEqual({ withTracker: true });
    expect(writtenFlags(['--with-tracker', '--no-dht'])).toEqual({ withTracker: true, dht: false });
    expect(writtenFlags(['--with-tracker', ':7'])).toEqual({ withTracker: ':7' });
    expect(writtenFlags(['--with-tracker=:7'])).toEqual({ withTracker: ':7' });
  });

  test('of a switch and its opposite the last one counts', () => {
    expect(writtenFlags(['--no-lan'])).toEqual({ lan: false });
    expect(writtenFlags(['--lan'])).toEqual({ lan: true });
    expect(writtenFlags(['--no-lan', '--lan'])).toEqual({ lan: true });
    expect(writtenFlags(['--lan', '--no-lan'])).toEqual({ lan: false });
  });
});

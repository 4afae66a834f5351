import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MonthCount } from '../../src/limits/month-count.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const DAY_MS = 24 * 3600_000;
const november = () => new VirtualClock(new Date(2026, 10, 23).getTime());

describe('MonthCount', () => {
  test('goes on after a restart in the same month', () => {
    using dir = tempDir('month');
    const clock = november();
    {
      using count = new MonthCount(dir.path, clock);
      count.add(1_000);
    }
    using count = new MonthCount(dir.path, clock);
    count.add(1);
    expect([count.month, count.bytes]).toEqual(['2026-11', 1_001]);
  });

  test('begins anew with the month', async () => {
    using dir = tempDir('month');
    const clock = november();
    using count = new MonthCount(dir.path, clock);
    count.add(1_000);
    await clock.run(10 * DAY_MS);
    expect([count.month, count.bytes]).toEqual(['2026-12', 0]);
    using later = new MonthCount(dir.path, clock);
    expect(later.bytes).toBe(0);
  });

  test.each(['', '{', '[]', 'null', '{"month":"2026-11","bytes":-1}', '{"month":"2026-11","bytes":"x"}'])(
    'a file that has %p counts as none',
    (text) => {
      using dir = tempDir('month');
      writeFileSync(join(dir.path, 'month.json'), text);
      using count = new MonthCount(dir.path, november());
      expect(count.bytes).toBe(0);
    },
  );
});

import { expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setLogLevel } from '../../src/lib/log.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { random } from '../bencode/random.ts';
import { contents } from './store-conformance.ts';

const KILLS = 12;

test('DiskStore killed at random moments shows only whole files, frees its lock and forgets no row', async () => {
  setLogLevel('error');
  const cacheDir = mkdtempSync(join(tmpdir(), 'debtorrent-kill-'));
  const { int } = random(7);
  let shown = 0;
  try {
    for (let round = 0; round < KILLS; round++) {
      const script = join(import.meta.dir, 'kill-child.ts');
      const child = Bun.spawn([process.execPath, script, cacheDir, String(1 + round * 100_000)], {
        stdout: 'pipe',
        stderr: 'inherit',
      });
      // The first line says that it is at work; the moment of the kill is the thing under test, not a wait for something.
      await child.stdout.getReader().read();
      await Bun.sleep(1 + int(40));
      child.kill('SIGKILL');
      await child.exited;

      await using store = new DiskStore({ cacheDir, limitBytes: 2_000_000 });
      for (const { key, sizeBytes } of [...store.list()]) {
        const bytes = contents(store, key);
        if (bytes === undefined) continue;
        expect(bytes.length).toBe(sizeBytes);
        expect(sha256Of(bytes)).toBe(key);
        shown += 1;
      }
      await store.settled();
      expect(readdirSync(join(cacheDir, 'partial'))).toEqual([]);
      const rows = [...store.list()].map(({ key }) => key as string);
      expect(filesIn(join(cacheDir, 'files'))).toEqual(rows.sort());
      expect(store.totals().files).toBe(rows.length);
    }
    expect(shown).toBeGreaterThan(KILLS);
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}, 60_000);

function filesIn(dir: string): string[] {
  return readdirSync(dir)
    .flatMap((prefix) => readdirSync(join(dir, prefix)))
    .sort();
}

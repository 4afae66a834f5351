import { expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setLogLevel } from '../../src/lib/log.ts';
import { parseSha256, sha256Of, sha256ToBytes } from '../../src/lib/sha256.ts';
import { DiskStore } from '../../src/store/disk-store.ts';
import { random } from '../bencode/random.ts';
import { PARTIAL_BYTES, PIECE_LENGTH } from './kill-partial-child.ts';
import { readAll } from './store-conformance.ts';

const KILLS = 8;

test('DiskStore killed at random moments keeps partial files whose journals speak the truth, and nothing else', async () => {
  setLogLevel('error');
  const cacheDir = mkdtempSync(join(tmpdir(), 'debtorrent-kill-'));
  const partialDir = join(cacheDir, 'partial');
  const { int } = random(5);
  let pieces = 0;
  try {
    for (let round = 0; round < KILLS; round++) {
      const script = join(import.meta.dir, 'kill-partial-child.ts');
      const child = Bun.spawn([process.execPath, script, cacheDir, String(1 + round * 100_000)], {
        stdout: 'pipe',
        stderr: 'inherit',
      });
      // The first line says that it is at work; the moment of the kill is the thing under test, not a wait for something.
      await child.stdout.getReader().read();
      await Bun.sleep(1 + int(60));
      child.kill('SIGKILL');
      await child.exited;

      await using store = new DiskStore({ cacheDir });
      await store.settled();
      const names = readdirSync(partialDir);
      const keys = names.flatMap((name) => parseSha256(name) ?? []);
      expect(names.sort()).toEqual(keys.flatMap((key) => [key, `${key}.journal`]).sort());
      expect(keys.length).toBeLessThanOrEqual(64);
      for (const key of keys) {
        await using partial = store.createPartial(key, PARTIAL_BYTES, { pieceLength: PIECE_LENGTH });
        const bytes = readAll(partial.fd, PARTIAL_BYTES);
        for (const { index, hash } of partial.kept.pieces) {
          const piece = bytes.subarray(index * PIECE_LENGTH, (index + 1) * PIECE_LENGTH);
          expect(sha256ToBytes(sha256Of(piece))).toEqual(hash);
          pieces += 1;
        }
      }
    }
    expect(pieces).toBeGreaterThan(10 * KILLS);
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}, 60_000);

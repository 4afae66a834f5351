/** Where a bench writes: a directory below the system's temporary one (TMPDIR chooses the disk), removed at its end. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface WorkDir extends Disposable {
  readonly path: string;
}

const open = new Set<string>();
process.on('exit', () => {
  for (const path of open) rmSync(path, { recursive: true, force: true });
});

/** Empty, and open to the users that servers become. */
export function workDir(bench: string): WorkDir {
  const path = mkdtempSync(join(tmpdir(), `debtorrent-bench-${bench}-`));
  chmodSync(path, 0o755);
  open.add(path);
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
      open.delete(path);
    },
  };
}

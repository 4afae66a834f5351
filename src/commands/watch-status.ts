/**
 * `debtorrent status --watch`: the table anew every two seconds, in place on a terminal; one line of JSON each for
 * programs. A daemon that is started again meanwhile is waited for: only the first answer has to come.
 */
import type { StatusSnapshot } from '../status/snapshot.ts';
import { statusTable, type TableOptions } from '../status/table.ts';

const EVERY_MS = 2000;

const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const CLEAR = '\x1b[2J';

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface WatchOptions {
  readonly ask: () => Promise<StatusSnapshot>;
  readonly json: boolean;
  readonly out: Output;
  /** Between two of them; tests end by it. False ends the watching. */
  readonly pause?: () => Promise<boolean>;
}

/** Resolves with 0 when `pause` ends it; else until the process is ended. Throws when the first answer doesn't come. */
export async function watchStatus({ ask, json, out, pause = usualPause }: WatchOptions): Promise<number> {
  const isScreen = out.isTTY === true && !json;
  if (isScreen) out.write(CLEAR);
  for (let isFirst = true; ; isFirst = false) {
    let shown: string;
    try {
      const snapshot = await ask();
      shown = json ? `${JSON.stringify(snapshot)}\n` : statusTable(snapshot, terminalOf(out));
    } catch (error) {
      if (isFirst) throw error;
      // A program reads only answers.
      shown = json ? '' : `${(error as Error).message}\n`;
    }
    out.write(isScreen ? onScreen(shown, out) : shown);
    if (!(await pause())) return 0;
  }
}

/** What the table has to know of where it goes. */
export function terminalOf(out: Output): TableOptions {
  return { width: out.columns ?? 100, colour: out.isTTY === true && process.env.NO_COLOR === undefined };
}

/** Over what was there before, line by line, so that nothing flickers; no more lines than fit. */
function onScreen(text: string, { rows = 24 }: Output): string {
  const lines = text.trimEnd().split('\n');
  const room = Math.max(1, rows - 1);
  const fitting = lines.length <= room ? lines : [...lines.slice(0, room - 1), '…'];
  return `${HOME}${fitting.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`;
}

async function usualPause(): Promise<boolean> {
  await Bun.sleep(EVERY_MS);
  return true;
}

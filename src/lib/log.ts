/**
 * One consola instance for the whole program, everything to stderr, plain text when that is no terminal, with levels as
 * the journal reads them when it is that.
 * Pure rooms (bencode, wire, announce, torrent, picker, plan, control) never import this.
 * Levels: error = somebody was not served; warn = degraded, or an untrusted thing refused; info = a diary,
 * under ten lines at start; debug = per request and peer.
 */
import { fstatSync } from 'node:fs';
import { format } from 'node:util';
import { type ConsolaInstance, type ConsolaReporter, createConsola } from 'consola';
import { isJournal, journalLines } from './journal.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const NUMBER: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };

/** The most that is printed. Not consola's own level: instances made by withTag would keep a copy of it. */
let limit = NUMBER.info;

export const log: ConsolaInstance = createConsola({
  level: NUMBER.debug,
  stdout: process.stderr,
  stderr: process.stderr,
  fancy: Boolean(process.stderr.isTTY),
  formatOptions: { colors: Boolean(process.stderr.isTTY), date: false },
});

/** For the journal, which has times and colours of its own. */
const journal: ConsolaReporter = {
  log: ({ level, tag, args }) =>
    process.stderr.write(journalLines(level, `${tag === '' ? '' : `[${tag}] `}${format(...args)}`)),
};

const reporters = isJournal(process.env.JOURNAL_STREAM, stderrStat()) ? [journal] : log.options.reporters;
log.setReporters([
  {
    log(entry, context) {
      if (entry.level > limit) return;
      for (const reporter of reporters) reporter.log(entry, context);
    },
  },
]);

export function setLogLevel(level: LogLevel): void {
  limit = NUMBER[level];
}

/** Whether debug lines are printed: what is costly to put into words needn't be otherwise. */
export function isDebugging(): boolean {
  return limit >= NUMBER.debug;
}

function stderrStat(): { dev: number; ino: number } {
  try {
    return fstatSync(2);
  } catch {
    return { dev: -1, ino: -1 };
  }
}

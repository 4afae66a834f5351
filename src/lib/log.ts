/**
 * One consola instance for the whole program, everything to stderr, plain text when that is no terminal.
 * Pure rooms (bencode, wire, announce, torrent, picker, plan, control) never import this.
 * Levels: error = somebody was not served; warn = degraded, or an untrusted thing refused; info = a diary,
 * under ten lines at start; debug = per request and peer.
 */
import { type ConsolaInstance, createConsola } from 'consola';

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

const reporters = log.options.reporters;
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

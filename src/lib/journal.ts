/**
 * Lines as systemd's journal wants them: a level as `<N>` before each, by which `journalctl -p` chooses and colours.
 * Decides whether standard error is the journal, and what a line looks like there. Source: sd-daemon(3),
 * systemd.exec(5) ($JOURNAL_STREAM).
 */

/** syslog(3)'s numbers of consola's levels (0 error, 1 warn, 2 and 3 info, 4 and more debug). */
const PRIORITIES = [3, 4, 6, 6] as const;
const DEBUG = 7;

/** `stream`: $JOURNAL_STREAM, "DEVICE:INODE" of what systemd connected. A pipe or file put there later is another one. */
export function isJournal(stream: string | undefined, { dev, ino }: { dev: number; ino: number }): boolean {
  return stream !== undefined && stream === `${dev}:${ino}`;
}

/** Each line of `text` is an entry of its own there, so each has the level. Ends with a line feed. */
export function journalLines(level: number, text: string): string {
  const priority = PRIORITIES[Math.max(0, level)] ?? DEBUG;
  return text
    .split('\n')
    .map((line) => `<${priority}>${line}\n`)
    .join('');
}

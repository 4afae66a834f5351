/**
 * What SIGHUP means: that settings are to be read again; but from a terminal that was closed it means the end, as
 * for any other program. Which of the two: a terminal that is gone is none any more.
 */
import { isatty } from 'node:tty';

export function onHangup({ reload, gone }: { readonly reload: () => void; readonly gone: () => void }): void {
  const terminal = [0, 1, 2].find((fd) => isatty(fd));
  process.on('SIGHUP', () => (terminal !== undefined && !isatty(terminal) ? gone() : reload()));
}

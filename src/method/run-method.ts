/**
 * The process that apt starts: stdin, stdout and signals around a Method. It ends when apt closes stdin, or by a signal,
 * and for nothing else: when a method dies, apt gives up all that it asked it for. Quiet: what it wrote to stderr would
 * stand in the middle of apt's own words.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../lib/clock.ts';
import { log } from './answers.ts';
import { dropRights } from './drop-rights.ts';
import { Method } from './method.ts';

/** Returns at once; the process ends by itself. */
export function runMethod(): void {
  const method = new Method({ write: say, clock: systemClock, dropRights });
  const leave = () => {
    method.stop();
    process.exit(0);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error) => say(log(`an error of debtorrent's own: ${String(error)}`)));
  }
  method.greet();
  process.stdin.on('data', (bytes: Uint8Array) => method.push(bytes));
  process.stdin.on('end', leave);
  process.stdin.on('error', leave);
}

/** All of it, in order. When apt is gone there is nothing left to do. */
function say(text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') process.exit(0);
      Bun.sleepSync(1);
    }
  }
}

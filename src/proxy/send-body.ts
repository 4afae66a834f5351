/**
 * Writes to a client at the client's pace. What isn't taken yet stays with the source: at most one chunk and node's
 * own buffer are held for each answer. A client that takes nothing at all for long is let go, as its answer may hold
 * up a slot or pin a file.
 */
import type { ServerResponse } from 'node:http';
import { UnavailableError } from '../lib/errors.ts';

/** Longer than any pause a working client makes (apt gives up after 30 s). */
const TAKES_NOTHING_MS = 300_000;

/** Resolves when the client can take more. Rejects with the signal's reason when it has gone. */
export function written(
  response: ServerResponse,
  chunk: Uint8Array,
  signal: AbortSignal,
): Promise<void> | undefined {
  signal.throwIfAborted();
  if (response.write(chunk)) return undefined;
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
    };
    const onDrain = () => {
      done();
      resolve();
    };
    const onAbort = () => {
      done();
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      done();
      reject(new UnavailableError('the client takes nothing any more', { timedOut: true }));
    }, TAKES_NOTHING_MS);
    timer.unref();
    response.on('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

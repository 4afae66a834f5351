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
export async function written(
  response: ServerResponse,
  chunk: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (response.write(chunk)) return;
  await whileClientStays(signal, (resolve) => {
    response.on('drain', resolve);
    return () => response.off('drain', resolve);
  });
}

/**
 * Resolves when the system has taken all of `chunk`, so that its memory may be used again: node keeps a reference until
 * then, even where write() returns true. Rejects as above; the memory must then be left alone.
 */
export function flushed(response: ServerResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return whileClientStays(signal, (resolve) => {
    response.write(chunk, (error) => {
      if (!error) resolve();
    });
    return undefined;
  });
}

function whileClientStays(
  signal: AbortSignal,
  listen: (resolve: () => void) => (() => void) | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      leave?.();
      then();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    const onTimeout = () => {
      settle(() => reject(new UnavailableError('the client takes nothing any more', { timedOut: true })));
    };
    const timer = setTimeout(onTimeout, TAKES_NOTHING_MS);
    timer.unref();
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = listen(() => settle(resolve));
  });
}

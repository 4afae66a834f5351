/**
 * Refusals and failures as the client sees them: a status and a sentence. The body is never empty, as apt takes an
 * empty 5xx for permanent and doesn't try again. Once the head of another answer is out there is nothing left to say:
 * the connection is cut, so that the client sees a broken transfer and never a clean end.
 */
import { RefusedError, UnavailableError } from '../lib/errors.ts';
import type { Exchange } from './exchange.ts';

/** `phrase`: of the status line, which is all that apt shows of an error; the standard one unless told. */
export function answerText(
  { request, response }: Pick<Exchange, 'request' | 'response'>,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
  phrase?: string,
): void {
  if (response.headersSent) {
    cut({ response });
    return;
  }
  const body = Buffer.from(`${text || 'no reason is known'}\n`);
  response.writeHead(status, phrase, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** RefusedError and UnavailableError as their status and text; anything else is a 500 that tells nothing, or a cut. */
export function answerError(exchange: Pick<Exchange, 'request' | 'response'>, error: unknown): void {
  if (error instanceof RefusedError) answerText(exchange, error.status, error.message);
  else if (error instanceof UnavailableError) answerText(exchange, error.timedOut ? 504 : 502, error.message);
  else answerText(exchange, 500, 'an error of the proxy itself; its log says more');
}

/** Ends the answer so that nobody can take it for complete. */
export function cut({ response }: Pick<Exchange, 'response'>): void {
  response.destroy();
}

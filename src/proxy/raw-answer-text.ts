/**
 * A refusal for a client to whom node:http gives no response object: what isn't HTTP, and CONNECT. The text is the body,
 * and where a reason is given the status line's phrase too: apt shows of an answer to CONNECT nothing but that line.
 */
import type { Duplex } from 'node:stream';

/** How long a client may leave its end open when we have said all. */
const LINGER_MS = 5_000;

export function answerRaw(socket: Duplex, status: number, text: string, phrase = phraseOf(status)): void {
  socket.on('error', () => {});
  if (!socket.writable) return;
  const body = Buffer.from(`${text}\n`);
  const head = [
    `HTTP/1.1 ${status} ${phrase.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function phraseOf(status: number): string {
  return status === 400 ? 'Bad Request' : status === 403 ? 'Forbidden' : 'Refused';
}

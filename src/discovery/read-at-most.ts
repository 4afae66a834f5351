/** The body of an answer from somebody who isn't trusted: whole, or none of it. */
import { ProtocolError } from '../lib/errors.ts';

/** Throws ProtocolError beyond `maxBytes`, and whatever the connection dies of. */
export async function readAtMost({ body }: Response, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > maxBytes) throw new ProtocolError(`an answer of more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

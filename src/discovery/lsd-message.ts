/**
 * The one message of local service discovery: "I'm in these swarms, dial me at this port". It looks like HTTP and is a
 * UDP datagram. Pure. It decides what is well-formed; whom to believe is Lsd's. What a decoder doesn't know it passes
 * over, as HTTP does; a datagram that isn't this message is a ProtocolError. Spec: BEP 14.
 */
import { ProtocolError } from '../lib/errors.ts';

/** BEP 14's own advice, so that no link has to break it up. */
const MAX_SENT_BYTES = 1_400;
/** What is looked at: what an Ethernet carries in one. */
export const MAX_LSD_BYTES = 1_500;
const MAX_COOKIE_CHARS = 64;

const START_LINE = 'BT-SEARCH * HTTP/1.1';
const END = '\r\n\r\n';
const INFO_HASH_LINE_BYTES = 'Infohash: \r\n'.length + 40;

export interface LsdMessage {
  /** TCP port; the address is that of the datagram. */
  readonly port: number;
  /** 40 hexadecimal digits each, each once; at least one. */
  readonly infoHashes: readonly string[];
  /** By which the sender knows its own messages again. */
  readonly cookie?: string | undefined;
}

/**
 * As many datagrams as it takes, each of at most 1,400 bytes. `host`: the group it goes to, HOST:PORT. `infoHashes`
 * are 40 hexadecimal digits.
 */
export function encodeLsdMessages(
  host: string,
  { port, infoHashes, cookie }: LsdMessage,
): Uint8Array<ArrayBuffer>[] {
  const head = `${START_LINE}\r\nHost: ${host}\r\nPort: ${port}\r\n`;
  // BEP 14 ends with two empty lines.
  const tail = `${cookie === undefined ? '' : `cookie: ${cookie}\r\n`}\r\n\r\n`;
  const most = Math.floor((MAX_SENT_BYTES - head.length - tail.length) / INFO_HASH_LINE_BYTES);
  const messages: Uint8Array<ArrayBuffer>[] = [];
  for (let from = 0; from < infoHashes.length; from += most) {
    const lines = infoHashes.slice(from, from + most).map((infoHash) => `Infohash: ${infoHash}\r\n`);
    messages.push(new TextEncoder().encode(head + lines.join('') + tail));
  }
  return messages;
}

/** Throws ProtocolError. Info-hashes come in lower case; those of another length than ours (BEP 52's) are passed over. */
export function decodeLsdMessage(datagram: Uint8Array): LsdMessage {
  if (datagram.length > MAX_LSD_BYTES) throw new ProtocolError('a longer message than there is');
  const text = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length).toString('latin1');
  const end = text.indexOf(END);
  if (end < 0) throw new ProtocolError('a message without an end');
  const [start, ...lines] = text.slice(0, end).split('\r\n');
  if (start !== START_LINE) throw new ProtocolError('not a BT-SEARCH');
  const infoHashes = new Set<string>();
  let port: number | undefined;
  let cookie: string | undefined;
  for (const line of lines) {
    const [name, value] = fieldOf(line);
    if (name === 'port') port = only(port, portOf(value));
    else if (name === 'cookie') cookie = only(cookie, cookieOf(value));
    else if (name === 'infohash' && /^[0-9a-f]{40}$/i.test(value)) infoHashes.add(value.toLowerCase());
  }
  if (port === undefined) throw new ProtocolError('a BT-SEARCH without a port');
  if (infoHashes.size === 0) throw new ProtocolError('a BT-SEARCH for nothing');
  return { port, infoHashes: [...infoHashes], cookie };
}

/** The name in lower case, the value without the white space around it. */
function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  if (colon < 1 || !/^[\w-]+$/.test(name)) throw new ProtocolError('a line that is no field');
  return [name.toLowerCase(), line.slice(colon + 1).trim()];
}

function portOf(value: string): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (port < 1 || port > 65_535) throw new ProtocolError('a port that is none');
  return port;
}

function cookieOf(value: string): string {
  if (value.length > MAX_COOKIE_CHARS || !/^[ -~]*$/.test(value))
    throw new ProtocolError('a cookie that is not to be kept');
  return value;
}

function only<T>(before: T | undefined, now: T): T {
  if (before !== undefined) throw new ProtocolError('a field that is there twice');
  return now;
}

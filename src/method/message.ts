/**
 * The messages that apt and a method exchange: a code and its words, fields, an empty line. Pure codec. Bytes are taken
 * as latin1, so that file names pass whatever they are made of. Source: apt's doc/method.md.
 *
 * apt is no stranger, but what it sends names files of strangers' archives: lengths are bounded, and a message that
 * isn't one is told apart from the rest instead of ending everything. Invariant: what is encoded decodes to the same.
 */
export interface Message {
  readonly code: number;
  /** "URI Acquire" */
  readonly words: string;
  /** In order; a name may come more than once (Config-Item does). */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** Something between two empty lines that is no message. */
export interface Garbled {
  readonly garbled: string;
}

/** A configuration of some ten thousand lines. */
export const MESSAGE_MAX_BYTES = 4 * 2 ** 20;

/** The first field of that name, whatever its case; undefined when there is none or it is empty. */
export function fieldOf(message: Message, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return message.fields.find(([each]) => each.toLowerCase() === wanted)?.[1] || undefined;
}

/** Values are made fit for one line. Fields without a value are left out. */
export function encodeMessage(
  code: number,
  words: string,
  fields: Readonly<Record<string, string | number | undefined>>,
): string {
  const lines = [`${code} ${words}`];
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) lines.push(`${name}: ${oneLine(String(value))}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** One message without the empty line that ends it. */
export function decodeMessage(text: string): Message | Garbled {
  const [first = '', ...rest] = text.split('\n');
  const head = /^([1-9]\d\d) (\S.*)$/.exec(first);
  if (!head) return { garbled: 'its first line is no code with words' };
  const fields: [string, string][] = [];
  for (const line of rest) {
    const field = /^([A-Za-z0-9][A-Za-z0-9-]*):(?: (.*))?$/.exec(line);
    if (!field) return { garbled: 'one of its lines is no field' };
    fields.push([field[1] as string, field[2] ?? '']);
  }
  return { code: Number(head[1]), words: head[2] as string, fields };
}

/** Makes messages of bytes as they come. */
export class MessageFramer {
  #text = '';
  /** The message that is coming is too long: the rest of it is dropped. */
  #isDropping = false;

  push(bytes: Uint8Array): (Message | Garbled)[] {
    this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const found: (Message | Garbled)[] = [];
    for (;;) {
      // Empty lines between messages mean nothing.
      this.#text = this.#isDropping ? this.#text : this.#text.replace(/^\n+/, '');
      const end = this.#text.indexOf('\n\n');
      if (end < 0) break;
      const isWhole = !this.#isDropping && end <= MESSAGE_MAX_BYTES;
      if (isWhole) found.push(decodeMessage(this.#text.slice(0, end)));
      else if (!this.#isDropping) found.push(tooLong());
      this.#isDropping = false;
      this.#text = this.#text.slice(end + 2);
    }
    if (this.#text.length > MESSAGE_MAX_BYTES) {
      if (!this.#isDropping) found.push(tooLong());
      this.#isDropping = true;
      // The end may begin here.
      this.#text = this.#text.slice(-1);
    }
    return found;
  }
}

function tooLong(): Garbled {
  return { garbled: `it is longer than ${MESSAGE_MAX_BYTES} bytes` };
}

function oneLine(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not pass
  return value.replace(/[\x00-\x1f\x7f]+/g, ' ').replace(/^ +| +$/g, '');
}

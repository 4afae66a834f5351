/**
 * docs/protocol.md as the tests read it: its fenced blocks, its tables, and the notations in which it writes bytes.
 *  - "```KIND NAME" opens a block; every kind has a codec in protocol-examples.test.ts, or is `vector` or `session`
 *  - bencoding: text as it is, raw bytes as <hexadecimal>, line breaks don't count
 *  - hexadecimal: spaces don't count, "(00 × 65536)" is so many zero bytes
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PATH = join(import.meta.dir, '../../docs/protocol.md');
export const protocolDocument: string = readFileSync(PATH, 'utf8');

export interface Block {
  readonly kind: string;
  readonly name: string;
  readonly body: string;
}

export const blocks: readonly Block[] = [
  ...protocolDocument.matchAll(/^```(\S*) ?(.*)\n([\s\S]*?)^```$/gm),
].map(([, kind = '', name = '', body = '']) => ({ kind, name, body: body.trimEnd() }));

/** Rows of all tables below such a header line, as cells. */
export function tableRows(header: string): string[][] {
  const parts = protocolDocument.split(`\n${header}\n`).slice(1);
  if (parts.length === 0) throw new Error(`no table ${header}`);
  return parts.flatMap((part) => {
    const lines = part.split('\n').slice(1);
    const end = lines.findIndex((line) => !line.startsWith('|'));
    return lines.slice(0, end).map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  });
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function unhex(text: string): Uint8Array {
  const plain = text.replace(/\(00 × (\d+)\)/g, (_, count) => '00'.repeat(Number(count))).replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/.test(plain)) throw new Error(`not hexadecimal: ${text.slice(0, 80)}`);
  return new Uint8Array(Buffer.from(plain, 'hex'));
}

/** Bytes of bencoding in the document's notation. */
export function unbencodeText(body: string): Uint8Array {
  const parts = body.replaceAll('\n', '').split(/<([0-9a-f]*)>/);
  return new Uint8Array(
    Buffer.concat(parts.map((part, i) => Buffer.from(part, i % 2 === 0 ? 'latin1' : 'hex'))),
  );
}

/** Replaces the body of the one block of that kind, as `UPDATE_DOCS=1` asks for. */
export function rewriteBlock(kind: string, body: string): void {
  const block = new RegExp(`^(\`\`\`${kind}\\n)[\\s\\S]*?^(\`\`\`)$`, 'm');
  writeFileSync(
    PATH,
    readFileSync(PATH, 'utf8').replace(block, (_, open, close) => `${open}${body}\n${close}`),
  );
}

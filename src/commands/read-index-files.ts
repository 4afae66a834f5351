/**
 * Collects the files that Packages or Sources indexes name into a file table: path, size, SHA-256. Indexes are read
 * whatever their compression (archive/decompress.ts), and scanned as bytes (archive/control.ts). Stanzas without a
 * SHA-256 are counted and passed over: they can't be shared. Throws ProtocolError when the index is damaged.
 */
import { createReadStream } from 'node:fs';
import { ControlScanner } from '../archive/control.ts';
import { decompress, detectCompression, MAGIC_BYTES } from '../archive/decompress.ts';
import { ProtocolError } from '../lib/errors.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { FileTableBuilder } from '../torrent/file-table-builder.ts';

const FIELDS = ['Filename', 'Size', 'SHA256', 'Directory', 'Checksums-Sha256'] as const;
const FILENAME = 0;
const SIZE = 1;
const SHA256 = 2;
const DIRECTORY = 3;
const CHECKSUMS = 4;

export interface IndexCounts {
  readonly stanzas: number;
  /** Stanzas that name no file with size and SHA-256. */
  readonly passedOver: number;
}

/** Adds what the index at `path` names to `files`; `onProgress` hears how many of its bytes have been read. */
export async function readIndexFiles(
  path: string,
  files: FileTableBuilder,
  onProgress: (doneBytes: number) => void = () => {},
): Promise<IndexCounts> {
  const reader = new IndexReader(files);
  const whole = await gunzipWhole(path);
  if (whole) reader.scanner.push(whole);
  else for await (const chunk of decompress(chunks(path, onProgress))) reader.scanner.push(chunk);
  reader.scanner.end();
  return reader;
}

/** At once is 1.4 times as fast as chunk by chunk, at the price of holding it: for what every Packages.gz is. */
const WHOLE_MAX_BYTES = 64 << 20;

/** The text of a gzip file of moderate size; undefined when it is something else, larger, damaged or of several members. */
async function gunzipWhole(path: string): Promise<Uint8Array | undefined> {
  const file = Bun.file(path);
  if (file.size < 18 || file.size > WHOLE_MAX_BYTES) return undefined;
  const head = await file.slice(0, MAGIC_BYTES).bytes();
  if (detectCompression(head) !== 'gzip') return undefined;
  // RFC 1952: a member ends with its length.
  const length = new DataView(await file.slice(file.size - 4).arrayBuffer()).getUint32(0, true);
  if (length > WHOLE_MAX_BYTES) return undefined;
  try {
    const text = Bun.gunzipSync(await file.bytes(), { library: 'libdeflate' });
    return text.length === length ? text : undefined;
  } catch {
    // The other way says what is wrong with it.
    return undefined;
  }
}

async function* chunks(path: string, onProgress: (doneBytes: number) => void): AsyncGenerator<Uint8Array> {
  let doneBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    yield chunk as Uint8Array;
    doneBytes += (chunk as Uint8Array).length;
    onProgress(doneBytes);
  }
}

class IndexReader implements IndexCounts {
  readonly scanner: ControlScanner;
  readonly #files: FileTableBuilder;
  readonly #key = Buffer.alloc(32);
  #path = '';
  #sizeBytes = -1;
  #hasKey = false;
  #directory: string | undefined;
  #checksums: string | undefined;
  stanzas = 0;
  passedOver = 0;

  constructor(files: FileTableBuilder) {
    this.#files = files;
    this.scanner = new ControlScanner(FIELDS, {
      onField: (field, bytes, from, to) => this.#field(field, bytes, from, to),
      onStanza: () => this.#stanza(),
    });
  }

  #field(field: number, bytes: Buffer, from: number, to: number): void {
    // Latin-1 throughout: one character a byte, as the table wants its paths.
    switch (field) {
      case FILENAME:
        this.#path = withoutDotSlash(bytes.toString('latin1', from, to));
        break;
      case SIZE:
        this.#sizeBytes = parseSizeBytes(bytes, from, to);
        break;
      case SHA256:
        this.#hasKey = to - from === 64 && this.#key.write(bytes.toString('latin1', from, to), 'hex') === 32;
        break;
      case DIRECTORY:
        this.#directory = withoutDotSlash(bytes.toString('latin1', from, to));
        break;
      case CHECKSUMS:
        this.#checksums = bytes.toString('latin1', from, to);
        break;
    }
  }

  #stanza(): void {
    this.stanzas += 1;
    if (this.#path !== '' && this.#sizeBytes >= 0 && this.#hasKey) {
      this.#files.add(this.#path, this.#sizeBytes, this.#key);
    } else if (this.#directory !== undefined && this.#checksums !== undefined) {
      this.#addSources(this.#directory, this.#checksums);
    } else this.passedOver += 1;
    this.#path = '';
    this.#sizeBytes = -1;
    this.#hasKey = false;
    this.#directory = undefined;
    this.#checksums = undefined;
  }

  /** A source package's files: "digest size name" lines (deb-src control data, deb822(5)). */
  #addSources(directory: string, checksums: string): void {
    const base = directory === '' || directory === '.' ? '' : `${directory.replace(/\/+$/, '')}/`;
    for (const line of checksums.split('\n')) {
      const match = /^\s*([0-9a-fA-F]{64})\s+(\d{1,15})\s+([^\s/]+)\s*$/.exec(line);
      if (!match) continue;
      this.#files.add(base + match[3], Number(match[2]), Uint8Array.fromHex(match[1] as string));
    }
  }
}

function withoutDotSlash(path: string): string {
  return path.startsWith('./') ? path.replace(/^(?:\.\/+)+/, '') : path;
}

function parseSizeBytes(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  let at = from;
  for (; at < to && at - from < 15; at++) {
    const digit = (bytes[at] as number) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  if (at === to && to > from) return value;
  throw new ProtocolError(
    `a Size that is no number of bytes: "${quoteRemote(bytes.toString('latin1', from, to), 40)}"`,
  );
}

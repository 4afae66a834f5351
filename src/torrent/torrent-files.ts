/**
 * The files that an `info` dictionary states, from either of its halves: v1's `length` or `files` (BEP 3, BEP 47) and
 * v2's `file tree` (BEP 52), in their order, with where each begins in the space that the pieces divide. Padding is told
 * apart by its attribute (or BitComet's name), symbolic links hold no bytes and are left out and counted: nothing here
 * ever makes one. Lists and trees are walked through as they came, a file at a time. What hostile names may do is
 * torrent-path.ts's. Throws ProtocolError. Pure.
 */
import { decodeDict } from '../bencode/decode.ts';
import {
  asText,
  findBytes,
  findInt,
  findList,
  getBytes,
  getDict,
  getInt,
  getList,
} from '../bencode/fields.ts';
import type { Limits } from '../bencode/scan.ts';
import { items, keyAt, valueAt } from '../bencode/shallow.ts';
import { type BDict, keyToBytes } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { HASH_BYTES } from './merkle.ts';
import { checkComponent, PathSet } from './torrent-path.ts';

export interface TorrentFile {
  /** Below the folder of downloads: a torrent's name comes first unless it is one file. Checked (torrent-path.ts). */
  readonly path: readonly string[];
  readonly sizeBytes: number;
  /** Of its first byte in the space that the pieces divide. In v2 and hybrid torrents a multiple of the piece length. */
  readonly offset: number;
  /** Zeros that fill up a piece; neither written nor asked for (BEP 47). Its path means nothing. */
  readonly isPadding: boolean;
  /** BEP 52: 32 bytes. Undefined in v1 torrents, for padding and for empty files. */
  readonly piecesRoot: Uint8Array | undefined;
}

export interface FileList {
  readonly files: readonly TorrentFile[];
  /** Symbolic links that were left out. */
  readonly symlinks: number;
  /** Where the last file ends. */
  readonly endOffset: number;
}

/** Most files of a torrent, padding not counted; clients cope with some thousands. */
export const MAX_FILES = 100_000;
/** One file's own dictionary: a path, a few numbers and what other programs add. */
const FILE_LIMITS: Limits = { maxBytes: 64 * 1024, maxDepth: 8, maxItems: 256 };
const LIST = 0x6c;
const DICT = 0x64;
const END = 0x65;
const BITCOMET_PADDING = '_____padding_file_';

/** Adds files up, in one order or the other. */
class FileListBuilder {
  readonly #files: TorrentFile[] = [];
  readonly #paths = new PathSet();
  readonly #pieceLength: number;
  #count = 0;
  #symlinks = 0;
  #endOffset = 0;

  constructor(pieceLength: number) {
    this.#pieceLength = pieceLength;
  }

  add(path: readonly string[], sizeBytes: number, piecesRoot?: Uint8Array): void {
    this.#paths.add(path);
    this.#count += 1;
    if (this.#count > MAX_FILES) throw new ProtocolError(`more than ${MAX_FILES} files`);
    this.#push(path, sizeBytes, false, piecesRoot);
  }

  addPadding(sizeBytes: number): void {
    if (sizeBytes >= this.#pieceLength) throw new ProtocolError('padding as long as a piece');
    this.#push(['.pad', String(sizeBytes)], sizeBytes, true);
  }

  /** Counted and no more. */
  addSymlink(sizeBytes: number): void {
    if (sizeBytes !== 0) throw new ProtocolError('a symbolic link with bytes of its own');
    this.#symlinks += 1;
  }

  /** The next file begins with a piece. */
  align(): void {
    const rest = this.#endOffset % this.#pieceLength;
    if (rest > 0) this.#endOffset += this.#pieceLength - rest;
  }

  get list(): FileList {
    return { files: this.#files, symlinks: this.#symlinks, endOffset: this.#endOffset };
  }

  #push(path: readonly string[], sizeBytes: number, isPadding: boolean, piecesRoot?: Uint8Array): void {
    this.#files.push({ path, sizeBytes, offset: this.#endOffset, isPadding, piecesRoot });
    this.#endOffset += sizeBytes;
    if (!Number.isSafeInteger(this.#endOffset))
      throw new ProtocolError('files of more than 2^53-1 bytes in all');
  }
}

/** What is read of an `info` dictionary: its `files` and `file tree` raw, as they came. */
export interface FilesSource {
  readonly info: BDict;
  readonly files: Uint8Array | undefined;
  readonly tree: Uint8Array | undefined;
}

/** Of the v1 half. `name` is checked. */
export function readV1Files({ info, files }: FilesSource, name: string, pieceLength: number): FileList {
  const builder = new FileListBuilder(pieceLength);
  const sizeBytes = findInt(info, 'length');
  if (files === undefined) {
    if (sizeBytes === undefined) throw new ProtocolError('neither "length" nor "files" is there');
    if (hasAttribute(info, 'l')) throw new ProtocolError('a symbolic link as the only file');
    builder.add([name], sizeBytes);
    return builder.list;
  }
  if (sizeBytes !== undefined) throw new ProtocolError('both "length" and "files" are there');
  if (files[0] !== LIST) throw new ProtocolError('"files" is not a list');
  for (const item of items(files)) {
    const file = decodeFile(item, 'files');
    if (hasAttribute(file, 'l')) {
      builder.addSymlink(findInt(file, 'length') ?? 0);
      continue;
    }
    const fileBytes = getInt(file, 'length');
    if (hasAttribute(file, 'p')) {
      builder.addPadding(fileBytes);
      continue;
    }
    const components = findList(file, 'path.utf-8') ?? getList(file, 'path');
    if (components.length === 0) throw new ProtocolError('"path" is empty');
    const path = [name, ...components.map((part) => checkComponent(asText(part, 'path'), '"path"'))];
    if (path.at(-1)?.startsWith(BITCOMET_PADDING)) builder.addPadding(fileBytes);
    else builder.add(path, fileBytes);
  }
  return builder.list;
}

/**
 * Of the v2 half. `name` is checked. A tree of one file at its top is that file; any other, and one that stands beside
 * v1's `files`, lies below the torrent's name.
 */
export function readV2Files({ tree, files }: FilesSource, name: string, pieceLength: number): FileList {
  const builder = new FileListBuilder(pieceLength);
  if (tree === undefined) throw new ProtocolError('"file tree" is missing');
  if (tree[0] !== DICT) throw new ProtocolError('"file tree" is not a dictionary');
  walk(tree, 0, files === undefined && isOneFile(tree) ? [] : [name], builder);
  return builder.list;
}

function isOneFile(tree: Uint8Array): boolean {
  if (tree[1] === END) return false;
  const [, from] = keyAt(tree, 1);
  return isLeafAt(tree, from) && from + valueAt(tree, from).length === tree.length - 1;
}

/**
 * The folder that begins at `at`, in the order of its keys, which is by their bytes; gives where it ends. As deep as the
 * bencoding was allowed to be, and each byte is looked at once.
 */
function walk(tree: Uint8Array, folderAt: number, path: readonly string[], builder: FileListBuilder): number {
  let at = folderAt + 1;
  while (tree[at] !== END) {
    const [key, from] = keyAt(tree, at);
    if (key === '') throw new ProtocolError('"file tree" is itself a file');
    const below = [...path, checkComponent(textOf(key), '"file tree"')];
    if (tree[from] !== DICT) throw new ProtocolError('"file tree" holds something else than dictionaries');
    if (!isLeafAt(tree, from)) {
      at = walk(tree, from, below, builder);
      continue;
    }
    const raw = valueAt(tree, from);
    const leaf = decodeFile(raw, 'file tree');
    if (Object.keys(leaf).length > 1)
      throw new ProtocolError(`${quoteRemote(below.join('/'))} both file and folder`);
    addLeaf(getDict(leaf, ''), below, builder);
    at = from + raw.length;
  }
  return at + 1;
}

function addLeaf(leaf: BDict, path: readonly string[], builder: FileListBuilder): void {
  if (hasAttribute(leaf, 'p')) throw new ProtocolError('padding in "file tree"');
  if (hasAttribute(leaf, 'l')) {
    builder.addSymlink(findInt(leaf, 'length') ?? 0);
    return;
  }
  const sizeBytes = getInt(leaf, 'length');
  if (sizeBytes === 0) {
    builder.add(path, 0);
    return;
  }
  builder.align();
  builder.add(path, sizeBytes, getBytes(leaf, 'pieces root', HASH_BYTES));
}

/** It begins with the empty key, which stands first. */
function isLeafAt(tree: Uint8Array, at: number): boolean {
  return tree[at] === DICT && tree[at + 1] === 0x30 && tree[at + 2] === 0x3a;
}

/** One file's dictionary. */
function decodeFile(raw: Uint8Array, what: string): BDict {
  if (raw[0] !== DICT) throw new ProtocolError(`"${what}" holds something else than dictionaries`);
  return decodeDict(raw, FILE_LIMITS);
}

function textOf(key: string): string {
  return asText(keyToBytes(key), 'file tree');
}

/** Attributes are single letters in any order, unknown ones are passed over (BEP 47). */
function hasAttribute(file: BDict, letter: string): boolean {
  return findBytes(file, 'attr')?.includes(letter.charCodeAt(0)) ?? false;
}

/**
 * A standard torrent, of version 1, 2 or both: read from a .torrent, or from an `info` dictionary alone as peers hand it
 * out (BEP 9). What comes out can't be wrong in itself: sizes, offsets, number of pieces, hash layers and paths fit
 * together, and the two halves of a hybrid describe the same files. Whoever wrote it is a stranger: everything has a
 * limit, and what is refused is said. Not decided here: what of it to fetch, and where to put it.
 * Throws ProtocolError only. Pure. Source: BEP 3, 9, 12, 19, 27, 47, 52.
 */
import { findBytes, findDict, findInt, findText, getBytes, getInt, getText } from '../bencode/fields.ts';
import { decodeShallow } from '../bencode/shallow.ts';
import { type BDict, type BValue, keyFromBytes } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import { type InfoHash, type InfoHashV2, infoHashOf, infoHashV2Of, shortInfoHash } from './info-hash.ts';
import { checkedLayers, type PieceLayers } from './piece-layers.ts';
import { BLOCK_BYTES } from './pieces.ts';
import { type FileList, readV1Files, readV2Files, type TorrentFile } from './torrent-files.ts';
import { checkComponent } from './torrent-path.ts';

/** What `info` states: all that the info-hashes stand for. */
export interface TorrentInfo {
  readonly name: string;
  /** Of the v1 half; undefined in a v2 torrent. */
  readonly infoHashV1: InfoHash | undefined;
  /** Of the v2 half; undefined in a v1 torrent. At least one of both is there. */
  readonly infoHashV2: InfoHashV2 | undefined;
  readonly pieceLength: number;
  /** In the order of the piece space, without overlap; at least one byte in all. */
  readonly files: readonly TorrentFile[];
  /** Of the space that the pieces divide: up to the end of the last file, padding and gaps included. */
  readonly spaceBytes: number;
  /** Of the files proper. */
  readonly contentBytes: number;
  readonly pieceCount: number;
  /** SHA-1s of the pieces, 20 bytes each (v1); undefined in a v2 torrent. */
  readonly pieces: Uint8Array | undefined;
  /** Peers from its trackers only (BEP 27). */
  readonly isPrivate: boolean;
  /** Symbolic links that it states and that are left out. */
  readonly symlinks: number;
  /** The raw bencoding, as ut_metadata hands it out. */
  readonly info: Uint8Array;
}

/** What a .torrent says besides. */
export interface Metainfo extends TorrentInfo {
  /** Checked: each leads to its root. */
  readonly layers: PieceLayers;
  /** Tiers (BEP 12) of http, https and udp URLs; others are left out. */
  readonly trackers: readonly (readonly string[])[];
  /** BEP 19: http and https URLs. */
  readonly webSeeds: readonly string[];
  readonly comment: string | undefined;
  readonly createdBy: string | undefined;
  readonly createdAtMs: number | undefined;
}

/** Longest .torrent, and longest `info`: a hybrid of 100,000 files is about 25 MB. */
export const TORRENT_MAX_BYTES = 32 << 20;
/** Lists, dictionaries, texts and numbers in one .torrent. */
const MAX_ITEMS = 2_000_000;
/** In one value but the files: `piece layers` has one a file. */
const MAX_BUILT_ITEMS = 200_000;
const MAX_DEPTH = 56;
const DICT = 0x64;
export const PIECE_MIN_BYTES = 1024;
export const PIECE_MAX_BYTES = 128 << 20;
/** A bitfield of 512 KiB. */
export const TORRENT_MAX_PIECES = 1 << 22;
const MAX_URLS = 1000;
const URL_MAX_CHARS = 2048;
const REMARK_MAX_BYTES = 4096;
const SHA1_BYTES = 20;

const LIMITS = {
  maxBytes: TORRENT_MAX_BYTES,
  maxDepth: MAX_DEPTH,
  maxItems: MAX_ITEMS,
  maxBuiltItems: MAX_BUILT_ITEMS,
};
/** Outside `info`, over which nothing is computed, some programs write keys as they come. */
const OUTER_LIMITS = { ...LIMITS, anyKeyOrder: true };

/** Reads a .torrent. Byte strings are views of `bytes`. */
export function parseMetainfo(bytes: Uint8Array): Metainfo {
  return refusing('torrent', () => {
    const { dict, raw: parts } = decodeShallow(bytes, new Set(['info']), OUTER_LIMITS);
    const raw = parts.get('info');
    if (raw === undefined) throw new ProtocolError('"info" is missing');
    if (raw[0] !== DICT) throw new ProtocolError('"info" is not a dictionary');
    const torrent = readInfo(raw);
    const layers = findDict(dict, 'piece layers') ?? {};
    const createdAt = dict['creation date'];
    return {
      ...torrent,
      layers: checkedLayers(torrent.files, torrent.pieceLength, (root) =>
        findBytes(layers, keyFromBytes(root)),
      ),
      trackers: readTrackers(dict),
      webSeeds: urlsOf(dict['url-list'], ['http:', 'https:']).slice(0, MAX_URLS),
      comment: remark(dict, 'comment'),
      createdBy: remark(dict, 'created by'),
      createdAtMs: typeof createdAt === 'number' && isDate(createdAt * 1000) ? createdAt * 1000 : undefined,
    };
  });
}

/** Reads an `info` dictionary that came alone: no layers, trackers or web seeds. Its info-hash is the caller's to compare. */
export function parseInfo(raw: Uint8Array): Metainfo {
  return refusing('info dictionary', () => ({
    ...readInfo(raw),
    layers: new Map(),
    trackers: [],
    webSeeds: [],
    comment: undefined,
    createdBy: undefined,
    createdAtMs: undefined,
  }));
}

/** What its swarms are called in handshakes, by trackers and in the DHT: v1's first; a hybrid has two. */
export function swarmHashes({
  infoHashV1,
  infoHashV2,
}: Pick<TorrentInfo, 'infoHashV1' | 'infoHashV2'>): InfoHash[] {
  const hashes = [infoHashV1, infoHashV2 && shortInfoHash(infoHashV2)];
  return hashes.filter((hash) => hash !== undefined);
}

function refusing<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProtocolError(`could not read ${what}: ${cause.message}`, { cause });
  }
}

function readInfo(raw: Uint8Array): TorrentInfo {
  const { dict: info, raw: parts } = decodeShallow(raw, new Set(['files', 'file tree']), LIMITS);
  const source = { info, files: parts.get('files'), tree: parts.get('file tree') };
  const version = findInt(info, 'meta version');
  if (version !== undefined && version !== 2) {
    throw new ProtocolError(
      `"meta version" is ${version}: only version 2 and torrents without one are understood`,
    );
  }
  const isV2 = version === 2;
  if (!isV2 && source.tree !== undefined) throw new ProtocolError('"file tree" without "meta version"');
  const hasV1Files = source.files !== undefined || Object.hasOwn(info, 'length');
  const isV1 = !isV2 || Object.hasOwn(info, 'pieces') || hasV1Files;

  const name = checkComponent(findText(info, 'name.utf-8') ?? getText(info, 'name'), '"name"');
  const pieceLength = readPieceLength(info, isV2);
  const v1 = isV1 ? readV1Files(source, name, pieceLength) : undefined;
  const v2 = isV2 ? readV2Files(source, name, pieceLength) : undefined;
  const { files, endOffset, symlinks } =
    v1 && v2 ? bothHalves(v1, v2, pieceLength) : ((v1 ?? v2) as FileList);

  const pieceCount = Math.ceil(endOffset / pieceLength);
  if (pieceCount > TORRENT_MAX_PIECES)
    throw new ProtocolError(
      `${endOffset} bytes in pieces of ${pieceLength}: more than ${TORRENT_MAX_PIECES} pieces`,
    );
  const contentBytes = files.reduce((sum, file) => sum + (file.isPadding ? 0 : file.sizeBytes), 0);
  if (contentBytes === 0) throw new ProtocolError('no file in it has any bytes');
  return {
    name,
    infoHashV1: isV1 ? infoHashOf(raw) : undefined,
    infoHashV2: isV2 ? infoHashV2Of(raw) : undefined,
    pieceLength,
    files,
    spaceBytes: endOffset,
    contentBytes,
    pieceCount,
    pieces: isV1 ? readPieces(info, pieceCount) : undefined,
    isPrivate: info.private === 1,
    symlinks,
    info: raw,
  };
}

/** A power of two from 16 KiB up in version 2; anything usual in version 1. */
function readPieceLength(info: BDict, isV2: boolean): number {
  const length = getInt(info, 'piece length', isV2 ? BLOCK_BYTES : PIECE_MIN_BYTES, PIECE_MAX_BYTES);
  if (isV2 && 2 ** Math.round(Math.log2(length)) !== length)
    throw new ProtocolError(`"piece length" is ${length}: not a power of two`);
  return length;
}

function readPieces(info: BDict, count: number): Uint8Array {
  const pieces = getBytes(info, 'pieces');
  if (pieces.length !== count * SHA1_BYTES) {
    throw new ProtocolError(
      `"pieces" has ${pieces.length} bytes: ${count} pieces need ${count * SHA1_BYTES}`,
    );
  }
  return pieces;
}

/** v1's order and offsets with v2's roots, where both say the same of each file. */
function bothHalves(v1: FileList, v2: FileList, pieceLength: number): FileList {
  let next = 0;
  const files = v1.files.map((file) => {
    if (file.isPadding) return file;
    const other = v2.files[next++];
    if (other?.sizeBytes !== file.sizeBytes || other.path.join('/') !== file.path.join('/'))
      throw new ProtocolError('its v1 and v2 halves do not describe the same files');
    if (file.sizeBytes > 0 && file.offset % pieceLength !== 0)
      throw new ProtocolError('a file in its v1 half does not begin with a piece, as its v2 half has it');
    return { ...file, piecesRoot: other.piecesRoot };
  });
  if (next !== v2.files.length || v1.symlinks !== v2.symlinks)
    throw new ProtocolError('its v1 and v2 halves do not describe the same files');
  return { ...v1, files };
}

/** `announce-list` replaces `announce` where both are there (BEP 12). */
function readTrackers(dict: BDict): string[][] {
  const schemes = ['http:', 'https:', 'udp:'];
  const list = dict['announce-list'];
  const tiers = Array.isArray(list) ? list.map((tier) => urlsOf(tier as BValue, schemes)) : [];
  let left = MAX_URLS;
  const kept = tiers.map((tier) => {
    const taken = tier.slice(0, left);
    left -= taken.length;
    return taken;
  });
  const filled = kept.filter((tier) => tier.length > 0);
  if (filled.length > 0) return filled;
  const announce = urlsOf(dict.announce, schemes);
  return announce.length > 0 ? [announce.slice(0, 1)] : [];
}

/** Of a text or a list of texts: those that are URLs of these schemes. Others are of clients of another kind. */
function urlsOf(value: BValue | undefined, schemes: readonly string[]): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const urls: string[] = [];
  for (const item of list) {
    if (!(item instanceof Uint8Array) || item.length > URL_MAX_CHARS) continue;
    const text = Buffer.from(item).toString();
    if (schemes.includes(URL.parse(text)?.protocol ?? '')) urls.push(text);
  }
  return urls;
}

/** For people only: nothing is refused for it. */
function remark(dict: BDict, key: string): string | undefined {
  const value = dict[key];
  if (!(value instanceof Uint8Array)) return undefined;
  return Buffer.from(value.subarray(0, REMARK_MAX_BYTES)).toString();
}

function isDate(timeMs: number): boolean {
  return timeMs >= 0 && timeMs <= 8.64e15;
}

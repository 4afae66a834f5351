/**
 * Makes standard torrents out of what is known of their files: of version 1, 2 or both. What libtorrent 2.0's
 * create_torrent would make of the same files is made to the byte in `info`, so whoever makes it gets the same info-hash:
 * files in the order of BEP 52's tree, each beginning with a piece, and, where v1 is in it and there are several, filled up
 * with padding (BEP 47), the last one too. The same input gives the same bytes. Pure.
 */
import { encode } from '../bencode/encode.ts';
import { type BInput, type BInputDict, keyFromBytes } from '../bencode/value.ts';
import { ProtocolError } from '../lib/errors.ts';
import { type FileHashes, SHA1_BYTES } from './file-hasher.ts';
import { type InfoHash, type InfoHashV2, infoHashOf, infoHashV2Of } from './info-hash.ts';
import { formatMagnet } from './magnet.ts';
import { checkComponent, PathSet } from './torrent-path.ts';

export type TorrentKind = 'hybrid' | 'v1' | 'v2';

export interface SourceFile {
  /** In a torrent that is a folder: below its name. In one of a single file: undefined, its name is the torrent's. */
  readonly path: readonly string[] | undefined;
  readonly sizeBytes: number;
  /** At the torrent's piece length; with `pieces` unless the kind is v2. */
  readonly hashes: FileHashes;
}

export interface StandardOptions {
  readonly kind: TorrentKind;
  readonly name: string;
  readonly pieceLength: number;
  /** In any order. One without a path is the whole torrent. */
  readonly files: readonly SourceFile[];
  /** Tiers (BEP 12). */
  readonly trackers: readonly (readonly string[])[];
  /** BEP 19. */
  readonly webSeeds: readonly string[];
  readonly isPrivate?: boolean;
  readonly comment?: string | undefined;
  readonly createdBy?: string | undefined;
  /** Undefined leaves the date out. */
  readonly createdAtMs?: number | undefined;
}

export interface StandardTorrent {
  readonly bytes: Uint8Array;
  readonly infoHashV1: InfoHash | undefined;
  readonly infoHashV2: InfoHashV2 | undefined;
  /** With name, trackers and web seeds. */
  readonly magnet: string;
}

/** Throws ProtocolError for names that no torrent may have, for files that collide, and where no file has any bytes. */
export function makeStandardTorrent(options: StandardOptions): StandardTorrent {
  const { kind, name, trackers, webSeeds, comment, createdBy, createdAtMs } = options;
  checkComponent(name, 'a torrent');
  const files = inTreeOrder(options);
  if (files.every(({ sizeBytes }) => sizeBytes === 0)) throw new ProtocolError('no file has any bytes');
  const info = encode({
    name,
    'piece length': options.pieceLength,
    private: options.isPrivate ? 1 : undefined,
    ...(kind !== 'v2' && v1Half(files, options.pieceLength)),
    ...(kind !== 'v1' && { 'file tree': fileTree(files, name), 'meta version': 2 }),
  });
  const tiers = trackers.filter((tier) => tier.length > 0);
  const bytes = joinTop(
    {
      announce: tiers[0]?.[0],
      'announce-list': tiers.flat().length > 1 ? tiers : undefined,
      comment,
      'created by': createdBy,
      'creation date': createdAtMs === undefined ? undefined : Math.floor(createdAtMs / 1000),
      'piece layers': kind === 'v1' ? undefined : pieceLayers(files),
      'url-list': webSeeds.length > 1 ? webSeeds : webSeeds[0],
    },
    info,
  );
  const infoHashV1 = kind === 'v2' ? undefined : infoHashOf(info);
  const infoHashV2 = kind === 'v1' ? undefined : infoHashV2Of(info);
  const magnet = formatMagnet({ infoHashV1, infoHashV2, name, trackers: tiers.flat(), webSeeds, peers: [] });
  return { bytes, infoHashV1, infoHashV2, magnet };
}

/** The outer dictionary around an `info` that is encoded already: as it was hashed. */
function joinTop(outer: BInputDict, info: Uint8Array): Uint8Array {
  const before: BInputDict = {};
  const after: BInputDict = {};
  for (const [key, value] of Object.entries(outer))
    Object.assign(key < 'info' ? before : after, { [key]: value });
  return new Uint8Array(
    Buffer.concat([encode(before).subarray(0, -1), Buffer.from('4:info'), info, encode(after).subarray(1)]),
  );
}

/** BEP 52's: component by component, by bytes. Checks the paths. */
function inTreeOrder({ files }: StandardOptions): SourceFile[] {
  const [only] = files;
  if (only?.path === undefined && files.length === 1) return [...files];
  const paths = new PathSet();
  const keyed = files.map((file) => {
    if (!file.path?.length) throw new ProtocolError('a file without a path among others');
    for (const component of file.path) checkComponent(component, 'a path');
    paths.add(file.path);
    // No component has a NUL in it, and nothing comes before it.
    return { file, key: Buffer.from(file.path.join('\0')) };
  });
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ file }) => file);
}

function v1Half(files: readonly SourceFile[], pieceLength: number): BInputDict {
  const [only] = files;
  // libtorrent fills up nothing where there is one file, whether in a folder or not.
  const pieces = files.map(({ hashes, sizeBytes }) => piecesOf(hashes, sizeBytes, files.length > 1));
  const joined = new Uint8Array(Buffer.concat(pieces));
  if (only?.path === undefined) return { length: only?.sizeBytes, pieces: joined };
  const list: BInput[] = [];
  for (const { path, sizeBytes } of files) {
    list.push({ length: sizeBytes, path: path as readonly string[] });
    const rest = sizeBytes % pieceLength;
    if (rest === 0 || files.length === 1) continue;
    const padding = pieceLength - rest;
    list.push({ attr: 'p', length: padding, path: ['.pad', String(padding)] });
  }
  return { files: list, pieces: joined };
}

function piecesOf({ pieces, paddedPiece }: FileHashes, sizeBytes: number, isFilled: boolean): Uint8Array {
  if (pieces === undefined) throw new RangeError('a file whose v1 pieces were not hashed');
  if (!isFilled || !paddedPiece || sizeBytes === 0) return pieces;
  return Buffer.concat([pieces.subarray(0, -SHA1_BYTES), paddedPiece]);
}

type Tree = Record<string, BInputDict>;

function fileTree(files: readonly SourceFile[], name: string): BInputDict {
  const root: Tree = Object.create(null);
  for (const { path, sizeBytes, hashes } of files) {
    let folder = root;
    for (const component of path ?? [name]) {
      const key = keyFromBytes(Buffer.from(component));
      folder[key] ??= Object.create(null) as Tree;
      folder = folder[key] as Tree;
    }
    folder[''] = { length: sizeBytes, 'pieces root': sizeBytes === 0 ? undefined : hashes.root };
  }
  return root;
}

function pieceLayers(files: readonly SourceFile[]): BInputDict {
  const layers: Record<string, Uint8Array> = Object.create(null);
  for (const { hashes } of files)
    if (hashes.layer.length > 0) layers[keyFromBytes(hashes.root)] = hashes.layer;
  return layers;
}

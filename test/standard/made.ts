/** Standard torrents of made-up files, for tests: the bytes, the torrent, and a storage in memory that has some of them. */

import { encode } from '../../src/bencode/encode.ts';
import { Content } from '../../src/standard/content.ts';
import type { TorrentStorage } from '../../src/standard/storage.ts';
import { FileHasher } from '../../src/torrent/file-hasher.ts';
import { makeStandardTorrent, type TorrentKind } from '../../src/torrent/make-standard.ts';
import { type Metainfo, parseMetainfo } from '../../src/torrent/metainfo.ts';
import { random } from '../bencode/random.ts';

export interface Made {
  readonly metainfo: Metainfo;
  /** By path, joined by "/", the torrent's name first. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** All of them in the torrent's space. */
  readonly space: Uint8Array;
}

export interface MadeOf {
  readonly kind: TorrentKind;
  /** Of one file, which is the torrent; or of several by name. */
  readonly sizes: number | Readonly<Record<string, number>>;
  readonly pieceLength?: number;
  readonly webSeeds?: readonly string[];
  readonly isPrivate?: boolean;
  /** v1 as most make it: files follow each other without padding, and pieces hold the end of one and the start of the next. */
  readonly isPacked?: boolean;
}

export function made({
  kind,
  sizes,
  pieceLength = 32_768,
  webSeeds = [],
  isPrivate = false,
  isPacked,
}: MadeOf): Made {
  const source = random(7);
  const byName = typeof sizes === 'number' ? { '': sizes } : sizes;
  const contents = Object.entries(byName).map(([name, size]) => {
    const bytes = Uint8Array.from({ length: size }, () => source.int(256));
    return { name, bytes };
  });
  const { bytes } = isPacked
    ? packed(contents, pieceLength)
    : makeStandardTorrent({
        kind,
        pieceLength,
        isPrivate,
        webSeeds,
        name: 'made',
        trackers: [],
        files: contents.map(({ name, bytes: content }) => {
          const hasher = new FileHasher(content.length, pieceLength, kind !== 'v2');
          hasher.update(content);
          return {
            path: name === '' ? undefined : name.split('/'),
            sizeBytes: content.length,
            hashes: hasher.finish(),
          };
        }),
      });
  const metainfo = parseMetainfo(bytes);
  const files = new Map(
    contents.map(({ name, bytes: content }) => [name === '' ? 'made' : `made/${name}`, content]),
  );
  const space = new Uint8Array(metainfo.spaceBytes);
  for (const { path, offset, isPadding } of metainfo.files)
    if (!isPadding) space.set(files.get(path.join('/')) as Uint8Array, offset);
  return { metainfo, files, space };
}

function packed(
  contents: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  pieceLength: number,
): { readonly bytes: Uint8Array } {
  const joined = Buffer.concat(contents.map(({ bytes }) => bytes));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < joined.length; at += pieceLength)
    pieces.push(new Bun.CryptoHasher('sha1').update(joined.subarray(at, at + pieceLength)).digest());
  const files = contents.map(({ name, bytes }) => ({ length: bytes.length, path: name.split('/') }));
  const info = { files, name: 'made', 'piece length': pieceLength, pieces: Buffer.concat(pieces) };
  return { bytes: encode({ info }) };
}

/** Keeps what is written; `claims` are the pieces that it says it has at the start. */
export class MemoryStorage implements TorrentStorage {
  readonly space: Uint8Array;
  readonly written: number[] = [];
  readonly #claims: readonly number[];
  readonly #pieceLength: number;

  constructor({ metainfo, space }: Made, isFull: boolean) {
    const { pieceCount } = Content.layoutOf(metainfo);
    this.#pieceLength = metainfo.pieceLength;
    // As long as the pieces are: at the end of a v2 torrent there is padding, too.
    this.space = new Uint8Array(pieceCount * metainfo.pieceLength);
    if (isFull) this.space.set(space);
    this.#claims = isFull ? [...new Array(pieceCount).keys()] : [];
  }

  read(offset: number, into: Uint8Array): boolean {
    into.set(this.space.subarray(offset, offset + into.length));
    return true;
  }

  write(piece: number, bytes: Uint8Array): undefined {
    this.written.push(piece);
    this.space.set(bytes, piece * this.#pieceLength);
  }

  claimed(): Iterable<number> {
    return this.#claims;
  }

  confirmed(): void {}
  checked(): void {}
  async close(): Promise<void> {}
}

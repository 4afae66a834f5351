/**
 * The pure part of make-torrent: facts about an archive and its files in, the bytes of a .dtorrent and what there is
 * to say about it out. Reading indexes and writing the file are the command's.
 */
import { ProtocolError } from '../lib/errors.ts';
import { type ArchiveIdentity, swarmName } from './archive-identity.ts';
import { dtorrentInfoHash, encodeDtorrent } from './dtorrent.ts';
import type { FileTableBuilder } from './file-table-builder.ts';
import type { InfoHash } from './info-hash.ts';
import { formatMagnet } from './magnet.ts';

export interface MakeOptions {
  readonly identity: ArchiveIdentity;
  readonly files: FileTableBuilder;
  /** Each becomes a tier of its own, asked in this order (BEP 12). */
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
  readonly createdBy: string;
  /** Undefined leaves the date out: the same input then gives the same bytes. */
  readonly createdAtMs?: number;
}

export interface Made {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly infoHash: InfoHash;
  /** BEP 9, with the trackers in it. */
  readonly magnet: string;
  readonly files: number;
  readonly totalBytes: number;
}

/** Throws ProtocolError when there are no files, or the files contradict one another. */
export function makeDtorrent(options: MakeOptions): Made {
  const { identity, trackers, webSeeds, createdBy, createdAtMs } = options;
  const files = options.files.build();
  if (files.count === 0) throw new ProtocolError('no file with path, size and SHA-256 in it');
  const tiers = trackers.map((url) => [url]);
  const bytes = encodeDtorrent({ identity, trackers: tiers, webSeeds, createdBy, createdAtMs, files });
  const name = swarmName(identity);
  const infoHash = dtorrentInfoHash({ identity });
  return {
    bytes,
    name,
    infoHash,
    magnet: formatMagnet({ infoHashV1: infoHash, name, trackers, webSeeds: [], peers: [] }),
    files: files.count,
    totalBytes: files.totalBytes,
  };
}

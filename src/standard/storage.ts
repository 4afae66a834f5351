/**
 * Where the bytes of a torrent are kept: a folder (folder-storage.ts), or the store, of which a torrent is only another
 * view (store-storage.ts). Offsets are in the torrent's space (layout.ts). What is written was verified before;
 * what is read is as good as it was when it was written, and whoever reads it is told by the hashes.
 */
export interface TorrentStorage {
  /** Nothing is fetched for it: what is here is given, and that may change (Torrent.pieceCame(), pieceGone()). */
  readonly isReadOnly?: boolean;
  /** Pieces that are here, and needn't be hashed at the start. */
  sure?(): Iterable<number>;
  /** Fills `into` with what lies at `offset`, padding as zeros. False when it isn't there (any more). */
  read(offset: number, into: Uint8Array): boolean;
  /**
   * Verified bytes of one piece, which stay as they are until it is done. What it returns, if anything, is settled when they
   * can be read. Throws or rejects when the disk doesn't take them.
   */
  write(piece: number, bytes: Uint8Array): Promise<void> | undefined;
  /** Pieces that are worth being hashed at the start, as they may be here. */
  claimed(): Iterable<number>;
  /** Of those, one turned out to be here. */
  confirmed(piece: number): void;
  /** All that was claimed has been looked at. Throws when what is there is in the way. */
  checked(): void;
  /** Nothing is written any more; what is on its way still is. Resolves when all is on the disk. */
  close(): Promise<void>;
}

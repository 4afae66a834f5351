/** BEP 52's trees against SHA-256 over the same bytes in one go, which nothing can be faster than. */
import { LayerBuilder } from '../../src/torrent/layer-builder.ts';
import { PieceHasher } from '../../src/torrent/merkle.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { type Figure, throughput } from './figure.ts';

const FILE_BYTES = 64 * 2 ** 20;
const READ_BYTES = 2 ** 20;

export async function merkleFigures(): Promise<Figure[]> {
  const file = crypto.getRandomValues(new Uint8Array(65_536));
  const bytes = new Uint8Array(FILE_BYTES);
  for (let at = 0; at < FILE_BYTES; at += file.length) bytes.set(file, at);
  const pieces = new Pieces(FILE_BYTES);
  const hasher = new PieceHasher(pieces);
  const parts = (length: number) =>
    Array.from({ length: FILE_BYTES / length }, (_, i) => bytes.subarray(i * length, (i + 1) * length));
  const pieceBytes = parts(pieces.pieceLength);
  const reads = parts(READ_BYTES);
  return [
    await throughput('SHA-256 of 64 MiB', FILE_BYTES, () => Bun.SHA256.hash(bytes)),
    await throughput('merkle: every piece of 64 MiB', FILE_BYTES, () => {
      for (const piece of pieceBytes) hasher.hash(piece);
    }),
    await throughput('merkle: layer and root of 64 MiB, read by 1 MiB', FILE_BYTES, () => {
      const builder = new LayerBuilder(pieces);
      for (const read of reads) builder.update(read);
      return builder.root();
    }),
  ];
}

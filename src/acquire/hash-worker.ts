/**
 * The thread that reads files and hashes them: whole SHA-256, following a file that grows, piece layers, and single
 * pieces of what is kept of a file. One
 * pass over each byte costs a core about half a second a gigabyte, which the main thread hasn't got to spare.
 * It only reads, by offset, from descriptors that the main thread keeps open until the answer is here.
 * Work goes in slices, growing files first, so that one long layer doesn't hold up the end of a download.
 */
import { readSync } from 'node:fs';
import { LayerBuilder } from '../torrent/layer-builder.ts';
import { Pieces } from '../torrent/pieces.ts';
import { hashPieces } from './hash-pieces.ts';
import { HashedFiles } from './hashed-files.ts';

export type HashOrder =
  /** Bytes [0, to) of a growing file may be read. */
  | { readonly op: 'grow'; readonly id: number; readonly fd: number; readonly to: number }
  /** All of it has been told: answer with the digest. */
  | { readonly op: 'finish'; readonly id: number }
  /** Forget it: answer when nothing of it is being read any more. */
  | { readonly op: 'drop'; readonly id: number }
  | { readonly op: 'layer'; readonly id: number; readonly fd: number; readonly sizeBytes: number }
  /** Whole SHA-256 and piece layer of files that are here, each in one read: one order for many small ones. */
  | {
      readonly op: 'wholes';
      readonly id: number;
      readonly files: readonly { readonly fd: number; readonly sizeBytes: number }[];
    }
  /** Single pieces of a file that isn't whole: few at a time, it is one slice. */
  | {
      readonly op: 'pieces';
      readonly id: number;
      readonly fd: number;
      readonly sizeBytes: number;
      readonly indices: readonly number[];
    };

export type HashAnswer =
  | { readonly id: number; readonly digest: Uint8Array }
  | { readonly id: number; readonly layer: Uint8Array }
  /** In the order asked; undefined for what could not be read. */
  | {
      readonly id: number;
      readonly wholes: readonly ({ readonly digest: Uint8Array; readonly layer: Uint8Array } | undefined)[];
    }
  | { readonly id: number; readonly hashes: Uint8Array }
  | { readonly id: number; readonly dropped: true }
  | { readonly id: number; readonly error: string };

interface Growing {
  readonly fd: number;
  readonly hash: Bun.CryptoHasher;
  to: number;
  done: number;
  finish: boolean;
}

interface Layering {
  readonly fd: number;
  readonly builder: LayerBuilder;
  readonly sizeBytes: number;
  done: number;
}

const SLICE_BYTES = 4 * 1024 * 1024;
/** Small enough that what was read is still in the core's own cache when it is hashed. */
const buffer = new Uint8Array(256 * 1024);

/** Runs in a worker thread: takes HashOrders, posts HashAnswers. */
export function runHashWorker(): void {
  const growing = new Map<number, Growing>();
  const layering = new Map<number, Layering>();
  const wholes = new Map<number, HashedFiles>();
  const picking = new Map<number, Extract<HashOrder, { op: 'pieces' }>>();
  let scheduled = false;

  const post = (answer: HashAnswer) => postMessage(answer);
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (work()) schedule();
    });
  };

  /** One slice. True while there is more to do. */
  const work = (): boolean => {
    for (const [id, file] of growing) {
      if (file.done < file.to) {
        attempt(id, growing, () => {
          file.done = readSlice(file.fd, file.done, file.to, (bytes) => file.hash.update(bytes));
        });
        return true;
      }
      if (file.finish) {
        growing.delete(id);
        post({ id, digest: new Uint8Array(file.hash.digest()) });
        return true;
      }
    }
    for (const [id, { fd, sizeBytes, indices }] of picking) {
      attempt(id, picking, () => {
        post({ id, hashes: hashPieces(fd, new Pieces(sizeBytes), indices) });
        picking.delete(id);
      });
      return true;
    }
    for (const [id, file] of layering) {
      attempt(id, layering, () => {
        file.done = readSlice(file.fd, file.done, file.sizeBytes, (bytes) => file.builder.update(bytes));
        if (file.done < file.sizeBytes) return;
        layering.delete(id);
        post({ id, layer: file.builder.layer() });
      });
      return true;
    }
    for (const [id, files] of wholes) {
      if (files.work(SLICE_BYTES)) return true;
      wholes.delete(id);
      post({ id, wholes: files.found });
      return true;
    }
    return false;
  };

  const attempt = (id: number, from: Map<number, unknown>, step: () => void) => {
    try {
      step();
    } catch (error) {
      from.delete(id);
      post({ id, error: error instanceof Error ? error.message : String(error) });
    }
  };

  self.onmessage = ({ data }: MessageEvent<HashOrder>) => {
    switch (data.op) {
      case 'grow': {
        const known = growing.get(data.id);
        if (known) known.to = data.to;
        else {
          const hash = new Bun.CryptoHasher('sha256');
          growing.set(data.id, { fd: data.fd, hash, to: data.to, done: 0, finish: false });
        }
        break;
      }
      case 'finish': {
        const file = growing.get(data.id);
        if (file) file.finish = true;
        // It failed before, when nobody was waiting for an answer.
        else post({ id: data.id, error: 'it could not be read' });
        break;
      }
      case 'drop':
        growing.delete(data.id);
        layering.delete(data.id);
        post({ id: data.id, dropped: true });
        break;
      case 'pieces':
        picking.set(data.id, data);
        break;
      case 'wholes':
        wholes.set(data.id, new HashedFiles(data.files));
        break;
      case 'layer': {
        const builder = new LayerBuilder(new Pieces(data.sizeBytes));
        layering.set(data.id, { fd: data.fd, builder, sizeBytes: data.sizeBytes, done: 0 });
        break;
      }
    }
    schedule();
  };
}

/** Reads at most a slice of [from, to); returns how far it came. */
function readSlice(fd: number, from: number, to: number, take: (bytes: Uint8Array) => void): number {
  const end = Math.min(to, from + SLICE_BYTES);
  let at = from;
  while (at < end) {
    const got = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
    if (got === 0) throw new Error(`the file ends at ${at}, before ${to}`);
    take(buffer.subarray(0, got));
    at += got;
  }
  return at;
}

if (!Bun.isMainThread && !Bun.main.startsWith('/$bunfs/')) runHashWorker();

/** Right bytes, one a second (or every --every milliseconds): never silent for long, never done. */
import { type BlockRef, encodePieceHeader, encodeReject } from '../../src/wire/message.ts';
import type { Talk } from './hostile.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = (ground, aim) => trickle(1_000)(ground, aim);

/** One byte every so many milliseconds. */
export function trickle(everyMs: number): StartAdversary {
  return startWith({
    name: 'trickler',
    requested(talk, block) {
      const found = talk.find(block.index);
      if (!found) return talk.raw.send(encodeReject(block));
      const from = found.shown.pieces.offset(found.piece) + block.begin;
      const queue = queues.get(talk) ?? [];
      queue.push({ block, bytes: found.shown.bytes.subarray(from, from + block.length) });
      if (queues.has(talk)) return;
      queues.set(talk, queue);
      trickleOut(talk, queue, everyMs);
    },
  });
}

interface Owed {
  readonly block: BlockRef;
  readonly bytes: Uint8Array;
}

const queues = new WeakMap<Talk, Owed[]>();

function trickleOut(talk: Talk, queue: Owed[], everyMs: number): void {
  const owed = queue.shift();
  if (!owed) {
    queues.delete(talk);
    return;
  }
  const { block, bytes } = owed;
  const { node, raw } = talk;
  let at = 0;
  raw.send(encodePieceHeader(block.index, block.begin, bytes.length));
  const next = () => {
    if (talk.closed) return;
    raw.send(bytes.subarray(at, at + 1));
    node.sentBytes += 1;
    at += 1;
    if (at === bytes.length) trickleOut(talk, queue, everyMs);
    else node.after(everyMs, next);
  };
  next();
}

if (import.meta.main) await runAsProgram(start);

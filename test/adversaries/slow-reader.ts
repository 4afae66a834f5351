/** Asks for all it can get and never reads its socket. */
import { encodeInterested, encodeRequest } from '../../src/wire/message.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'slow-reader',
  ready(talk) {
    talk.raw.send(encodeInterested());
    const [key] = talk.node.shown.keys();
    if (key) talk.want(0, key);
  },
  said(talk, message) {
    const entry = message.kind === 'have' ? message.entries[0] : undefined;
    const [shown] = talk.node.shown.values();
    if (!entry || !shown) return;
    talk.raw.link.pause();
    for (let i = 0; i < 1_000; i += 1) {
      const piece = i % shown.pieces.count;
      const length = Math.min(128 * 1024, shown.pieces.size(piece));
      talk.raw.send(encodeRequest({ index: entry.firstPiece + piece, begin: 0, length }));
    }
  },
});

if (import.meta.main) await runAsProgram(start);

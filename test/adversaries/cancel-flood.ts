/** Asks for blocks and cancels them at once, and cancels what it never asked for. */
import { encodeCancel, encodeInterested, encodeRequest } from '../../src/wire/message.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const A_TURN = 100;
const EVERY_MS = 50;

export const start: StartAdversary = startWith({
  name: 'cancel-flood',
  ready(talk) {
    talk.raw.send(encodeInterested());
    const [key] = talk.node.shown.keys();
    if (key) talk.want(0, key);
  },
  said(talk, message) {
    const entry = message.kind === 'have' ? message.entries[0] : undefined;
    if (!entry) return;
    talk.node.repeat(EVERY_MS, () => {
      for (let i = 0; i < A_TURN && !talk.closed; i += 1) {
        const block = { index: entry.firstPiece, begin: 0, length: 16 * 1024 };
        const never = { index: entry.firstPiece + 1, begin: 16 * 1024 * (i % 8), length: 16 * 1024 };
        talk.raw.send(encodeRequest(block), encodeCancel(block), encodeCancel(never));
      }
    });
  },
});

if (import.meta.main) await runAsProgram(start);

/** Passes on a false tree as hearsay, with bytes that fit it, as an honest node would that was lied to: it must not be banned. */
import { Grade } from '../../src/wire/archive-ext.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'honest-relay',
  bytesOf: (truth) => truth.map((byte) => 255 - byte),
  wanted(talk, want, key) {
    const shown = talk.node.shown.get(key);
    if (!shown || shown.pieces.isSingle) return talk.none(want);
    const pieces = new Uint8Array(Math.ceil(shown.pieces.count / 8));
    for (let i = 0; i < shown.pieces.count; i += 1)
      pieces[i >> 3] = (pieces[i >> 3] ?? 0) | (0x80 >> (i & 7));
    talk.have(want, shown, { grade: Grade.relayed, pieces });
  },
});

if (import.meta.main) await runAsProgram(start);

/** Says without being asked that it has everything: `have` for numbers that are not open, HAVE, BITFIELD, HAVE ALL, lt_donthave. */
import { encodeBitfield, encodeHave, encodeHaveAll } from '../../src/wire/message.ts';
import { writeU32 } from '../../src/wire/u32.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const EVERY_MS = 50;

export const start: StartAdversary = startWith({
  name: 'have-flood',
  ready(talk) {
    const { raw, node } = talk;
    let number = 0;
    node.repeat(EVERY_MS, () => {
      if (talk.closed) return;
      number += 200;
      const want = number;
      const entry = { sizeBytes: 1_000, firstPiece: 0, grade: 0 } as const;
      raw.archive({
        kind: 'have',
        entries: Array.from({ length: 200 }, (_, i) => ({ ...entry, want: want + i })),
      });
      for (let i = 0; i < 200; i += 1) {
        raw.send(encodeHave(number + i));
        const lost = new Uint8Array(4);
        writeU32(lost, 0, number + i);
        raw.extension('lt_donthave', lost);
      }
      raw.send(encodeBitfield(new Uint8Array(1_000).fill(255)), encodeHaveAll());
    });
  },
});

if (import.meta.main) await runAsProgram(start);

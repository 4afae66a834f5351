/** Has the whole file, it says: wrong bytes, and a root and layer that fit them. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'false-tree',
  bytesOf: (truth) => truth.map((byte) => 255 - byte),
});

if (import.meta.main) await runAsProgram(start);

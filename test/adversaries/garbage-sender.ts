/** Sends wrong bytes; for files of several pieces under the right root. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'garbage-sender',
  bytesOf: (truth) => truth.map((byte) => 255 - byte),
  treeOf: (truth) => truth,
});

if (import.meta.main) await runAsProgram(start);

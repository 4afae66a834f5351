/** Asks for the hashes of a file again and again: 49 bytes for 16 KiB each. */
import { encodeHashRequest } from '../../src/wire/message.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const A_TURN = 400;
const EVERY_MS = 50;

export const start: StartAdversary = startWith({
  name: 'hash-request-flood',
  ready(talk) {
    const [key] = talk.node.shown.keys();
    if (key) talk.want(0, key);
  },
  said(talk, message) {
    if (message.kind !== 'have') return;
    const [shown] = talk.node.shown.values();
    if (!shown) return;
    const { layerHeight, treeHeight } = shown.pieces;
    const rows = treeHeight - layerHeight;
    const request = encodeHashRequest({
      piecesRoot: shown.root,
      baseLayer: layerHeight,
      index: 0,
      length: Math.min(512, 2 ** rows),
      proofLayers: rows - 1,
    });
    talk.node.repeat(EVERY_MS, () => {
      for (let i = 0; i < A_TURN && !talk.closed; i += 1) talk.raw.send(request);
    });
  },
});

if (import.meta.main) await runAsProgram(start);

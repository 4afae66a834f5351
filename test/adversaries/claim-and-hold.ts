/** Looks for what its victim looks for, claims all of it from the mirror, and fetches nothing; claims anew when that is due, and comes back under a new peer id. */
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

const DUE_MS = 400;
const RETURNS_AFTER_MS = 5_000;

export const start: StartAdversary = startWith({
  name: 'claim-and-hold',
  ready(talk) {
    const { node, victim } = talk;
    node.after(RETURNS_AFTER_MS, () => {
      if (talk.closed || !victim) return;
      talk.raw.link.close('another name');
      void node.dial(victim);
    });
  },
  wanted(talk, want, key) {
    talk.none(want);
    const count = talk.node.shown.get(key)?.pieces.count ?? 1;
    talk.want(want, key);
    const claim = () => {
      if (talk.closed) return;
      const pieces = [{ first: 0, count }];
      talk.raw.archive({ kind: 'claim', entries: [{ want, pieces, etaMs: DUE_MS }] });
      talk.node.after(DUE_MS, claim);
    };
    claim();
  },
});

if (import.meta.main) await runAsProgram(start);

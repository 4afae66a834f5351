/** Names addresses of others, thousands of them: strangers that never heard of BitTorrent, and machines of the victim’s own network. */
import { encodePex, PexFlag } from '../../src/wire/pex.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

export const start: StartAdversary = startWith({
  name: 'pex-flood',
  ready(talk) {
    let next = 0;
    talk.node.repeat(100, () => {
      if (talk.closed) return;
      const added = Array.from({ length: 40 }, (_, i) => {
        next += 1;
        const host = i % 4 === 0 ? `10.0.0.${next % 256}` : `192.0.${next >> 8}.${next % 256}`;
        return { host, port: i % 8 === 0 ? 22 : 9_989, flags: PexFlag.reachable };
      });
      talk.raw.extension('ut_pex', encodePex({ added, dropped: [] }));
    });
  },
});

if (import.meta.main) await runAsProgram(start);

/** make-torrent behind citty, as src/main.ts has it: for make-torrent.test.ts. */
import { defineCommand, runMain } from 'citty';
import { makeTorrentArgs, run } from '../../src/commands/make-torrent.ts';

await runMain(
  defineCommand({
    args: makeTorrentArgs,
    async run({ args, rawArgs }) {
      process.exitCode = await run({ args, rawArgs });
    },
  }),
);

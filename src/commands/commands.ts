/** The commands, in the order in which people meet them. Each is loaded when it is used. */
import type { Command } from './command-line.ts';

export const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    description: 'Serve APT from peers and mirrors, in the foreground',
    load: async () => {
      const { run, serveArgs: args } = await import('./serve.ts');
      return { args, run };
    },
  },
  cache: {
    description: 'Look at the cache: list, verify, prune, export, import',
    load: async () => {
      const { cacheArgs: args, runCache: run } = await import('./cache.ts');
      return { args, run };
    },
  },
  status: {
    description: 'Show what the running daemon does and has saved',
    load: async () => {
      const { runStatus, statusArgs: args } = await import('./status.ts');
      return { args, run: runStatus };
    },
  },
  apt: {
    description: 'Let apt use the daemon wherever it answers: enable, disable, status',
    load: async () => {
      const { aptArgs: args, runApt: run } = await import('./apt.ts');
      return { args, run };
    },
  },
  'make-torrent': {
    description: 'Make a .dtorrent of an archive, and standard torrents of its files',
    load: async () => {
      const { makeTorrentArgs: args, run } = await import('./make-torrent.ts');
      return { args, run, operands: true };
    },
  },
  seed: {
    description: 'Share the tree of a mirror with other nodes, in place and read-only',
    load: async () => {
      const { runSeed: run, seedArgs: args } = await import('./seed.ts');
      return { args, run };
    },
  },
  inspect: {
    description: 'Say what a .torrent, magnet link or .dtorrent contains',
    load: async () => {
      const { inspectArgs: args, runInspect: run } = await import('./inspect.ts');
      return { args, run };
    },
  },
  fetch: {
    description: 'Fetch a torrent, a file or a package, with a progress bar',
    load: async () => {
      const { fetchArgs: args, runFetch: run } = await import('./fetch.ts');
      return { args, run };
    },
  },
  tracker: {
    description: 'Be a tracker and nothing else',
    load: async () => {
      const { runTracker, trackerArgs: args } = await import('./tracker.ts');
      return { args, run: runTracker };
    },
  },
  config: {
    description: 'Print the settings that hold, and where each came from',
    load: () => import('./config.ts'),
  },
};

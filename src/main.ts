/**
 * The one entry point of the one binary. Decides which role this process has: the hash thread of a daemon, the child
 * that reads an index or the files of a pool, a method of apt's (by the name that it is called with), or a command.
 * Everything else is loaded only by the role that needs it.
 */
import packageJson from '../package.json' with { type: 'json' };

const argv = process.argv.slice(2);

if (!Bun.isMainThread) {
  const { runHashWorker } = await import('./acquire/hash-worker.ts');
  runHashWorker();
} else if (/(?:^|\/)debtorrent\+https?$/.test(process.argv0) || argv[0] === 'internal-method') {
  const { runMethod } = await import('./method/run-method.ts');
  runMethod();
} else if (argv[0] === '--version') {
  process.stdout.write(`${packageJson.version}\n`);
} else if (argv[0] === 'internal-index') {
  const { runInternalIndex } = await import('./archive/build-table.ts');
  process.exitCode = await runInternalIndex(argv.slice(1));
} else if (argv[0] === 'internal-upgrades') {
  const { runInternalUpgrades } = await import('./archive/upgrades.ts');
  process.exitCode = await runInternalUpgrades(argv.slice(1));
} else if (argv[0] === 'internal-hash') {
  const { runInternalHash } = await import('./commands/internal-hash.ts');
  process.exitCode = await runInternalHash();
} else {
  const { runCommandLine } = await import('./commands/command-line.ts');
  const { COMMANDS } = await import('./commands/commands.ts');
  process.exit(await runCommandLine(argv, COMMANDS, packageJson.version));
}

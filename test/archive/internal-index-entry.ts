/** Stands in for main.ts in build-table.test.ts: only the hidden subcommand. */
import { INTERNAL_INDEX, runInternalIndex } from '../../src/archive/build-table.ts';

const [command, ...argv] = process.argv.slice(2);
process.exitCode = command === INTERNAL_INDEX ? await runInternalIndex(argv) : 2;

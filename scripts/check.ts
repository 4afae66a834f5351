/**
 * The one command that checks everything: format and lint, types, layers, unit tests, the binary, the end-to-end
 * tests that run it; `--only unit|e2e|system` for a part (system tests need root, so only by name), with the paths of
 * test files behind it for less. System tests run apart from all else on the machine (test/fixtures/apart.sh).
 *
 * Stops at the first section that fails. A run of `bun test` counts only with its closing line and at least one
 * passed test: a test that calls process.exit(0) would otherwise hide all the others. The last line on stdout is
 * always "N passed, M failed" (tests, and a failed section that isn't tests counts as one).
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

interface Section {
  readonly title: string;
  readonly run: () => Promise<Outcome>;
}

const root = join(import.meta.dir, '..');
const tool = (...args: string[]) => ['node', 'scripts/bun.mjs', 'x', ...args];
const ignoring = (...patterns: string[]) => patterns.map((pattern) => `--path-ignore-patterns=${pattern}`);
const NOT_UNIT = ignoring('test/e2e/**', 'test/system/**');

const lint: Section = { title: 'Format and lint', run: () => command(tool('biome', 'check', '.')) };
const types: Section = { title: 'Types', run: () => command(tool('tsc', '--noEmit')) };
const layers: Section = { title: 'Layers', run: () => tests('test/layers.test.ts') };
const units: Section = {
  title: 'Unit tests',
  run: () => tests('--timeout=60000', ...NOT_UNIT, ...ignoring('test/layers.test.ts')),
};
const build: Section = {
  title: 'Binary',
  run: () => command([process.execPath, 'scripts/build-binary.ts']),
};
const endToEnd: Section = {
  title: 'End-to-end tests (dist/debtorrent, real apt-get)',
  run: () => tests('--timeout=120000', ...pathsOr('test/e2e/')),
};
const system: Section = {
  title: 'System tests (network namespaces, as root)',
  run: () => testsBy([join(root, 'test/fixtures/apart.sh')], '--timeout=300000', ...pathsOr('test/system/')),
};

const PLANS: Readonly<Record<string, readonly Section[]>> = {
  all: [lint, types, layers, units, build, endToEnd],
  unit: [layers, units],
  e2e: [build, endToEnd],
  system: [build, system],
};

/** Test files that were named on the command line. */
let paths: readonly string[] = [];

function pathsOr(all: string): readonly string[] {
  return paths.length > 0 ? paths : [all];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { only: { type: 'string', default: 'all' } },
    allowPositionals: true,
  });
  const plan = PLANS[values.only];
  if (!plan || (positionals.length > 0 && !['e2e', 'system'].includes(values.only))) {
    console.error(`usage: check.ts [--only ${Object.keys(PLANS).slice(1).join('|')}] [e2e or system tests…]`);
    return 2;
  }
  paths = positionals;
  let passed = 0;
  let failed = 0;
  for (const section of plan) {
    console.log(`\n== ${section.title}`);
    const startedMs = performance.now();
    const outcome = await section.run();
    passed += outcome.passed;
    failed += outcome.failed;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`-- ${section.title}: ${outcome.failed === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
    if (outcome.failed > 0) break;
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** A section that is one command: its exit code decides. */
async function command(argv: readonly string[]): Promise<Outcome> {
  const child = Bun.spawn([...argv], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return { passed: 0, failed: (await child.exited) === 0 ? 0 : 1 };
}

/** A section that is a run of `bun test`: its closing lines decide, and they must be there. */
function tests(...args: string[]): Promise<Outcome> {
  return testsBy([], ...args);
}

/** The same by a command that runs another. */
async function testsBy(prefix: readonly string[], ...args: string[]): Promise<Outcome> {
  const child = Bun.spawn([...prefix, process.execPath, 'test', ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const decoder = new TextDecoder();
  let report = '';
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    report += decoder.decode(chunk, { stream: true });
  }
  const outcome = judgeReport(report, await child.exited);
  console.log(outcome.closing);
  return outcome;
}

/** The counts and the last line that `bun test` ends with, whichever of them there are. */
const CLOSING = /(?:^ *\d+ [a-z() ]+\n)*^Ran \d+ tests? across \d+ files?\..*$/m;

/** What a run of `bun test` amounts to, by its report (stderr) and exit code, with what to print of it. */
export function judgeReport(report: string, exitCode: number): Outcome & { readonly closing: string } {
  const closing = CLOSING.exec(Bun.stripANSI(report))?.[0];
  if (closing === undefined) {
    return {
      passed: 0,
      failed: 1,
      closing: `bun test ended (${exitCode}) without its closing line: a failure`,
    };
  }
  const count = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}`, 'm').exec(closing)?.[1] ?? 0);
  const passed = count('pass');
  const failed = Math.max(count('fail'), count('error'));
  if (failed > 0) return { passed, failed, closing };
  if (passed === 0) return { passed, failed: 1, closing: `${closing}\nno test passed: a failure` };
  if (exitCode !== 0)
    return { passed, failed: 1, closing: `${closing}\nbut exit code ${exitCode}: a failure` };
  return { passed, failed, closing };
}

if (import.meta.main) process.exit(await main());

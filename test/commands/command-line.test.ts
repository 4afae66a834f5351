import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { ArgsDef } from 'citty';
import { type Command, runCommandLine } from '../../src/commands/command-line.ts';
import { COMMANDS } from '../../src/commands/commands.ts';
import { ConfigError, UsageError } from '../../src/lib/errors.ts';

const ARGS: ArgsDef = {
  file: { type: 'string', valueHint: 'FILE', description: 'A file' },
  'with-tracker': { type: 'string', valueHint: '[HOST:PORT]', description: 'A value or none' },
  lan: { type: 'boolean', default: true, negativeDescription: 'Not on the LAN' },
  json: { type: 'boolean', alias: 'j', description: 'As JSON' },
};

/** What was written, and how. */
const out: string[] = [];
const err: string[] = [];
const { stdout, stderr } = process;
const writes = [stdout.write, stderr.write] as const;

beforeEach(() => {
  out.length = 0;
  err.length = 0;
  stdout.write = (text: string | Uint8Array) => out.push(String(text)) > 0;
  stderr.write = (text: string | Uint8Array) => err.push(String(text)) > 0;
});
afterEach(() => {
  [stdout.write, stderr.write] = writes;
});

/** Runs "probe" with `argv`; the exit code, and what the command itself was given. */
async function probe(
  argv: readonly string[],
  {
    operands = false,
    act = async (): Promise<unknown> => undefined,
  }: { operands?: boolean; act?: () => Promise<unknown> } = {},
) {
  const runs: { args: Record<string, unknown>; rawArgs: readonly string[] }[] = [];
  const command: Command = {
    description: 'Probe something',
    load: async () => ({
      args: ARGS,
      operands,
      run: async (context) => {
        runs.push(context as never);
        return await act();
      },
    }),
  };
  const code = await runCommandLine(argv, { probe: command, status: command }, '1.2.3');
  const [, ...more] = runs;
  expect(more).toEqual([]);
  return { code, ran: runs[0], out: out.join(''), err: err.join('') };
}

describe('runCommandLine()', () => {
  test('--version prints the version and nothing else', async () => {
    for (const flag of ['--version', '-v']) {
      out.length = 0;
      expect(await probe([flag])).toEqual({ code: 0, ran: undefined, out: '1.2.3\n', err: '' });
    }
  });

  test('--help names every command, on stdout', async () => {
    for (const flag of ['--help', '-h', 'help']) {
      out.length = 0;
      const { code, out: text, err: errors } = await probe([flag]);
      expect(code).toBe(0);
      expect(errors).toBe('');
      for (const word of ['probe', 'status', 'Probe something']) expect(text).toContain(word);
    }
  });

  test('no command is not understood: the overview on stderr, exit 2', async () => {
    const { code, out: text, err: errors } = await probe([]);
    expect(code).toBe(2);
    expect(text).toBe('');
    expect(errors).toContain('probe');
  });

  test('--help of a command names its flags and does not run it', async () => {
    const { code, ran, out: text } = await probe(['probe', '--help']);
    expect(code).toBe(0);
    expect(ran).toBeUndefined();
    for (const flag of ['--file', '--with-tracker', '--no-lan', '--json']) expect(text).toContain(flag);
    expect(text).not.toContain('\u001b');
  });

  test.each<[string, string[], RegExp]>([
    ['an unknown command', ['proeb'], /no command "proeb"; did you mean probe\?/],
    ['an unknown command that is like none', ['frobnicate'], /no command "frobnicate"; see/],
    ['a name that every object has', ['constructor'], /no command "constructor"/],
    ['an unknown flag', ['probe', '--flie', 'x'], /no option --flie; did you mean --file\?/],
    ['an unknown flag with a value', ['probe', '--flie=x'], /no option --flie; did you mean --file\?/],
    ['an unknown short flag', ['probe', '-x'], /no option -x/],
    ['a flag without its value, last', ['probe', '--file'], /--file needs a value/],
    ['a flag without its value, before another', ['probe', '--file', '--json'], /--file needs a value/],
    ['a value for a switch', ['probe', '--json=yes'], /--json does not take a value/],
    ['a stray operand', ['probe', 'x'], /does not take "x"/],
    ['a stray operand behind a flag', ['probe', '--file', 'a', 'x'], /does not take "x"/],
    ['a stray operand behind --', ['probe', '--', 'x'], /does not take "x"/],
    ['a flag of citty that nobody defined', ['probe', '--no-file'], /no option --no-file/],
  ])('%s: exit 2, a sentence, no stack trace, and nothing is run', async (_what, argv, says) => {
    const { code, ran, out: text, err: errors } = await probe(argv);
    expect(code).toBe(2);
    expect(ran).toBeUndefined();
    expect(text).toBe('');
    expect(errors).toMatch(says);
    expect(errors.trim().split('\n')).toHaveLength(1);
  });

  test.each<[string[]]>([
    [['probe']],
    [['probe', '--file', 'x']],
    [['probe', '--file=x']],
    [['probe', '--file=-x']],
    [['probe', '--file', '-']],
    [['probe', '--with-tracker']],
    [['probe', '--with-tracker', '127.0.0.1:1', '--json']],
    [['probe', '--with-tracker', '--no-lan']],
    [['probe', '--lan', '-j']],
  ])('%p is understood', async (argv) => {
    const { code, ran, err: errors } = await probe(argv);
    expect(errors).toBe('');
    expect(code).toBe(0);
    expect(ran?.rawArgs).toEqual(argv.slice(1));
  });

  test('operands are taken where the command takes them, also behind --', async () => {
    expect((await probe(['probe', 'a', '--json', 'b', '--', '--c'], { operands: true })).code).toBe(0);
  });

  test.each<[string, Error, number]>([
    ['UsageError', new UsageError('give a file'), 2],
    ['ConfigError', new ConfigError('give a file'), 2],
    ['any other error', new TypeError('give a file'), 1],
  ])('%s of a command becomes a sentence and exit code', async (_what, error, code) => {
    const ended = await probe(['probe'], { act: () => Promise.reject(error) });
    expect(ended.code).toBe(code);
    expect(ended.err).toContain('give a file');
    expect(ended.err).not.toMatch(/\bat .*:\d+/);
  });

  test('what a command returns is the exit code; nothing is 0', async () => {
    expect((await probe(['probe'], { act: async () => 3 })).code).toBe(3);
    expect((await probe(['probe'], { act: async () => 'x' })).code).toBe(0);
  });
});

describe('COMMANDS', () => {
  test.each(Object.keys(COMMANDS))('%s can be loaded and explains itself', async (name) => {
    expect(await runCommandLine([name, '--help'], COMMANDS, '0')).toBe(0);
    expect(out.join('')).toContain(COMMANDS[name]?.description ?? '?');
  });

  test('an operand that must be there and is not: exit 2, by its name', async () => {
    expect(await runCommandLine(['make-torrent'], COMMANDS, '0')).toBe(2);
    expect(err.join('').toLowerCase()).toContain('index');
  });

  test('serve refuses an unknown flag before it does anything', async () => {
    expect(await runCommandLine(['serve', '--listne', ':0'], COMMANDS, '0')).toBe(2);
    expect(err.join('')).toContain('did you mean --listen?');
  });
});

/**
 * The one place where the command line is understood: finds the command, refuses what citty would swallow (unknown
 * flags, flags without their value, stray operands), and turns errors into sentences and exit codes:
 * 0 = done, 1 = failed, 2 = not understood (UsageError, ConfigError). Never a stack trace, but at debug level.
 */
import { type ArgDef, type ArgsDef, type CommandDef, defineCommand, parseArgs, renderUsage } from 'citty';
import { ConfigError, UsageError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import { nearest } from '../lib/nearest.ts';

export interface Command {
  readonly description: string;
  /** Loaded only when the command is used: start-up is paid for by whoever needs it. */
  readonly load: () => Promise<{
    readonly args: ArgsDef;
    /** Whether any number of operands may follow. */
    readonly operands?: boolean;
    readonly run: (context: {
      readonly args: never;
      readonly rawArgs: readonly string[];
    }) => Promise<unknown>;
  }>;
}

/** Runs what `argv` (without program and script) asks for. Returns the exit code. */
export async function runCommandLine(
  argv: readonly string[],
  commands: Readonly<Record<string, Command>>,
  version: string,
): Promise<number> {
  try {
    return await dispatch(argv, commands, version);
  } catch (error) {
    const usage = error instanceof UsageError || error instanceof ConfigError;
    log.error(error instanceof Error ? error.message : String(error));
    if (error instanceof Error) log.debug(error.stack);
    return usage ? 2 : 1;
  }
}

async function dispatch(
  argv: readonly string[],
  commands: Readonly<Record<string, Command>>,
  version: string,
): Promise<number> {
  const [name, ...rawArgs] = argv;
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const usage = await overview(commands, version);
    (name === undefined ? process.stderr : process.stdout).write(usage);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    const near = nearest(name, Object.keys(commands));
    throw new UsageError(`there is no command "${name}"${hint(near)}; see debtorrent --help`);
  }
  const { args, operands = false, run } = await command.load();
  if (rawArgs.includes('--help') || rawArgs.includes('-h')) {
    const meta = { name, version, description: command.description };
    const parent = defineCommand({ meta: { name: 'debtorrent' } });
    process.stdout.write(plain(`${await renderUsage(defineCommand({ meta, args }), parent)}\n`));
    return 0;
  }
  checkArguments(name, rawArgs, args, operands);
  const parsed = understand(name, rawArgs, args);
  const code = await run({ args: parsed as never, rawArgs });
  return typeof code === 'number' ? code : 0;
}

/** citty's own reading; it throws for an operand that must be there and isn't. Throws UsageError. */
function understand(command: string, rawArgs: readonly string[], args: ArgsDef): unknown {
  try {
    return parseArgs([...rawArgs], args);
  } catch (cause) {
    const { message } = cause as Error;
    throw new UsageError(`${command}: ${message}; see debtorrent ${command} --help`, { cause });
  }
}

/** Throws UsageError for what the command doesn't know. */
function checkArguments(command: string, rawArgs: readonly string[], args: ArgsDef, operands: boolean): void {
  const known = knownFlags(args);
  const positionals = Object.values(args).filter((def) => def.type === 'positional').length;
  let seen = 0;
  let flagsOver = false;
  for (let i = 0; i < rawArgs.length; i += 1) {
    const word = rawArgs[i] as string;
    if (word === '--' && !flagsOver) {
      flagsOver = true;
      continue;
    }
    if (flagsOver || !word.startsWith('-') || word === '-') {
      seen += 1;
      if (!operands && seen > positionals) {
        throw new UsageError(`${command} does not take "${word}"; see debtorrent ${command} --help`);
      }
      continue;
    }
    const [flag, value] = splitFlag(word);
    const takes = known.get(flag);
    if (takes === undefined) {
      const near = nearest(flag, [...known.keys()]);
      throw new UsageError(`${command} has no option ${flag}${hint(near)}; see debtorrent ${command} --help`);
    }
    if (takes === 'nothing' && value !== undefined) throw new UsageError(`${flag} does not take a value`);
    if (takes === 'nothing' || value !== undefined) continue;
    const next = rawArgs[i + 1];
    const isValue = next !== undefined && (!next.startsWith('-') || next === '-');
    if (isValue) i += 1;
    else if (takes === 'value')
      throw new UsageError(`${flag} needs a value; see debtorrent ${command} --help`);
  }
}

type Takes = 'value' | 'maybe' | 'nothing';

function knownFlags(args: ArgsDef): Map<string, Takes> {
  const known = new Map<string, Takes>();
  for (const [name, def] of Object.entries(args)) {
    if (def.type === 'positional') continue;
    const takes = takesOf(def);
    known.set(`--${name}`, takes);
    if (def.type === 'boolean') known.set(`--no-${name}`, 'nothing');
    const { alias: aliases = [] } = def as { readonly alias?: string | string[] };
    for (const alias of [aliases].flat()) known.set(`${alias.length === 1 ? '-' : '--'}${alias}`, takes);
  }
  return known;
}

function takesOf(def: ArgDef): Takes {
  if (def.type === 'boolean') return 'nothing';
  return def.valueHint?.startsWith('[') ? 'maybe' : 'value';
}

function splitFlag(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function hint(near: string | undefined): string {
  return near === undefined ? '' : `; did you mean ${near}?`;
}

async function overview(commands: Readonly<Record<string, Command>>, version: string): Promise<string> {
  const subCommands: Record<string, CommandDef> = {};
  for (const [name, { description }] of Object.entries(commands)) {
    subCommands[name] = defineCommand({ meta: { name, description } });
  }
  const description = 'Debian packages from peers where possible, from the mirror where not';
  const main = defineCommand({ meta: { name: 'debtorrent', version, description }, subCommands });
  return plain(`${await renderUsage(main)}\n`);
}

/** Colour is for terminals. */
function plain(text: string): string {
  return process.stdout.isTTY && process.env.NO_COLOR === undefined ? text : Bun.stripANSI(text);
}

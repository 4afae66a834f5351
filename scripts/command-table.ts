/** What the binary's commands take, loaded from the command table itself: for the man page and the shells' completions. */
import type { ArgsDef } from 'citty';
import { COMMANDS } from '../src/commands/commands.ts';
import { PRIVACY_SCOPES } from '../src/config/settings.ts';
import { LOG_LEVELS } from '../src/lib/log.ts';

export interface Flag {
  /** With its dashes. */
  readonly name: string;
  readonly short?: string;
  /** Undefined for a flag that takes no value; in brackets where it may be left out. */
  readonly value?: string;
  readonly about: string;
  /** All values that there are. */
  readonly words?: readonly string[];
}

export interface Operand {
  readonly value: string;
  readonly about: string;
  readonly isRequired: boolean;
  readonly words?: readonly string[];
}

export interface CommandEntry {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  readonly operands: readonly Operand[];
  /** Whether the last operand may be there several times. */
  readonly isOpen: boolean;
}

const WORDS: Readonly<Record<string, readonly string[]>> = {
  '--log-level': LOG_LEVELS,
  '--privacy': PRIVACY_SCOPES,
};

export async function commandTable(): Promise<CommandEntry[]> {
  return Promise.all(
    Object.entries(COMMANDS).map(async ([name, { description, load }]) => {
      const { args, operands = false } = await load();
      return { name, about: description, ...split(args), isOpen: operands };
    }),
  );
}

function split(args: ArgsDef): Pick<CommandEntry, 'flags' | 'operands'> {
  const flags: Flag[] = [];
  const operands: Operand[] = [];
  for (const [name, def] of Object.entries(args)) {
    const { description: about = '', valueHint } = def;
    if (def.type === 'positional') {
      const isRequired = def.required === true && def.default === undefined;
      const words = name === 'action' ? about.split(/,\s*|\s+or\s+/) : undefined;
      operands.push({
        value: words ? name.toUpperCase() : (valueHint ?? name.toUpperCase()),
        about,
        isRequired,
        ...(words && { words }),
      });
      continue;
    }
    const { alias = [] } = def as { readonly alias?: string | readonly string[] };
    const short = [alias].flat().find((each) => each.length === 1);
    // A switch that is on unless told: what is written is its opposite.
    const isOff = def.type === 'boolean' && def.default === true;
    const words = WORDS[`--${name}`];
    flags.push({
      name: `--${isOff ? 'no-' : ''}${name}`,
      about: isOff ? (def.negativeDescription ?? about) : about,
      ...(short && { short: `-${short}` }),
      ...(def.type !== 'boolean' && { value: valueHint ?? 'VALUE' }),
      ...(words && { words }),
    });
  }
  return { flags, operands };
}

/**
 * Completions of bash, zsh and fish, from the table of commands: words where all are known, files and folders where one
 * is wanted, nothing otherwise.
 */
import type { CommandEntry, Flag, Operand } from './command-table.ts';

type Kind = 'files' | 'folders' | 'nothing';

function kindOf({ value = '' }: Pick<Flag, 'value'> | Operand): Kind {
  if (/DIR/.test(value)) return 'folders';
  return /FILE|\.dtorrent|Packages/.test(value) ? 'files' : 'nothing';
}

export function bashCompletion(commands: readonly CommandEntry[]): string {
  const cases = commands.map(({ name, flags, operands }) => {
    const valued = flags.filter(({ value }) => value !== undefined && !value.startsWith('['));
    const arms = valued.map((flag) => {
      const names = [flag.name, flag.short].filter(Boolean).join('|');
      return `        ${names}) ${bashValue(flag)}; return ;;`;
    });
    const words = [...flags.map((flag) => flag.name), '--help'].join(' ');
    const first = operands[0];
    return `    ${name})
      case $prev in
${arms.join('\n')}${arms.length > 0 ? '\n' : ''}      esac
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '${words}' -- "$cur")
      ${first ? `else\n        ${bashValue(first)}\n      fi` : 'fi'}
      ;;`;
  });
  return `# bash completion for debtorrent, generated from its table of commands
_debtorrent() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '${[...commands.map(({ name }) => name), '--help', '--version'].join(' ')}' -- "$cur")
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
}
complete -F _debtorrent debtorrent
`;
}

function bashValue(what: Flag | Operand): string {
  const { words } = what;
  if (words) return `mapfile -t COMPREPLY < <(compgen -W '${words.join(' ')}' -- "$cur")`;
  const kind = kindOf(what);
  if (kind === 'nothing') return ':';
  return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen ${kind === 'folders' ? '-d' : '-f'} -- "$cur")`;
}

export function zshCompletion(commands: readonly CommandEntry[]): string {
  const described = commands.map(
    ({ name, about }) => `    ${zshQuoted(`${name}:${about.replaceAll(':', '\\:')}`)}`,
  );
  const cases = commands.map(({ name, flags, operands, isOpen }) => {
    const specs = [
      ...flags.map(zshFlag),
      zshQuoted('(-h --help)'.concat('--help[Show what it takes]')),
      ...operands.map((operand, at) => {
        const isLast = isOpen && at === operands.length - 1;
        const place = isLast ? '*' : operand.isRequired ? '' : ':';
        return zshQuoted(`${place}:${operand.value.toLowerCase().replaceAll(':', '')}:${zshAction(operand)}`);
      }),
    ];
    return `      ${name})\n        _arguments \\\n          ${specs.join(' \\\n          ')}\n        ;;`;
  });
  return `#compdef debtorrent
# zsh completion for debtorrent, generated from its table of commands

_debtorrent() {
  local context state line
  typeset -A opt_args
  local -a commands=(
${described.join('\n')}
  )
  _arguments -C '--help[Show the commands]' '--version[Show the version]' '1: :->command' '*:: :->arguments'
  case $state in
  command) _describe -t commands 'command' commands ;;
  arguments)
    case $words[1] in
${cases.join('\n')}
    esac
    ;;
  esac
}

_debtorrent "$@"
`;
}

function zshFlag(flag: Flag): string {
  const { name, value, about } = flag;
  const text = about.replace(/[[\]]/g, '\\$&');
  const isRepeatable = /repeatable/.test(about) ? '*' : '';
  if (value === undefined) return zshQuoted(`${isRepeatable}${name}[${text}]`);
  const colons = value.startsWith('[') ? '::' : ':';
  const hint = value
    .replace(/[[\]:]/g, ' ')
    .trim()
    .toLowerCase();
  return zshQuoted(`${isRepeatable}${name}[${text}]${colons}${hint}:${zshAction(flag)}`);
}

function zshAction(what: Flag | Operand): string {
  if (what.words) return `(${what.words.join(' ')})`;
  return { files: '_files', folders: '_files -/', nothing: ' ' }[kindOf(what)];
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function fishCompletion(commands: readonly CommandEntry[]): string {
  const lines = [
    '# fish completion for debtorrent, generated from its table of commands',
    'complete -c debtorrent -f',
    'complete -c debtorrent -n __fish_use_subcommand -l help -d "Show the commands"',
    'complete -c debtorrent -n __fish_use_subcommand -l version -d "Show the version"',
  ];
  for (const { name, about, flags, operands } of commands) {
    lines.push(`complete -c debtorrent -n __fish_use_subcommand -a ${name} -d ${fishQuoted(about)}`);
    const there = `complete -c debtorrent -n '__fish_seen_subcommand_from ${name}'`;
    for (const flag of flags) {
      const short = flag.short === undefined ? '' : ` -s ${flag.short.slice(1)}`;
      const takes = flag.value === undefined || flag.value.startsWith('[') ? '' : ` -x${fishAction(flag)}`;
      lines.push(`${there} -l ${flag.name.slice(2)}${short}${takes} -d ${fishQuoted(flag.about)}`);
    }
    for (const operand of operands) if (fishAction(operand)) lines.push(`${there}${fishAction(operand)}`);
  }
  return `${lines.join('\n')}\n`;
}

function fishAction(what: Flag | Operand): string {
  if (what.words) return ` -a ${fishQuoted(what.words.join(' '))}`;
  const call = { files: '(__fish_complete_path)', folders: '(__fish_complete_directories)', nothing: '' };
  const action = call[kindOf(what)];
  return action && ` -a ${fishQuoted(action)}`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

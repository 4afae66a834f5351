/**
 * The Markdown of docs/ as man(7) text: headings, paragraphs, lists, tables, code, bold, italic, links. Not a Markdown
 * parser: what docs/ doesn't use it doesn't know, and takes for text. The first heading is left to the page's own name.
 */
import { bold, example, italic, roffText, table } from './roff.ts';

/** Sections of a man page. */
export function markdownToRoff(markdown: string): string {
  const lines = markdown.replace(/<!--.*?-->\n?/gs, '').split('\n');
  const out: string[] = [];
  let i = 0;
  /** Lines from here on that `isPart` holds for. */
  const take = (isPart: (line: string) => boolean): string[] => {
    const from = i;
    while (i < lines.length && isPart(lines[i] as string)) i += 1;
    return lines.slice(from, i);
  };
  while (i < lines.length) {
    const line = lines[i] as string;
    const heading = /^(#+) (.*)$/.exec(line);
    if (line.trim() === '') i += 1;
    else if (heading) {
      i += 1;
      const [, marks = '', title = ''] = heading;
      if (marks.length > 1) out.push(`.${marks.length === 2 ? 'SH' : 'SS'} ${quoted(title)}`);
    } else if (line.startsWith('```')) {
      i += 1;
      out.push(example(take((each) => !each.startsWith('```'))));
      i += 1;
    } else if (line.startsWith('    ')) {
      out.push(example(take((each) => each.startsWith('    ')).map((each) => each.slice(4))));
    } else if (line.startsWith('|')) {
      const rows = take((each) => each.startsWith('|')).map(cellsOf);
      // The second row says how columns are aligned.
      out.push(table(rows.filter((_, at) => at !== 1).map((row) => row.map(inline))));
    } else if (ITEM.test(line)) {
      const [first = ''] = lines.slice(i, i + 1);
      i += 1;
      const rest = take((each) => each.startsWith('  ') && !ITEM.test(each));
      const mark = ITEM.exec(first)?.[1] ?? '-';
      const text = [first.replace(ITEM, ''), ...rest.map((each) => each.trim())].join('\n');
      out.push(`.IP ${mark === '-' || mark === '*' ? '\\(bu 2' : `${mark} 4`}\n${inline(text)}`);
    } else {
      const paragraph = take((each) => each.trim() !== '' && !/^(?:#+ |```|\||[-*] )/.test(each));
      if (paragraph.length === 0) throw new Error(`could not set this line of Markdown: ${line}`);
      out.push(`.PP\n${inline(paragraph.join('\n'))}`);
    }
  }
  return out.join('\n');
}

const ITEM = /^\s*([-*]|\d+\.) /;

/** Code is bold; of a link its text remains, and its address where that is one on the web. */
function inline(text: string): string {
  const parts =
    /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)]+)\)|(?<![\w*])\*([^*\s][^*]*)\*|<(https?:[^>]+)>/g;
  let out = '';
  let at = 0;
  for (const part of text.matchAll(parts)) {
    out += plain(text.slice(at, part.index));
    at = part.index + part[0].length;
    const [, code, strong, link, address = '', emphasis, url] = part;
    if (code !== undefined) out += bold(code);
    else if (strong !== undefined) out += bold(strong.replaceAll('`', ''));
    else if (emphasis !== undefined) out += italic(emphasis);
    else if (url !== undefined) out += roffText(url);
    else out += inline(link as string) + (/^https?:/.test(address) ? plain(` (${address})`) : '');
  }
  out += plain(text.slice(at));
  // No line may begin as a request does.
  return out.replace(/^(?=[.'])/gm, '\\&');
}

function plain(text: string): string {
  return text.split('\n').map(roffText).join('\n');
}

function quoted(title: string): string {
  return `"${plain(title.replace(/[`*]/g, ''))}"`;
}

/** The cells of "| a | b \| c |". */
function cellsOf(row: string): string[] {
  return row
    .replace(/^\||\|\s*$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

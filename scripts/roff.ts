/**
 * Text as man(7) pages have it: what would be a request or an escape is made plain, tables are tbl(1)'s. Knows nothing of
 * what the pages say. Characters that old terminals lack stay as they are: both man-db and mandoc read UTF-8.
 */

/** One line of text: no backslash, leading dot or quote of it is roff's. */
export function roffText(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replaceAll('"', '\\(dq')
    .replace(/^\./, '\\&.');
}

export function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${roffText(text)}\\fR`;
}

/** Preformatted lines, indented. */
export function example(lines: readonly string[]): string {
  return ['.PP', '.RS 4', '.nf', ...lines.map((line) => roffText(line) || '\\&'), '.fi', '.RE'].join('\n');
}

/** A paragraph behind a tag; both are roff already. */
export function tagged(tag: string, text: string): string {
  return `.TP\n${tag}\n${text}`;
}

export interface PageHead {
  readonly name: string;
  readonly section: number;
  /** "0.1.0" */
  readonly version: string;
  /** "2026-11-23", or nothing. */
  readonly date: string;
  /** What the page is about, in half a sentence. */
  readonly about: string;
}

/** A whole page: its head, its name, then the sections. */
export function manPage(head: PageHead, sections: readonly string[]): string {
  const { name, section, version, date, about } = head;
  const lines = [
    // Has tables set by those who look for it here.
    '\'\\" t',
    `.TH ${name.toUpperCase()} ${section} "${date}" "debtorrent ${version}" "DebTorrent"`,
    '.nh',
    '.ad l',
    '.SH NAME',
    `${roffText(name)} \\- ${roffText(about)}`,
    ...sections,
  ];
  // A heading makes room below itself.
  return `${lines.join('\n')}\n`.replace(/^(\.S[HS] .*\n)\.PP\n/gm, '$1');
}

/** What a table may be wide, on a terminal of 80 columns, besides its indentation and frame. */
const TABLE_CHARS = 66;
/** A column whose cells are no longer than this isn't wrapped. */
const NARROW_CHARS = 14;

/**
 * Rows of cells that are roff already, the first row the head. Where the longest words leave no room for a table,
 * each row is a paragraph of its own.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const columns = head.map((_, at) => {
    const cells = rows.map((row) => shown(row[at] ?? ''));
    const natural = Math.max(...cells.map((cell) => cell.length));
    const word = Math.max(...cells.flatMap((cell) => cell.split(' ')).map((each) => each.length));
    return { natural, word, isWrapped: natural > NARROW_CHARS };
  });
  const room = TABLE_CHARS - 3 * columns.length;
  const wrapped = columns.filter(({ isWrapped }) => isWrapped);
  const fixed = columns.filter(({ isWrapped }) => !isWrapped).reduce((sum, { natural }) => sum + natural, 0);
  // Wrapped columns are of one width.
  const widest = Math.max(0, ...wrapped.map(({ word }) => word));
  if (fixed + wrapped.length * Math.max(widest, NARROW_CHARS) > room) return paragraphs(head, body);
  const cell = (text: string, at: number) => {
    if (text.trim() === '') return '\\&';
    return columns[at]?.isWrapped ? `T{\n${text.trim()}\nT}` : text.trim();
  };
  const layout = columns.map(({ isWrapped }) => (isWrapped ? 'lx' : 'l')).join(' ');
  return [
    '.PP',
    '.TS',
    'allbox;',
    head.map(() => 'lb').join(' '),
    `${layout}.`,
    head.map((text) => text.trim() || '\\&').join('\t'),
    ...body.map((row) => head.map((_, at) => cell(row[at] ?? '', at)).join('\t')),
    '.TE',
  ].join('\n');
}

/** "first cell: second; third", the heads of further columns before their cells. */
function paragraphs(head: readonly string[], body: readonly (readonly string[])[]): string {
  return body
    .map(([first = '', ...rest]) => {
      const parts = rest.flatMap((cell, at) => {
        const title = head[at + 1]?.trim();
        if (cell.trim() === '') return [];
        return [rest.length > 1 && title ? `\\fI${title}\\fR: ${cell.trim()}` : cell.trim()];
      });
      return tagged(first.trim() || '\\&', parts.join('\n.br\n') || '\\&');
    })
    .join('\n');
}

/** As long as it is on paper. */
function shown(roff: string): string {
  return roff
    .replace(/\\f[BIR]/g, '')
    .replace(/\\\(../g, 'x')
    .replace(/\\[-e&]/g, 'x');
}

/** Tables as the documents have them. */

/** A Markdown table: the first `textColumns` columns to the left, figures to the right. */
export function markdownTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  textColumns = 1,
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = headers.map((_, column) => (column < textColumns ? '---' : '--:'));
  return [line(headers), line(rule), ...rows.map(line)].join('\n');
}

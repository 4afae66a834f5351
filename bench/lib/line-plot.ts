/** Curves as an SVG picture, both axes logarithmic; readable on light and dark pages, needs nothing but these bytes. */

export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly isDashed?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly curves: readonly Curve[];
}

const COLOURS = ['#2563eb', '#dc2626', '#059669', '#d97706', '#7c3aed', '#0891b2', '#64748b', '#be185d'];
const PANEL = { width: 460, height: 380, left: 62, right: 26, top: 34, bottom: 118 } as const;

const PANELS_A_ROW = 2;

/** Panels in rows of two. */
export function drawPanels(panels: readonly Panel[]): string {
  const width = PANEL.width * Math.min(panels.length, PANELS_A_ROW);
  const height = PANEL.height * Math.ceil(panels.length / PANELS_A_ROW);
  const title = panels.map((panel) => panel.title).join('; ');
  const body = panels
    .map((panel, at) => {
      const [column, row] = [at % PANELS_A_ROW, Math.floor(at / PANELS_A_ROW)];
      return drawPanel(panel, column * PANEL.width, row * PANEL.height);
    })
    .join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>${title}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${body}
</svg>
`;
}

function drawPanel({ title, xLabel, yLabel, curves }: Panel, left: number, top: number): string {
  const points = curves.flatMap((curve) => curve.points);
  const xs = axis(points.map(([x]) => x));
  const ys = axis(points.map(([, y]) => y));
  const plotWidth = PANEL.width - PANEL.left - PANEL.right;
  const plotHeight = PANEL.height - PANEL.top - PANEL.bottom;
  const atX = (x: number) => PANEL.left + xs.part(x) * plotWidth;
  const atY = (y: number) => PANEL.top + (1 - ys.part(y)) * plotHeight;
  const bottom = PANEL.top + plotHeight;
  const parts = [text(PANEL.left, 18, title, 'font-weight="bold" font-size="13"')];
  for (const tick of xs.ticks) {
    parts.push(
      line(atX(tick), PANEL.top, atX(tick), bottom),
      text(atX(tick), bottom + 15, label(tick), MIDDLE),
    );
  }
  for (const tick of ys.ticks) {
    parts.push(line(PANEL.left, atY(tick), PANEL.width - PANEL.right, atY(tick)));
    parts.push(text(PANEL.left - 6, atY(tick) + 4, label(tick), 'text-anchor="end"'));
  }
  parts.push(text(PANEL.left + plotWidth / 2, bottom + 32, xLabel, MIDDLE));
  const middle = PANEL.top + plotHeight / 2;
  parts.push(text(14, middle, yLabel, `${MIDDLE} transform="rotate(-90 14 ${middle})"`));
  curves.forEach((curve, at) => {
    const colour = COLOURS[at % COLOURS.length];
    const dash = curve.isDashed ? ' stroke-dasharray="5 4"' : '';
    const path = curve.points.map(([x, y]) => `${round(atX(x))},${round(atY(y))}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`);
    if (!curve.isDashed)
      for (const [x, y] of curve.points)
        parts.push(`<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="2.5" fill="${colour}"/>`);
    const legendX = PANEL.left + (at % 2) * (plotWidth / 2);
    const legendY = bottom + 50 + Math.floor(at / 2) * 16;
    parts.push(
      `<line x1="${legendX}" y1="${legendY - 4}" x2="${legendX + 18}" y2="${legendY - 4}" stroke="${colour}" stroke-width="2"${dash}/>`,
      text(legendX + 24, legendY, curve.name),
    );
  });
  return `<g transform="translate(${left} ${top})">\n${parts.join('\n')}\n</g>`;
}

const MIDDLE = 'text-anchor="middle"';

/** Whole powers (of 2 where the span is small, else of 10) around the values. */
function axis(values: readonly number[]): { ticks: number[]; part: (value: number) => number } {
  const low = Math.max(Math.min(...values), 1e-3);
  const high = Math.max(...values, low * 2);
  const base = high / low > 300 ? 10 : 2;
  const from = Math.floor(Math.log(low) / Math.log(base) + 1e-9);
  const to = Math.ceil(Math.log(high) / Math.log(base) - 1e-9);
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => base ** (from + i));
  const part = (value: number) =>
    (Math.log(Math.max(value, base ** from)) / Math.log(base) - from) / (to - from);
  return { ticks, part };
}

function label(value: number): string {
  if (value >= 1) return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
  return value >= 0.01 ? String(round(value, 3)) : value.toExponential(0);
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="#e2e8f0"/>`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);
  return `<text x="${round(x)}" y="${round(y)}" fill="#334155" ${attributes}>${escaped}</text>`;
}

function round(value: number, digits = 1): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

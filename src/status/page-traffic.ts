/**
 * The chart of the last five minutes: what came in, by source, one upon the other, and what went out as a line. Drawn
 * here, so that it is there without a script; assets/page.js adds the reading of single moments. Pure.
 */
import { html } from 'hono/html';
import { formatBytes } from '../lib/format-bytes.ts';
import { bySource, type Html, type PageView, SOURCES } from './page-view.ts';
import { rate } from './page-words.ts';
import { SAMPLES_MAX, STEP_MS } from './pulse.ts';
import type { ByteTotals } from './snapshot.ts';

const HEIGHT = 100;
/** Less than that is noise, and shall look like it. */
const LEAST_TOP = 64 << 10;
const MINUTES = (SAMPLES_MAX * STEP_MS) / 60_000;

export function traffic({ snapshot: { rates }, history }: PageView): Html {
  const top = niceTop(Math.max(0, ...history.flatMap((sample) => [incoming(sample), sample.uploaded])));
  const most = Math.max(0, ...history.map(incoming));
  const [down, up] = [incoming(rates), rates.uploaded];
  const isStill = most === 0 && history.every(({ uploaded }) => uploaded === 0);
  const summary = isStill
    ? `No traffic in the last ${MINUTES} minutes.`
    : `In: ${rate(down)} now, ${rate(most)} at most in the last ${MINUTES} minutes. Out: ${rate(up)} now.`;
  return html`<section id="traffic" aria-labelledby="traffic-title">
<div class="title"><h2 id="traffic-title">Traffic</h2>
<p class="now"><span><span aria-hidden="true">↓</span><span class="unseen">in</span> <strong>${rate(down)}</strong></span> <span><span aria-hidden="true">↑</span><span class="unseen">out</span> <strong>${rate(up)}</strong></span></p></div>
<figure class="chart" data-step-seconds="${STEP_MS / 1000}" data-samples-max="${SAMPLES_MAX}" data-samples="${history.map(numbers).join(';')}">
<div class="plot">
<svg role="img" aria-label="${summary}" viewBox="0 0 ${SAMPLES_MAX - 1} ${HEIGHT}" preserveAspectRatio="none">
${[0, 0.5, 1].map((y) => html`<line class="grid" x1="0" x2="${SAMPLES_MAX - 1}" y1="${y * HEIGHT}" y2="${y * HEIGHT}"/>`)}
${areas(history, top)}
<path class="line given" d="${line(
    history.map(({ uploaded }) => uploaded),
    top,
  )}"/>
</svg>
<p class="y top" aria-hidden="true">${formatBytes(top)}/s</p><p class="y half" aria-hidden="true">${formatBytes(top / 2)}/s</p>
<p class="still" aria-hidden="true"${isStill ? '' : html` hidden`}>${summary}</p>
<div id="reader" class="reader" data-keep></div>
</div>
<figcaption><span>${MINUTES} min ago</span><span>now</span></figcaption>
<ul class="keys" aria-hidden="true">${SOURCES.map(({ kind, name }) => html`<li><i class="key ${kind}"></i>${name}</li>`)}<li><i class="key given"></i>Given</li></ul>
</figure>
</section>`;
}

function incoming({ fromPeers, fromStore, fromMirror }: ByteTotals): number {
  return fromPeers + fromStore + fromMirror;
}

/** lan,peers,store,mirror,given in bytes a second. */
function numbers(sample: ByteTotals): string {
  const parts = bySource(sample);
  return [...SOURCES.map(({ kind }) => parts[kind]), sample.uploaded].join(',');
}

/** The next of 64, 128, 256 KiB … 1, 2, 5, 10 … MiB that holds it. */
function niceTop(bytesPerSecond: number): number {
  for (let unit = 1024; ; unit *= 1024)
    for (const step of [1, 2, 5, 10, 20, 50, 100, 200, 500])
      if (step * unit >= Math.max(LEAST_TOP, bytesPerSecond)) return step * unit;
}

/** The newest is at the right edge, also while there are few. */
function xOf(index: number, count: number): number {
  return SAMPLES_MAX - count + index;
}

function areas(history: readonly ByteTotals[], top: number): Html[] {
  const below = history.map(() => 0);
  return SOURCES.map(({ kind }) => {
    const lower = [...below];
    const upper = history.map((sample, i) => {
      const sum = (below[i] ?? 0) + bySource(sample)[kind];
      below[i] = sum;
      return sum;
    });
    if (upper.every((sum, i) => sum === lower[i])) return html``;
    const back = lower.map((sum, i) => point(i, sum, lower.length, top)).reverse();
    return html`<path class="${kind}" d="${line(upper, top)}L${back.join('L')}Z"/>`;
  });
}

function line(values: readonly number[], top: number): string {
  if (values.length === 0) return '';
  return `M${values.map((value, i) => point(i, value, values.length, top)).join('L')}`;
}

function point(index: number, value: number, count: number, top: number): string {
  return `${xOf(index, count)},${(HEIGHT - (HEIGHT * value) / top).toFixed(1)}`;
}

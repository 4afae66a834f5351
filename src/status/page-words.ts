/** Small parts that several sections of the status page share. Pure. */
import { html } from 'hono/html';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatDuration } from './format-duration.ts';
import type { Html, PageView } from './page-view.ts';

export const ROWS_MAX = 100;

/** What runs, and for how long. */
export function since({ snapshot: { version, uptimeSeconds } }: PageView): Html {
  return html`<p id="since" class="since">${version}<span class="sep"> · </span>up ${formatDuration(uptimeSeconds)}</p>`;
}

/** Never "100 %" for less than all. */
export function percent(share: number): string {
  return `${share >= 1 ? 100 : Math.min(99.9, Math.floor(share * 1000) / 10)} %`;
}

/** "1.5 MiB/s"; a dash for nothing. */
export function rate(bytesPerSecond: number): string {
  return bytesPerSecond === 0 ? '–' : `${formatBytes(bytesPerSecond)}/s`;
}

/** What a stranger wrote, without what would be drawn as nothing, or turn the direction of the text. */
export function clean(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 300);
}

/** A bar without words: what it shows is said beside it. */
export function meter(have: number, all: number, kind: string): Html {
  const width = Math.min(100, (100 * have) / Math.max(1, all)).toFixed(1);
  return html`<svg class="meter" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="${kind}" width="${width}" height="1"/></svg>`;
}

/** For the rows that aren't shown. */
export function more(count: number): Html | string {
  return count <= ROWS_MAX ? '' : html`<p class="soft">and ${count - ROWS_MAX} more</p>`;
}

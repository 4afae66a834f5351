/** How the node is, as a list: one line says what, one what to do. Pure. */
import { html } from 'hono/html';
import { type Finding, healthOf } from './health.ts';
import type { Html, PageView } from './page-view.ts';

const WORDS: Record<Finding['level'], { readonly sign: string; readonly name: string }> = {
  bad: { sign: '!', name: 'Trouble: ' },
  note: { sign: 'i', name: 'Note: ' },
  good: { sign: '✓', name: '' },
};

export function healthSection({ snapshot }: PageView): Html {
  return html`<section id="health" aria-labelledby="health-title"><h2 id="health-title">Health</h2>
<ul class="findings">${healthOf(snapshot).map(
    ({ level, title, advice }) =>
      html`<li class="${level}"><span class="sign" aria-hidden="true">${WORDS[level].sign}</span><p><strong><span class="unseen">${WORDS[level].name}</span>${title}</strong>
<span class="soft">${advice}</span></p></li>`,
  )}</ul></section>`;
}

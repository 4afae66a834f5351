/** The first thing a reader sees: how much of what APT got no mirror had to send, and where it came from. Pure. */
import { html } from 'hono/html';
import { formatBytes } from '../lib/format-bytes.ts';
import { bySource, type Html, type PageView, SOURCES } from './page-view.ts';
import { percent } from './page-words.ts';
import { type ByteTotals, savedShare } from './snapshot.ts';

export function savings({ snapshot: { bytes, today, seed } }: PageView): Html {
  return html`<section id="savings" aria-labelledby="savings-title">
<h2 id="savings-title">${seed ? 'Given' : 'Saved'}</h2>
${seed ? given(bytes) : headline(bytes)}
${seed ? '' : bar(bytes)}
${table(bytes, today, seed !== undefined)}
</section>`;
}

function given({ uploaded }: ByteTotals): Html {
  return html`<p class="big">${formatBytes(uploaded)}</p><p class="soft">went from this mirror’s tree to other machines.</p>`;
}

function headline(bytes: ByteTotals): Html {
  const share = savedShare(bytes);
  if (share === undefined)
    return html`<p class="big">Nothing yet</p>
<p class="soft">Run <code>apt-get update</code>: from then on this fills by itself.</p>`;
  return html`<p class="big">${percent(share)}</p>
<p class="soft">${formatBytes(bytes.fromPeers + bytes.fromStore)} of what APT got here, no mirror had to send.</p>`;
}

function bar(bytes: ByteTotals): Html {
  const parts = bySource(bytes);
  const all = Math.max(1, bytes.fromPeers + bytes.fromStore + bytes.fromMirror);
  let x = 0;
  return html`<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">${SOURCES.map(
    ({ kind }) => {
      const width = (100 * parts[kind]) / all;
      x += width;
      return html`<rect class="${kind}" x="${(x - width).toFixed(2)}" width="${width.toFixed(2)}" height="1"/>`;
    },
  )}</svg>`;
}

function table(bytes: ByteTotals, today: ByteTotals, isSeed: boolean): Html {
  const [all, now] = [bySource(bytes), bySource(today)];
  const rows = isSeed
    ? []
    : SOURCES.map(
        ({ kind, name }) =>
          html`<tr><th scope="row"><i class="key ${kind}"></i>${name}</th><td class="n">${formatBytes(now[kind])}</td><td class="n">${formatBytes(all[kind])}</td></tr>`,
      );
  return html`<table><thead><tr><th scope="col"><span class="unseen">Source</span></th><th scope="col" class="n">today</th><th scope="col" class="n">in all</th></tr></thead>
<tbody>${rows}<tr class="apart"><th scope="row"><i class="key given"></i>Given to others</th><td class="n">${formatBytes(today.uploaded)}</td><td class="n">${formatBytes(bytes.uploaded)}</td></tr></tbody></table>`;
}

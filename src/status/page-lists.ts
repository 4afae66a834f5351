/**
 * The sections of the status page that list things: transfers, peers, swarms, archives, the store, how others get here,
 * who is banned. Each has an empty state that helps, or is hidden where there is nothing to help with. Pure.
 */
import { html } from 'hono/html';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatDuration } from './format-duration.ts';
import type { Html, PageView } from './page-view.ts';
import { clean, meter, more, percent, ROWS_MAX, rate } from './page-words.ts';
import {
  dhtLine,
  diskLine,
  lanLine,
  limitsLine,
  reachLine,
  releaseLine,
  seedLine,
  troublesLine,
} from './snapshot.ts';

export function transfers({ snapshot: { transfers, seed }, details }: PageView): Html {
  const rows = transfers.slice(0, ROWS_MAX).map(({ path, sizeBytes, haveBytes }) => {
    const share = sizeBytes === 0 ? 1 : haveBytes / sizeBytes;
    return html`<tr><th scope="row" class="file"><span class="name">${fileName(clean(path))}</span><span class="from">${folder(clean(path))}</span>${meter(haveBytes, sizeBytes, 'done')}</th>
<td class="n">${percent(share)}<small>of ${formatBytes(sizeBytes)}</small></td></tr>`;
  });
  const empty = html`<p class="soft">Nothing at the moment. What APT asks for shows here while it comes.</p>`;
  return html`<section id="transfers" aria-labelledby="transfers-title"${details && !seed ? '' : HIDDEN}>
<h2 id="transfers-title">On the way${count(transfers.length)}</h2>
${
  rows.length === 0
    ? empty
    : html`<table><thead class="unseen"><tr><th scope="col">File</th><th scope="col">Progress</th></tr></thead><tbody>${rows}</tbody></table>${more(transfers.length)}`
}</section>`;
}

export function peers({ snapshot: { peers }, details }: PageView): Html {
  const byRate = [...peers].sort(
    (a, b) =>
      b.downRate + b.upRate - a.downRate - a.upRate || b.bytesDown + b.bytesUp - a.bytesDown - a.bytesUp,
  );
  const rows = byRate.slice(0, ROWS_MAX).map(
    ({ address, client, lan, bytesDown, bytesUp, downRate, upRate }) =>
      html`<tr><th scope="row" class="who"><span class="name">${clean(client) || 'unnamed client'}${lan ? html` <span class="tag">LAN</span>` : ''}</span><code>${address}</code></th>
<td class="n">${rate(downRate)}<small>${formatBytes(bytesDown)}</small></td><td class="n">${rate(upRate)}<small>${formatBytes(bytesUp)}</small></td></tr>`,
  );
  return html`<section id="peers" aria-labelledby="peers-title"${details ? '' : HIDDEN}>
<h2 id="peers-title">Peers${count(peers.length)}</h2>
${
  rows.length === 0
    ? html`<p class="soft">Nobody else here yet: files come from the mirror. Another machine of this network with DebTorrent on it is found by itself.</p>`
    : html`<table><thead><tr><th scope="col">Who</th><th scope="col" class="n">from them</th><th scope="col" class="n">to them</th></tr></thead><tbody>${rows}</tbody></table>${more(peers.length)}`
}</section>`;
}

export function swarms({ snapshot: { swarms, dht, lan } }: PageView): Html {
  const rows = swarms
    .slice(0, ROWS_MAX)
    .map(
      ({ name, infoHash, peers }) =>
        html`<tr><th scope="row" class="who"><span class="name">${name}</span><code>${infoHash}</code></th><td class="n">${peers}</td></tr>`,
    );
  return html`<section id="swarms" aria-labelledby="swarms-title">
<h2 id="swarms-title">Swarms${count(swarms.length)}</h2>
${
  rows.length === 0
    ? html`<p class="soft">None yet: they are joined as archives are used.</p>`
    : html`<table><thead><tr><th scope="col">Archive</th><th scope="col" class="n">peers</th></tr></thead><tbody>${rows}</tbody></table>${more(swarms.length)}`
}
<dl>${lan ? html`<div><dt>Local network</dt><dd>${lanLine(lan)}</dd></div>` : ''}${dht ? html`<div><dt>DHT</dt><dd>${dhtLine(dht)}</dd></div>` : ''}</dl></section>`;
}

export function archives({ snapshot: { releases, troubles } }: PageView): Html {
  const rows = releases.slice(0, ROWS_MAX).map((release) => {
    const trouble = releaseLine(release);
    const age = release.ageSeconds === undefined ? '–' : formatDuration(release.ageSeconds);
    return html`<tr><th scope="row" class="who"><span class="name">${clean(release.name)}</span>${trouble === '' ? '' : html`<span class="bad">${trouble}</span>`}</th>
<td>${release.shared ? 'shared' : 'private'}</td><td class="n">${age}</td></tr>`;
  });
  const troubled = troublesLine(troubles);
  return html`<section id="archives" aria-labelledby="archives-title"${rows.length === 0 ? HIDDEN : ''}>
<h2 id="archives-title">Archives${count(releases.length)}</h2>
<table><thead><tr><th scope="col">Release</th><th scope="col">use</th><th scope="col" class="n">age</th></tr></thead><tbody>${rows}</tbody></table>${more(releases.length)}
${troubled === '' ? '' : html`<p class="soft">${troubled}.</p>`}</section>`;
}

export function store({ snapshot: { store, seed, limits } }: PageView): Html {
  const { files, bytes, limitBytes } = store;
  const holds = html`<p><strong>${formatBytes(bytes)}</strong> <span class="soft">in ${files} ${files === 1 ? 'file' : 'files'}</span></p>`;
  if (seed)
    return html`<section id="store" aria-labelledby="store-title"><h2 id="store-title">Tree</h2>${holds}<p class="soft">${seedLine(seed)}.</p></section>`;
  return html`<section id="store" aria-labelledby="store-title"><h2 id="store-title">Cache</h2>${holds}
${meter(bytes, limitBytes, 'store')}
<p class="soft">${percent(bytes / Math.max(1, limitBytes))} of the ${formatBytes(limitBytes)} that it may take. When it is full, what was not used for longest goes first.</p>
${limits ? sentence(diskLine(limits)) : ''}</section>`;
}

export function reach({ snapshot: { reachability, trackers, limits } }: PageView): Html {
  const rows = trackers
    .slice(0, ROWS_MAX)
    .map(
      ({ url, state, peers, reason }) =>
        html`<tr><th scope="row" class="who"><span class="name">${clean(url)}</span>${reason ? html`<span class="soft">${clean(reason)}</span>` : ''}</th><td>${state}</td><td class="n">${peers}</td></tr>`,
    );
  return html`<section id="reach" aria-labelledby="reach-title"><h2 id="reach-title">Reach</h2>
<p>This machine: ${reachLine(reachability)}.</p>
${reachability.state === 'unknown' && reachability.advice !== '' ? html`<p class="soft">${reachability.advice}</p>` : ''}
${limits ? sentence(limitsLine(limits)) : ''}
${
  rows.length === 0
    ? ''
    : html`<table><thead><tr><th scope="col">Tracker</th><th scope="col">state</th><th scope="col" class="n">peers</th></tr></thead><tbody>${rows}</tbody></table>${more(trackers.length)}`
}</section>`;
}

export function banned({ snapshot: { banned } }: PageView): Html {
  const rows = banned
    .slice(0, ROWS_MAX)
    .map(
      ({ address, reason }) =>
        html`<tr><th scope="row"><code>${address}</code></th><td>${clean(reason)}</td></tr>`,
    );
  return html`<section id="banned" aria-labelledby="banned-title"${rows.length === 0 ? HIDDEN : ''}>
<h2 id="banned-title">Banned${count(banned.length)}</h2>
<table><thead><tr><th scope="col">Address</th><th scope="col">why</th></tr></thead><tbody>${rows}</tbody></table>${more(banned.length)}</section>`;
}

const HIDDEN = html` hidden`;

function count(number: number): Html | string {
  return number === 0 ? '' : html` <span class="count">${number}</span>`;
}

/** The last part of a path, which says what it is. */
function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

function folder(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** A line of the table as a paragraph of its own; nothing for an empty one. */
function sentence(line: string): Html | string {
  return line === '' ? '' : html`<p class="soft">${line.slice(0, 1).toUpperCase()}${line.slice(1)}.</p>`;
}

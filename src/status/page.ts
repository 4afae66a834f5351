/**
 * The status page for people: what was saved, from where, with whom, what is under way. Plain HTML that renews itself;
 * no script, nothing from elsewhere, every value escaped (hono/html does), as client names and paths were written by
 * strangers. Pure.
 */
import { html, raw } from 'hono/html';
import { formatBytes } from '../lib/format-bytes.ts';
import { formatDuration } from './format-duration.ts';
import {
  type ByteTotals,
  dhtLine,
  lanLine,
  reachLine,
  releaseLine,
  type StatusSnapshot,
  savedShare,
  troublesLine,
} from './snapshot.ts';
import { STYLE } from './style.ts';

type Html = ReturnType<typeof html>;

const RENEW_SECONDS = 10;
const ROWS_MAX = 100;

/** `details`: whether the reader may see peers, transfers and bans. */
export function statusPage(snapshot: StatusSnapshot, { details }: { details: boolean }): Html {
  const { version, uptimeSeconds } = snapshot;
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${RENEW_SECONDS}">
<title>DebTorrent</title>
<style>${rawStyle}</style>
</head>
<body>
<header><h1>DebTorrent</h1><p>${version}, running for ${formatDuration(uptimeSeconds)}</p></header>
<main>
${savings(snapshot)}
${transfers(snapshot, details)}
${archives(snapshot)}
${swarms(snapshot)}
${reach(snapshot)}
${details ? peers(snapshot) : ''}
${store(snapshot)}
${details ? banned(snapshot) : ''}
</main>
<footer>${details ? '' : 'Peers and transfers are shown on the machine itself only. '}The same figures for programs:
<a href="/api/status">/api/status</a></footer>
</body>
</html>`;
}

// Constant text of our own: it must reach the page unescaped, as its hash is in the policy.
const rawStyle = raw(STYLE);

function savings({ bytes, session }: StatusSnapshot): Html {
  const share = savedShare(bytes);
  return html`<section aria-labelledby="saved">
<h2 id="saved">Saved</h2>
${
  share === undefined
    ? html`<p class="big">Nothing yet</p><p class="soft">Point APT here and run <code>apt-get update</code>.</p>`
    : html`<p class="big">${percent(share)}</p>
<p class="soft">${formatBytes(bytes.fromPeers + bytes.fromStore)} of what APT got here didn't come from a mirror.</p>`
}
${sources(bytes)}
<p class="soft">Given to others: ${formatBytes(bytes.uploaded)}.
Since this start: ${formatBytes(session.fromPeers)} from peers, ${formatBytes(session.fromStore)} from the store,
${formatBytes(session.fromMirror)} from mirrors, ${formatBytes(session.uploaded)} given.</p>
</section>`;
}

function sources({ fromPeers, fromLan, fromStore, fromMirror }: ByteTotals): Html {
  const parts = [
    { name: 'local network', kind: 'lan', bytes: fromLan },
    { name: 'other peers', kind: 'peers', bytes: Math.max(0, fromPeers - fromLan) },
    { name: 'store', kind: 'store', bytes: fromStore },
    { name: 'mirrors', kind: 'mirror', bytes: fromMirror },
  ];
  const all = Math.max(1, fromPeers + fromStore + fromMirror);
  let x = 0;
  const bars = parts.map(({ kind, bytes }) => {
    const width = (100 * bytes) / all;
    x += width;
    return html`<rect class="${kind}" x="${(x - width).toFixed(2)}" width="${width.toFixed(2)}" height="10"/>`;
  });
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="Bytes by source">${bars}</svg>
<ul class="key">${parts.map(
    ({ name, kind, bytes }) =>
      html`<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="${kind}" width="10" height="10" rx="2"/></svg>${name}
<strong>${formatBytes(bytes)}</strong></li>`,
  )}</ul>`;
}

function transfers({ transfers }: StatusSnapshot, details: boolean): Html | string {
  if (!details || transfers.length === 0) return '';
  return html`<section aria-labelledby="transfers"><h2 id="transfers">On the way</h2>
<table><tr><th>file</th><th>progress</th><th class="n">have</th><th class="n">size</th></tr>
${transfers.slice(0, ROWS_MAX).map(
  ({
    path,
    sizeBytes,
    haveBytes,
  }) => html`<tr><td class="path">${path}</td><td>${progress(haveBytes, sizeBytes)}</td>
<td class="n">${percent(sizeBytes === 0 ? 1 : haveBytes / sizeBytes)}</td><td class="n">${formatBytes(sizeBytes)}</td></tr>`,
)}</table>${more(transfers.length)}</section>`;
}

function archives({ releases, troubles }: StatusSnapshot): Html | string {
  if (releases.length === 0) return '';
  const troubled = troublesLine(troubles);
  return html`<section aria-labelledby="archives"><h2 id="archives">Archives</h2>
<table><tr><th>archive</th><th>shared</th><th class="n">age</th><th>trouble</th></tr>
${releases
  .slice(0, ROWS_MAX)
  .map(
    (release) =>
      html`<tr><td class="path">${release.name}</td><td>${release.shared ? 'yes' : 'no'}</td><td class="n">${release.ageSeconds === undefined ? '' : formatDuration(release.ageSeconds)}</td><td>${releaseLine(release)}</td></tr>`,
  )}</table>${more(releases.length)}${troubled === '' ? '' : html`<p class="soft">${troubled}.</p>`}</section>`;
}

function swarms({ swarms, dht, lan }: StatusSnapshot): Html {
  if (swarms.length === 0) {
    return html`<section><h2>Swarms</h2><p class="soft">None yet: they are joined as archives are used.</p></section>`;
  }
  return html`<section aria-labelledby="swarms"><h2 id="swarms">Swarms</h2>
<table><tr><th>name</th><th>info-hash</th><th class="n">peers</th></tr>
${swarms.map(
  ({ name, infoHash, peers }) =>
    html`<tr><td>${name}</td><td><code>${infoHash}</code></td><td class="n">${peers}</td></tr>`,
)}</table>${lan ? html`<p class="soft">Local network: ${lanLine(lan)}.</p>` : ''}${dht ? html`<p class="soft">DHT: ${dhtLine(dht)}.</p>` : ''}</section>`;
}

function reach({ reachability, trackers }: StatusSnapshot): Html {
  const { advice, state } = reachability;
  return html`<section aria-labelledby="reach"><h2 id="reach">Reach</h2>
<p>This machine: ${reachLine(reachability)}.</p>${state === 'reachable' || advice === '' ? '' : html`<p class="soft">${advice}</p>`}
${
  trackers.length === 0
    ? ''
    : html`<table><tr><th>tracker</th><th>state</th><th class="n">counts</th></tr>
${trackers
  .slice(0, ROWS_MAX)
  .map(
    ({ url, state, peers, reason }) =>
      html`<tr><td class="path">${url}</td><td>${state}${reason ? `: ${reason}` : ''}</td><td class="n">${peers}</td></tr>`,
  )}</table>${more(trackers.length)}`
}</section>`;
}

function peers({ peers }: StatusSnapshot): Html {
  if (peers.length === 0) {
    return html`<section><h2>Peers</h2><p class="soft">Nobody is connected: files come from the mirror.</p></section>`;
  }
  return html`<section aria-labelledby="peers"><h2 id="peers">Peers <small>${peers.length}</small></h2>
<table><tr><th>address</th><th>client</th><th class="n">got</th><th class="n">given</th></tr>
${peers.slice(0, ROWS_MAX).map(
  ({ address, client, lan, bytesDown, bytesUp }) =>
    html`<tr><td><code>${address}</code>${lan ? html` <span class="tag">LAN</span>` : ''}</td><td>${client}</td>
<td class="n">${formatBytes(bytesDown)}</td><td class="n">${formatBytes(bytesUp)}</td></tr>`,
)}</table>${more(peers.length)}</section>`;
}

function store({ store: { files, bytes, limitBytes } }: StatusSnapshot): Html {
  return html`<section aria-labelledby="store"><h2 id="store">Store</h2>
<p>${files} files, ${formatBytes(bytes)} of ${formatBytes(limitBytes)}</p>${progress(bytes, limitBytes)}</section>`;
}

function banned({ banned }: StatusSnapshot): Html | string {
  if (banned.length === 0) return '';
  return html`<section aria-labelledby="banned"><h2 id="banned" class="bad">Banned</h2>
<table><tr><th>address</th><th>why</th></tr>
${banned.slice(0, ROWS_MAX).map(({ address, reason }) => html`<tr><td><code>${address}</code></td><td>${reason}</td></tr>`)}
</table>${more(banned.length)}</section>`;
}

function progress(have: number, all: number): Html {
  const width = Math.min(100, (100 * have) / Math.max(1, all)).toFixed(1);
  return html`<svg class="bar thin" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="store" width="${width}" height="10"/></svg>`;
}

function more(count: number): Html | string {
  return count <= ROWS_MAX ? '' : html`<p class="soft">and ${count - ROWS_MAX} more</p>`;
}

/** Never "100 %" for less than all. */
function percent(share: number): string {
  return `${share >= 1 ? 100 : Math.min(99.9, Math.floor(share * 1000) / 10)} %`;
}

/**
 * The status page for people: what was saved, from where, with whom, what is under way, and how the node is. Whole HTML
 * from the first byte, so that it needs no script; assets/page.js only keeps it new, section by section (events.ts). Every
 * value is escaped (hono/html does), as client names and paths were written by strangers. Pure.
 */
import { html } from 'hono/html';
import { healthSection } from './page-health.ts';
import { archives, banned, peers, reach, store, swarms, transfers } from './page-lists.ts';
import { savings } from './page-savings.ts';
import { traffic } from './page-traffic.ts';
import type { Html, PageView } from './page-view.ts';
import { since } from './page-words.ts';

/** What the page is made of, in order; each section's element has its name as id. */
const SECTIONS = {
  since,
  savings,
  traffic,
  health: healthSection,
  transfers,
  peers,
  swarms,
  archives,
  store,
  reach,
  banned,
};

/** How often the page is loaded anew where there is no script. */
const RENEW_SECONDS = 10;

/** The HTML of each section, by id. The ids are always the same; a section with nothing to say is hidden. */
export function pageSections(view: PageView): Map<string, string> {
  return new Map(Object.entries(SECTIONS).map(([id, section]) => [id, String(section(view))]));
}

export function statusPage(view: PageView): Html {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>DebTorrent</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/page.css">
<noscript><meta http-equiv="refresh" content="${RENEW_SECONDS}"></noscript>
<script src="/assets/page.js" defer></script>
</head>
<body>
<header>
<img class="logo" src="/assets/icon.svg" alt="" width="32" height="32">
<h1>DebTorrent</h1>
<p id="link" class="link" role="status" hidden></p>
${since(view)}
</header>
<main>
${savings(view)}
${traffic(view)}
${healthSection(view)}
<div class="column">
${transfers(view)}
${swarms(view)}
${archives(view)}
${store(view)}
</div>
<div class="column">
${peers(view)}
${reach(view)}
${banned(view)}
</div>
</main>
<footer><p>${view.details ? '' : 'Peers, transfers and archives are shown on the machine itself only. '}The same for programs:
<a href="/api/status">/api/status</a>, <a href="/metrics">/metrics</a>, and <code>debtorrent status</code>.</p></footer>
</body>
</html>`;
}

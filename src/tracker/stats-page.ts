/**
 * The tracker's page for people: how many peers in how many swarms, and how busy it is. Names no swarm, as who has
 * what is nobody's business. Plain HTML that renews itself; no script, nothing from elsewhere. Pure. All that is put
 * in are numbers of our own.
 */
import type { TrackerStats } from './tracker.ts';

const RENEW_SECONDS = 30;

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:40rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.4rem;margin:0}
p{margin:.25rem 0}
.soft{opacity:.7}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem;margin:1.5rem 0}
dl div{border:1px solid color-mix(in srgb,currentColor 20%,transparent);border-radius:.5rem;padding:.75rem 1rem}
dt{opacity:.7;font-size:.9rem}
dd{margin:0;font-size:1.6rem;font-variant-numeric:tabular-nums}
small{display:block;font-size:.85rem;opacity:.7}
code{font-size:.95em}`;

export function renderStatsPage(stats: TrackerStats): string {
  const { peers, seeds, ipv4Peers, ipv6Peers, swarms, announces, udpAnnounces, scrapes, refused } = stats;
  const seconds = Math.max(1, stats.uptimeSeconds);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${RENEW_SECONDS}">
<title>DebTorrent tracker</title>
<style>${STYLE}</style>
</head>
<body>
<h1>DebTorrent tracker</h1>
<p class="soft">Running for ${duration(stats.uptimeSeconds)}.</p>
<dl>
${item('Peers', peers, `${grouped(seeds)} of them seeds`)}
${item('Swarms', swarms)}
${item('Over IPv4', ipv4Peers, 'peers')}
${item('Over IPv6', ipv6Peers, 'peers')}
${item('Announces', announces, `${(announces / seconds).toFixed(1)} a second, ${grouped(udpAnnounces)} over UDP`)}
${item('Scrapes', scrapes)}
${item('Refused', refused, 'requests')}
</dl>
<p>Nodes announce to <code>/announce</code>, over HTTP or UDP. The same figures for programs:
<a href="/stats.json">/stats.json</a></p>
</body>
</html>
`;
}

function item(name: string, value: number, note = ''): string {
  const small = note && `<small>${note}</small>`;
  return `<div><dt>${name}</dt><dd>${grouped(value)}${small}</dd></div>`;
}

/** "1,234,567". */
function grouped(value: number): string {
  return value.toLocaleString('en-GB');
}

/** "3 d 4 h", "5 min", "12 s". */
function duration(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

/**
 * Writes docs/configuration.md out of src/config/settings.ts, and docs/metrics.md out of src/status/metric-table.ts, so that no document can lag behind the program: each
 * setting's flag, key, default and meaning stand in the code and nowhere else. Running it again changes nothing.
 * The defaults of folders depend on who runs the daemon; here they are as for an ordinary user.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyOf } from '../src/config/read-settings.ts';
import { settingText } from '../src/config/setting-text.ts';
import { LIVE_SETTINGS, SETTING_NAMES, SETTINGS, type SettingName } from '../src/config/settings.ts';
import type { Amount } from '../src/lib/amount.ts';
import { formatBytes } from '../src/lib/format-bytes.ts';
import type { HostPort } from '../src/lib/host-port.ts';
import { METRICS } from '../src/status/metric-table.ts';

const FOLDERS: { readonly [N in SettingName]?: string } = {
  cacheDir: '~/.cache/debtorrent',
  stateDir: '~/.local/state/debtorrent',
};

const HEAD = `# Settings

<!-- Written by scripts/generate-docs.ts out of src/config/settings.ts. Change it there. -->

Each setting is a flag of \`debtorrent serve\`, a variable of its environment (\`cache_dir\` is \`DEBTORRENT_CACHE_DIR\`), and a
key of its configuration file (TOML), which is read only when \`--config FILE\` or \`DEBTORRENT_CONFIG\` names it. A flag wins
over the environment, that over the file, the file over the default. A key that isn't known is refused, with the nearest
known one. \`debtorrent config\` prints all settings as \`serve\` would have them with the same flags, in the form of that file,
each with where it came from; \`--json\` the same for programs. Without \`--config\` it reads the service's file,
\`/etc/debtorrent/debtorrent.toml\`, where that is.

`;

const TAIL = `
- **Lists**: a repeatable flag is given once for each value; in the file it is a list of texts, in the environment separated by
  commas.
- **Switches**: \`--no-lan\` is \`lan = false\` in the file, \`DEBTORRENT_LAN=false\` in the environment.
- **Reload**: on SIGHUP (\`systemctl reload debtorrent\`) a running daemon reads its file again and takes over
  ${keysOf(LIVE_SETTINGS)}. Of others that have changed it says that they take a restart; so it does when
  \`upload_limit\` is new or gone, and for a \`peer\` that is gone. A file that has no sense changes nothing, and the log says why.
  Transfers go on meanwhile. SIGHUP from a terminal that was closed ends it.
- **The local network**: nodes of one network segment find each other by multicast (BitTorrent's local discovery, UDP port
  6771) and need no setting. A firewall must let that in, and TCP on the port of \`--peer-listen\`. Machines in a subnet of this one's
  own interfaces count as near; with \`--no-lan\` only those with private addresses do.
- **DHT**: the mainline DHT of BitTorrent, over IPv4 only, by UDP on the port of \`--peer-listen\`. Nothing is sent before
  an archive is in use whose swarm is looked for. \`privacy = "lan"\` does without it, too. Found there are
  public archives and those of a \`.dtorrent\`; archives that only \`--share\` names are not, unless \`--dht-bootstrap\` says
  which DHT it is. \`dht_bootstrap = []\` asks only the nodes that are known from earlier.
- **Port mapping**: a machine with a private address asks its router for a port (TCP, and UDP for the DHT) for others to
  come in by; renewed while the daemon runs, given back at its end. Not with \`privacy = "lan"\`, nor where
  \`--peer-listen\` is on loopback or has IPv6 only.
- **Supervision**: \`serve\` by hand is two processes. One holds the socket for APT and does nothing else (about 10 MB of its own);
  the other is the daemon, started anew when it dies or says nothing for 15 seconds, so that APT, which never asks again at
  an address that refused it once, only waits. \`--no-supervise\` is one process, for those who have another supervisor.
  Started by systemd with a socket, or with \`Type=notify\`, it is one process anyway; with a socket that unit says where
  APT is listened for, not \`--listen\`.
- **Sizes and rates**: \`"10 GiB"\`, \`"500MB"\`, \`"2 MiB/s"\`, or a bare number of bytes. kB, MB, GB and TB are powers of
  1000; KiB, MiB, GiB, TiB and a bare K, M, G, T powers of 1024.
- **What is given beyond the local network** stops for the rest of the month at \`--monthly-upload\`, while the connection costs by
  volume (\`--metered\`) and on battery (\`--on-battery\`); other nodes are told that there is nothing here. The local network
  is served all the same, and so is APT. \`debtorrent status\` shows which limits hold and why. \`debtorrent seed\` has no such
  stops.
- **Hours**: \`"Mon-Fri 08:00-18:00"\`, \`"Sat 09:00-12:00"\`, \`"22:00-06:00"\` (every day), by the machine's own time.
- **Addresses**: \`HOST:PORT\`, IPv6 in brackets (\`[2001:db8::1]:9989\`). Port 0 takes any free one.
- **Folders**: the two defaults follow \`XDG_CACHE_HOME\` and \`XDG_STATE_HOME\` where those are set.

## Who changes what, and why

- Machines of one network: nothing. Where multicast doesn't reach (another subnet, some Wi-Fi and cloud networks): \`--peer\`
  with the address of another.
- A network whose other machines are not to know which archives this one uses: \`--no-lan\`.
- A fleet: \`--with-tracker\` on one machine (or \`debtorrent tracker\`), \`--tracker\` on all the others.
- A proxy for other machines' APT: \`--listen 0.0.0.0:9988 --allow-client lan\`, or \`--allow-client\` with their addresses;
  without it the program doesn't start, as anybody could use it. Other machines may ask for known archives, for the hosts
  in this machine's \`sources.list\`, and for what \`--allow-upstream\` names ([apt.md](apt.md#who-may-ask-and-for-what)). On a
  rented server \`lan\` is the provider's network: name addresses instead.
- Other machines' APT shall find it by itself: \`--findable\`, and \`auto-apt-proxy\` on those machines. It looks for the DNS
  record \`_apt_proxy._tcp.DOMAIN. IN SRV 0 0 9988 HOST.\`, then for a host named \`apt-proxy\`, then at the gateway and at
  the machine itself, on port 3142. With apt-cacher-ng on the same machine the port is taken: then the DNS record is the way.
  squid-deb-proxy-client (Ubuntu) looks by multicast DNS, which is answered on each network segment, too, beside an
  avahi-daemon where that runs (UDP port 5353; with a firewall, let it in).
- A mirror or repository in your own network: \`--allow-upstream\` with its host; and \`--share\` with its Origin or URI,
  if its packages may go to other nodes.
- Nobody but your own machines may learn what you install: \`--privacy lan\`. Without a setting, strangers (met through
  trackers that you didn't name, or by themselves) are asked for packages, but never for those of a security pocket
  (Debian's and Ubuntu's -security, Ubuntu's -updates): asking for a fix tells that it is missing here. These come from the
  mirror and from machines that you chose: those of your network, given by \`--peer\`, or met at a \`--tracker\` of yours.
  \`--privacy open\` lifts that. What is in the cache is offered to everybody, but with \`lan\`.
- A router's settings are not to be touched: \`--no-port-mapping\`. Forward the port of \`--peer-listen\` by hand instead,
  or use IPv6; \`debtorrent status\` says whether others come in.
- A fleet that meets in a DHT of its own: \`--dht-bootstrap\` with one or two of its machines; private addresses count
  there, and nobody else is asked.
- Little disk: \`--cache-limit\`, \`--min-free\`. A thin line: \`--upload-limit\`, \`--download-limit\`, and for the hours in which
  others need it \`--business-hours "Mon-Fri 08:00-18:00"\` with its own two limits. A server that may give all that it has:
  \`--monthly-upload 0 --upload-limit 0\`.

## Example

\`\`\`toml
cache_dir = "/srv/debtorrent"
cache_limit = "50 GiB"
peer = ["192.168.1.20:9989", "192.168.1.21:9989"]
tracker = ["http://tracker.example.org:6969/announce"]
upload_limit = "5 MiB/s"
\`\`\`
`;

function keysOf(names: readonly SettingName[]): string {
  const keys = names.map((name) => `\`${keyOf(name)}\``);
  return `${keys.slice(0, -1).join(', ')} and ${keys.at(-1)}`;
}

/** The whole text of docs/configuration.md. */
export function configurationDoc(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { flag, valueHint, description } = SETTINGS[name];
    const written = `--${flag}${valueHint === undefined ? '' : ` ${valueHint}`}`;
    return `| \`${written}\` | \`${keyOf(name)}\` | ${initialOf(name)} | ${cell(description)} |`;
  });
  const table = ['| Flag | Key in the file | Default | What it is |', '|---|---|---|---|', ...rows];
  return `${HEAD}${table.join('\n')}\n${TAIL}`;
}

/** The default as people would write it. */
function initialOf(name: SettingName): string {
  const { kind, initial } = SETTINGS[name];
  const folder = FOLDERS[name];
  if (folder !== undefined) return code(folder);
  if (initial === undefined) return SETTINGS[name].unset ?? 'off';
  if (Array.isArray(initial)) return initial.length === 0 ? 'none' : code(initial.map(textOf).join(' '));
  if (typeof initial === 'number') return initial === 0 ? 'no limit' : code(size(initial));
  if (kind === 'off-switch') return code(String(initial));
  return code(textOf(initial));
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? settingText(value as HostPort | Amount) : String(value);
}

/** "10 GiB" rather than "10.0 GiB". */
function size(bytes: number): string {
  return formatBytes(bytes).replace(/\.0+(?= )/, '');
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

const METRICS_HEAD = `# Metrics

<!-- Written by scripts/generate-docs.ts out of src/status/metric-table.ts. Change it there. -->

\`http://localhost:9988/metrics\` has them in the text form of [Prometheus](https://prometheus.io/docs/instrumenting/exposition_formats/).
They are numbers only: no address, path or archive is named, and labels have no other values than those below, so that
they don't grow. Whoever may use the proxy may read them; for a Prometheus on another machine that is \`--allow-client\` with
its address, and \`--listen\` at one where it comes in ([configuration.md](configuration.md)).

\`\`\`yaml
scrape_configs:
  - job_name: debtorrent
    static_configs:
      - targets: ["server1.example.org:9988"]
\`\`\`

[grafana.json](grafana.json) is a dashboard of them: in Grafana, *Dashboards → New → Import*, and choose your Prometheus.
\`/healthz\` answers \`ok\` with status 200 while the daemon serves.

`;

const METRICS_TAIL = `
- The part that no mirror had to send, over the last day:
  \`1 - sum(increase(debtorrent_received_bytes_total{source="mirror"}[1d])) / sum(increase(debtorrent_received_bytes_total[1d]))\`
- Worth a page at night: \`debtorrent_releases{state="expired"} > 0\`, as APT refuses such a Release, and \`up == 0\`. Worth
  a mail: \`debtorrent_releases{state="stale"} > 0\` for an hour.
`;

/** The whole text of docs/metrics.md. */
export function metricsDoc(): string {
  const rows = METRICS.map(({ name, type, help, labels = {} }) => {
    const written = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${values.join(', ')}`);
    return `| \`${name}\` | ${type} | ${written.join('; ')} | ${cell(help)} |`;
  });
  const table = ['| Metric | Type | Labels | What it is |', '|---|---|---|---|', ...rows];
  return `${METRICS_HEAD}${table.join('\n')}\n${METRICS_TAIL}`;
}

if (import.meta.main) {
  writeFileSync(join(import.meta.dir, '../docs/metrics.md'), metricsDoc());
  writeFileSync(join(import.meta.dir, '../docs/configuration.md'), configurationDoc());
}

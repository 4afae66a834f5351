/**
 * The snapshot for a terminal: human units, as wide as the terminal and no wider, colour only when asked for. Text that
 * strangers wrote is stripped of control characters, so that no client name can drive the terminal. Pure.
 */
import { formatBytes } from '../lib/format-bytes.ts';
import { formatDuration } from './format-duration.ts';
import { healthOf } from './health.ts';
import {
  type ByteTotals,
  dhtLine,
  diskLine,
  lanLine,
  limitsLine,
  reachLine,
  releaseLine,
  type StatusSnapshot,
  savedShare,
  seedLine,
  troublesLine,
} from './snapshot.ts';

export interface TableOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly colour: boolean;
}

export type Paint = (text: string, code: keyof typeof CODES) => string;
const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;

const SIGNS = { bad: ['!', 'red'], note: ['i', 'yellow'], good: ['✓', 'green'] } as const;
/** Columns from which there is room for the rates of peers. */
const RATES_FROM = 100;
const PEERS_MAX = 15;
const TRANSFERS_MAX = 10;
const TRACKERS_MAX = 10;
const RELEASES_MAX = 10;

/** Lines end in "\n"; none is longer than `width` (40 at least). */
export function statusTable(snapshot: StatusSnapshot, { width, colour }: TableOptions): string {
  const columns = Math.max(40, width);
  const paint: Paint = (text, code) => (colour ? `\x1b[${CODES[code]}m${text}\x1b[0m` : text);
  const sections = [
    summary(snapshot, columns, paint),
    sources(snapshot.bytes, columns, paint),
    lately(snapshot, columns),
    health(snapshot, columns, paint),
    table('On the way', transferRows(snapshot), columns, paint),
    table('Archives', releaseRows(snapshot), columns, paint),
    table('Swarms', swarmRows(snapshot), columns, paint),
    table('Trackers', trackerRows(snapshot), columns, paint),
    table('Peers', peerRows(snapshot, columns), columns, paint),
    table(
      'Banned',
      snapshot.banned.map(({ address, reason }) => [address, reason]),
      columns,
      paint,
    ),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function summary(
  { version, uptimeSeconds, bytes, troubles, store, lan, dht, seed, reachability, limits }: StatusSnapshot,
  columns: number,
  paint: Paint,
): string[] {
  const share = savedShare(bytes);
  const saved = formatBytes(bytes.fromPeers + bytes.fromStore);
  const line =
    share === undefined
      ? 'nothing was asked of it yet'
      : `${saved} saved (${Math.floor(share * 100)} % not from mirrors)`;
  return [
    `${paint('DebTorrent', 'bold')} ${fit(`${version}, up ${formatDuration(uptimeSeconds)}`, columns - 11)}`,
    paint(fit(line, columns), 'green'),
    fit(
      `store: ${store.files} files, ${formatBytes(store.bytes)} of ${formatBytes(store.limitBytes)}`,
      columns,
    ),
    ...(limits ? wrapped(diskLine(limits), columns) : []),
    ...(limits ? wrapped(limitsLine(limits), columns) : []),
    ...(seed ? wrapped(seedLine(seed), columns) : []),
    ...wrapped(reachLine(reachability), columns),
    ...(reachability.state === 'unknown' ? wrapped(reachability.advice, columns) : []),
    ...(lan ? [fit(`local network: ${lanLine(lan)}`, columns)] : []),
    ...(dht ? [fit(`DHT: ${dhtLine(dht)}`, columns)] : []),
    ...wrapped(troublesLine(troubles), columns),
  ];
}

function sources(
  { fromPeers, fromLan, fromMirror, fromStore, uploaded }: ByteTotals,
  columns: number,
  paint: Paint,
) {
  const all = fromPeers + fromMirror + fromStore;
  const bar = (bytes: number) => '█'.repeat(all === 0 ? 0 : Math.round(((columns - 28) * bytes) / all));
  const row = (name: string, bytes: number, code: keyof typeof CODES) =>
    `${name.padEnd(14)} ${formatBytes(bytes).padStart(10)}  ${paint(bar(bytes), code)}`.trimEnd();
  return [
    row('local network', fromLan, 'green'),
    row('other peers', Math.max(0, fromPeers - fromLan), 'cyan'),
    row('store', fromStore, 'blue'),
    row('mirrors', fromMirror, 'yellow'),
    `${'given'.padEnd(14)} ${formatBytes(uploaded).padStart(10)}`,
  ];
}

function lately({ today, rates }: StatusSnapshot, columns: number): string[] {
  const { fromPeers, fromStore, fromMirror, uploaded } = today;
  const saved = formatBytes(fromPeers + fromStore);
  const down = rates.fromPeers + rates.fromStore + rates.fromMirror;
  return [
    ...wrapped(
      `today: ${saved} saved, ${formatBytes(fromMirror)} from mirrors, ${formatBytes(uploaded)} given`,
      columns,
    ),
    ...wrapped(`now: ↓ ${formatBytes(down)}/s ↑ ${formatBytes(rates.uploaded)}/s`, columns),
  ];
}

/** Each finding with what to do; one line when all is well. */
export function health(snapshot: StatusSnapshot, columns: number, paint: Paint): string[] {
  return healthOf(snapshot).flatMap(({ level, title, advice }) => {
    const [sign, code] = SIGNS[level];
    const [first = '', ...rest] = wrapped(`${sign} ${title}. ${advice}`, columns);
    return [paint(first, code), ...rest];
  });
}

function transferRows({ transfers }: StatusSnapshot): string[][] {
  return limited(transfers, TRANSFERS_MAX, ({ path, sizeBytes, haveBytes }) => [
    path,
    `${sizeBytes === 0 ? 100 : Math.floor((100 * haveBytes) / sizeBytes)} %`,
    formatBytes(sizeBytes),
  ]);
}

function releaseRows({ releases }: StatusSnapshot): string[][] {
  return limited(releases, RELEASES_MAX, (release) => [
    release.name,
    release.shared ? 'shared' : 'private',
    release.ageSeconds === undefined ? '' : `${formatDuration(release.ageSeconds)} old`,
    releaseLine(release).slice(0, 43),
  ]);
}

function swarmRows({ swarms }: StatusSnapshot): string[][] {
  return swarms.map(({ name, infoHash, peers }) => [
    name,
    infoHash.slice(0, 12),
    `${peers} ${peers === 1 ? 'peer' : 'peers'}`,
  ]);
}

function trackerRows({ trackers }: StatusSnapshot): string[][] {
  return limited(trackers, TRACKERS_MAX, ({ url, state, peers, reason }) => [
    url,
    reason && state === 'failing' ? `${state}: ${reason.slice(0, 40)}` : state,
    state === 'working' ? `counts ${peers}` : '',
  ]);
}

function peerRows({ peers }: StatusSnapshot, columns: number): string[][] {
  const byBytes = [...peers].sort((a, b) => b.bytesDown + b.bytesUp - a.bytesDown - a.bytesUp);
  const now = (sign: string, rate: number) => (rate === 0 ? '' : `${sign} ${formatBytes(rate)}/s`);
  return limited(byBytes, PEERS_MAX, ({ address, client, lan, bytesDown, bytesUp, downRate, upRate }) => [
    client,
    address,
    lan ? 'LAN' : '',
    `↓ ${formatBytes(bytesDown)}`,
    `↑ ${formatBytes(bytesUp)}`,
    ...(columns < RATES_FROM ? [] : [now('↓', downRate), now('↑', upRate)]),
  ]);
}

function limited<T>(items: readonly T[], max: number, row: (item: T) => string[]): string[][] {
  const rows = items.slice(0, max).map(row);
  return items.length > max ? [...rows, [`and ${items.length - max} more`]] : rows;
}

/** The first column takes what the others leave. */
function table(title: string, rows: readonly (readonly string[])[], columns: number, paint: Paint): string[] {
  if (rows.length === 0) return [];
  const clean = rows.map((row) => row.map(printable));
  const count = Math.max(...clean.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(...clean.map((row) => row[i]?.length ?? 0)),
  );
  const others = widths.slice(1).reduce((sum, width) => sum + width + 2, 0);
  const first = Math.max(8, Math.min(widths[0] ?? 0, columns - others - 2));
  const lines = clean.map((row) => {
    const rest = row.slice(1).map((cell, i) => `  ${cell.padEnd(widths[i + 1] ?? 0)}`);
    return fit(`  ${fit(row[0] ?? '', first).padEnd(first)}${rest.join('')}`.trimEnd(), columns);
  });
  return [paint(title, 'bold'), ...lines];
}

/** Cut in the middle of what is too long: the end of a path says most. */
function fit(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.ceil((width - 1) * 0.6);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** In lines of whole words; a word that is too long is cut. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of printable(text)
    .split(' ')
    .filter((one) => one !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(fit(word, width));
  }
  return lines;
}

function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 300);
}

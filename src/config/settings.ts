/**
 * Every setting of the daemon: its type, its default, a sentence for people, and how it is written as a flag, in the
 * environment and in the configuration file. One table; flags, variables, file, documents and `debtorrent config` are
 * read from it. Each setting must answer "who would change this, and why?".
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseAddressRange } from '../lib/address-range.ts';
import { type Amount, amountBytes, parseAmount } from '../lib/amount.ts';
import { type HostPort, parseHostPort } from '../lib/host-port.ts';
import { LOG_LEVELS, type LogLevel } from '../lib/log.ts';
import { parseSize } from '../lib/parse-size.ts';
import { parseWeeklyHours } from '../lib/weekly-hours.ts';

/** Who may learn what this node looks for (docs/protocol.md "Who learns what you look for"). */
export const PRIVACY_SCOPES = ['lan', 'default', 'open'] as const;
export type PrivacyScope = (typeof PRIVACY_SCOPES)[number];

export interface Settings {
  readonly listen: HostPort;
  /** Addresses, ranges, or "lan". */
  readonly allowClient: readonly string[];
  /** Where auto-apt-proxy looks for a proxy; undefined = nowhere. */
  readonly findable: HostPort | undefined;
  readonly peerListen: HostPort;
  readonly cacheDir: string;
  readonly stateDir: string;
  /** Undefined: by the size of the disk (limits/cache-limits.ts). */
  readonly cacheLimit: Amount | undefined;
  /** Likewise. */
  readonly minFree: Amount | undefined;
  /** "none": they are not read. */
  readonly aptLists: string;
  /** "none": nothing is imported at the start. */
  readonly importFrom: string;
  /** "none": nothing is asked for ahead of apt. */
  readonly dpkgStatus: string;
  readonly peers: readonly HostPort[];
  readonly trackers: readonly string[];
  readonly torrents: readonly string[];
  readonly lan: boolean;
  readonly dht: boolean;
  readonly portMapping: boolean;
  readonly dhtBootstrap: readonly HostPort[];
  readonly privacy: PrivacyScope;
  readonly share: readonly string[];
  readonly allowUpstream: readonly string[];
  /** Bytes a second to all peers; 0 = no limit; undefined = no limit on the LAN, a modest one beyond. */
  readonly uploadLimit: number | undefined;
  /** Bytes a second from peers and mirrors together; 0 = no limit. */
  readonly downloadLimit: number;
  /** Bytes to strangers in a calendar month; 0 = no limit. */
  readonly monthlyUpload: number;
  readonly metered: 'auto' | 'yes' | 'no';
  readonly onBattery: 'pause' | 'share';
  /** As parseWeeklyHours() takes them. */
  readonly businessHours: readonly string[];
  /** As uploadLimit and downloadLimit, in those hours. */
  readonly businessUploadLimit: number;
  readonly businessDownloadLimit: number;
  readonly withTracker: HostPort | undefined;
  /** Whether a process of its own holds the socket for APT and starts a daemon anew that dies or hangs. */
  readonly supervise: boolean;
  readonly logLevel: LogLevel;
}

export interface SettingSpec<T> {
  /** The flag, without dashes; with "_" for "-" the key in the file. */
  readonly flag: string;
  readonly kind: 'value' | 'list' | 'off-switch' | 'optional-value';
  readonly valueHint?: string;
  readonly description: string;
  /** What it says in the file, where a switch has the opposite sense ("no-lan" is `lan = false`). */
  readonly fileDescription?: string;
  readonly initial: T;
  /** What holds where it isn't set and `initial` is nothing, for people. */
  readonly unset?: string;
  /** Undefined when the text has no sense; `expects` says what would have. */
  readonly parse: (text: string) => unknown;
  readonly expects: string;
}

export type SettingName = keyof Settings;

const text = (value: string) => (value === '' ? undefined : value);
const DEFAULT_TRACKER_PORT = 6969;
/** apt-cacher-ng's, where auto-apt-proxy looks. */
const DEFAULT_FINDABLE_PORT = 3142;

function isTrackerUrl(value: string): boolean {
  const url = /^[a-z]+:\/\/[^\s/]+/i.test(value) ? URL.parse(value) : null;
  return url?.protocol === 'udp:' ? url.port !== '' : /^https?:$/.test(url?.protocol ?? '');
}

/** Base folders of an ordinary user (XDG Base Directory Specification). */
function userDir(variable: string, fallback: string): string {
  const base = process.env[variable];
  return join(base?.startsWith('/') ? base : join(homedir(), fallback), 'debtorrent');
}

export const SETTINGS: { readonly [N in SettingName]: SettingSpec<Settings[N]> } = {
  listen: {
    flag: 'listen',
    kind: 'value',
    valueHint: 'HOST:PORT',
    description: 'Where APT and the status page are served',
    initial: { host: '127.0.0.1', port: 9988 },
    parse: (t) => parseHostPort(t, { host: '127.0.0.1', port: 9988 }),
    expects: 'an address and port such as 127.0.0.1:9988',
  },
  allowClient: {
    flag: 'allow-client',
    kind: 'list',
    valueHint: 'ADDRESS[/BITS]',
    description:
      'Whose APT may use the proxy besides this machine: an address, a range, or "lan" for private addresses and the networks of the own interfaces (repeatable)',
    initial: [],
    parse: (t) => (t === 'lan' || parseAddressRange(t) ? t : undefined),
    expects: 'an address, a range such as 192.168.1.0/24, or lan',
  },
  findable: {
    flag: 'findable',
    kind: 'optional-value',
    valueHint: '[HOST:PORT]',
    description:
      "Be found by other machines' APT: listen where auto-apt-proxy looks, too (default port 3142, on all IPv4 addresses), and answer multicast DNS",
    initial: undefined,
    parse: (t) => parseHostPort(t, { host: '0.0.0.0', port: DEFAULT_FINDABLE_PORT }),
    expects: 'an address and port such as 0.0.0.0:3142',
  },
  peerListen: {
    flag: 'peer-listen',
    kind: 'value',
    valueHint: 'HOST:PORT',
    description: 'Where other nodes connect',
    initial: { host: '::', port: 9989 },
    parse: (t) => parseHostPort(t, { host: '::', port: 9989 }),
    expects: 'an address and port such as 0.0.0.0:9989',
  },
  cacheDir: {
    flag: 'cache-dir',
    kind: 'value',
    valueHint: 'DIR',
    description: 'Where files are kept',
    initial: userDir('XDG_CACHE_HOME', '.cache'),
    parse: text,
    expects: 'a folder',
  },
  stateDir: {
    flag: 'state-dir',
    kind: 'value',
    valueHint: 'DIR',
    description: 'Where the catalogue and the totals are kept',
    initial: userDir('XDG_STATE_HOME', '.local/state'),
    parse: text,
    expects: 'a folder',
  },
  cacheLimit: {
    flag: 'cache-limit',
    kind: 'value',
    valueHint: 'SIZE',
    description:
      'How much the cache may hold, or which share of the disk; the least recently used files go first (default: 10 GiB, but at most 20% of the disk)',
    initial: undefined,
    unset: '10 GiB, at most 20% of the disk',
    parse: (t) => {
      const amount = parseAmount(t);
      return amount && amountBytes(amount, 100) > 0 ? amount : undefined;
    },
    expects: 'a size such as "10 GiB", or a share such as "20%"',
  },
  minFree: {
    flag: 'min-free',
    kind: 'value',
    valueHint: 'SIZE',
    description:
      'How much of the disk stays free, whoever fills it: files of the cache go for it (default: 5% of the disk, but at most 2 GiB)',
    initial: undefined,
    unset: '5% of the disk, at most 2 GiB',
    parse: parseAmount,
    expects: 'a size such as "2 GiB", or a share such as "5%"',
  },
  aptLists: {
    flag: 'apt-lists',
    kind: 'value',
    valueHint: 'DIR',
    description:
      'Where APT keeps its lists, read so that packages are known without an update; "none" to leave them',
    initial: '/var/lib/apt/lists',
    parse: text,
    expects: 'a folder, or none',
  },
  importFrom: {
    flag: 'import',
    kind: 'value',
    valueHint: 'DIR',
    description:
      'Packages to take into the cache at each start, as far as it costs no room (hard links), such as those in /var/cache/apt/archives; "none" for none',
    initial: 'none',
    parse: text,
    expects: 'a folder, or none',
  },
  dpkgStatus: {
    flag: 'dpkg-status',
    kind: 'value',
    valueHint: 'FILE',
    description:
      'What is installed here: peers are asked who has the upgrades of it before APT asks; "none" to wait for APT',
    initial: '/var/lib/dpkg/status',
    parse: text,
    expects: 'a file, or none',
  },
  peers: {
    flag: 'peer',
    kind: 'list',
    valueHint: 'HOST:PORT',
    description: 'Another node, trusted as the local network is (repeatable)',
    initial: [],
    parse: (t) => parseHostPort(t, { port: 9989 }),
    expects: 'an address such as 192.168.1.20:9989',
  },
  trackers: {
    flag: 'tracker',
    kind: 'list',
    valueHint: 'URL',
    description: 'A tracker to meet other nodes at (repeatable)',
    initial: [],
    parse: (t) => (isTrackerUrl(t) ? t : undefined),
    expects: 'an http, https or udp URL (udp with a port) such as udp://tracker.example.org:6969/announce',
  },
  torrents: {
    flag: 'torrent',
    kind: 'list',
    valueHint: 'FILE',
    description:
      'A .dtorrent whose archive to take part in, or a .torrent to give out of the cache (repeatable)',
    initial: [],
    parse: text,
    expects: 'a file',
  },
  lan: {
    flag: 'no-lan',
    kind: 'off-switch',
    description:
      'Neither look for nodes on the local network, nor count neighbours with public addresses to it',
    fileDescription: 'Look for nodes on the local network, and count neighbours with public addresses to it',
    initial: true,
    parse: () => undefined,
    expects: '',
  },
  dht: {
    flag: 'no-dht',
    kind: 'off-switch',
    description: 'Do not look for nodes through the DHT',
    fileDescription: 'Look for nodes through the DHT',
    initial: true,
    parse: () => undefined,
    expects: '',
  },
  dhtBootstrap: {
    flag: 'dht-bootstrap',
    kind: 'list',
    valueHint: 'HOST:PORT',
    description: 'A node of the DHT to begin with, in place of the public ones (repeatable)',
    initial: [
      { host: 'router.bittorrent.com', port: 6881 },
      { host: 'router.utorrent.com', port: 6881 },
      { host: 'dht.transmissionbt.com', port: 6881 },
      { host: 'dht.libtorrent.org', port: 25401 },
    ],
    parse: (t) => parseHostPort(t, { port: 6881 }),
    expects: 'an address such as router.bittorrent.com:6881',
  },
  privacy: {
    flag: 'privacy',
    kind: 'value',
    valueHint: 'SCOPE',
    description:
      'Whom to ask: "default" asks strangers for everything but security updates, "open" for these too, "lan" never has to do with strangers',
    initial: 'default',
    parse: (t) => PRIVACY_SCOPES.find((scope) => scope === t),
    expects: PRIVACY_SCOPES.join(', '),
  },
  portMapping: {
    flag: 'no-port-mapping',
    kind: 'off-switch',
    description: 'Do not ask the router to let other nodes in',
    fileDescription: 'Ask the router to let other nodes in (PCP, NAT-PMP, UPnP)',
    initial: true,
    parse: () => undefined,
    expects: '',
  },
  share: {
    flag: 'share',
    kind: 'list',
    valueHint: 'ARCHIVE',
    description:
      'An Origin or URI prefix whose files may be shared though no public archive key signed them (repeatable)',
    initial: [],
    parse: text,
    expects: 'an origin or a URI prefix',
  },
  allowUpstream: {
    flag: 'allow-upstream',
    kind: 'list',
    valueHint: 'HOST[:PORT]',
    description:
      "A mirror that may be asked though its address is private, loopback or on an unusual port, and by other machines though it is no known archive; those in this machine's sources.list may be asked without (repeatable)",
    initial: [],
    parse: (t) => (parseHostPort(t, { port: 80 }) ? t : undefined),
    expects: 'a host such as mirror.example.org or 192.168.1.2:8080',
  },
  uploadLimit: {
    flag: 'upload-limit',
    kind: 'value',
    valueHint: 'RATE',
    description:
      'Most bytes a second to all peers together; 0 = no limit (default: none on the LAN, 2 MiB/s beyond)',
    initial: undefined,
    unset: 'none on the LAN, 2 MiB/s beyond',
    parse: parseSize,
    expects: 'a rate such as "2 MiB/s"',
  },
  downloadLimit: {
    flag: 'download-limit',
    kind: 'value',
    valueHint: 'RATE',
    description: 'Most bytes a second from peers and mirrors together; 0 = no limit',
    initial: 0,
    parse: parseSize,
    expects: 'a rate such as "10 MiB/s"',
  },
  monthlyUpload: {
    flag: 'monthly-upload',
    kind: 'value',
    valueHint: 'SIZE',
    description: 'Most bytes to other machines beyond the local network in a calendar month; 0 = no limit',
    initial: 100 * 2 ** 30,
    parse: parseSize,
    expects: 'a size such as "100 GiB"',
  },
  metered: {
    flag: 'metered',
    kind: 'value',
    valueHint: 'auto|yes|no',
    description:
      'Whether the connection costs by volume, on which nothing is given beyond the local network; "auto" asks NetworkManager where it runs',
    initial: 'auto',
    parse: (t) => (['auto', 'yes', 'no'] as const).find((word) => word === t),
    expects: 'auto, yes or no',
  },
  onBattery: {
    flag: 'on-battery',
    kind: 'value',
    valueHint: 'pause|share',
    description: 'Whether anything is given beyond the local network while the machine runs on its battery',
    initial: 'pause',
    parse: (t) => (['pause', 'share'] as const).find((word) => word === t),
    expects: 'pause or share',
  },
  businessHours: {
    flag: 'business-hours',
    kind: 'list',
    valueHint: 'HOURS',
    description:
      'When the line is needed for other things, such as "Mon-Fri 08:00-18:00": the two limits below hold then (repeatable)',
    initial: [],
    parse: (t) => (parseWeeklyHours(t) ? t : undefined),
    expects: 'hours such as "Mon-Fri 08:00-18:00"',
  },
  businessUploadLimit: {
    flag: 'business-upload-limit',
    kind: 'value',
    valueHint: 'RATE',
    description:
      'In business hours, most bytes a second beyond the local network (with --upload-limit: to all peers); 0 = as at other times',
    initial: 256 * 2 ** 10,
    parse: parseSize,
    expects: 'a rate such as "256 KiB/s"',
  },
  businessDownloadLimit: {
    flag: 'business-download-limit',
    kind: 'value',
    valueHint: 'RATE',
    description:
      'In business hours, most bytes a second from peers and mirrors together; 0 = as at other times',
    initial: 0,
    parse: parseSize,
    expects: 'a rate such as "5 MiB/s"',
  },
  withTracker: {
    flag: 'with-tracker',
    kind: 'optional-value',
    valueHint: '[HOST:PORT]',
    description: 'Be a tracker, too (default port 6969)',
    initial: undefined,
    parse: (t) => parseHostPort(t, { host: '0.0.0.0', port: DEFAULT_TRACKER_PORT }),
    expects: 'an address and port such as 0.0.0.0:6969',
  },
  supervise: {
    flag: 'no-supervise',
    kind: 'off-switch',
    description: 'Do not watch over the daemon in a second process (another program does, or nothing is to)',
    fileDescription:
      'Ask a second process to hold the socket for APT, and to start the daemon anew if it dies or hangs',
    initial: true,
    parse: () => undefined,
    expects: '',
  },
  logLevel: {
    flag: 'log-level',
    kind: 'value',
    valueHint: 'LEVEL',
    description: `How much to say: ${LOG_LEVELS.join(', ')}`,
    initial: 'info',
    parse: (t) => LOG_LEVELS.find((level) => level === t),
    expects: LOG_LEVELS.join(', '),
  },
};

/** Those that a running daemon takes over from its file on SIGHUP (daemon/reload.ts); all others need a restart. */
export const LIVE_SETTINGS = [
  ...(['allowClient', 'cacheLimit', 'minFree', 'peers', 'trackers', 'share', 'allowUpstream'] as const),
  ...(['uploadLimit', 'downloadLimit', 'monthlyUpload', 'metered', 'onBattery'] as const),
  ...(['businessHours', 'businessUploadLimit', 'businessDownloadLimit', 'logLevel'] as const),
] as const satisfies readonly SettingName[];

export type LiveSetting = (typeof LIVE_SETTINGS)[number];

export function isLive(name: SettingName): name is LiveSetting {
  return (LIVE_SETTINGS as readonly SettingName[]).includes(name);
}

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** Uploads beyond the LAN when nothing is set: enough to help, not enough to be felt. */
export const DEFAULT_WAN_UPLOAD = 2 * 2 ** 20;

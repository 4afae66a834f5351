/** A daemon's figures as tests want them. */
import type { ByteTotals, StatusSnapshot } from '../../src/status/snapshot.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

export const busy: StatusSnapshot = {
  version: '1.2.3',
  uptimeSeconds: 93_784,
  bytes: { fromPeers: 3 * GIB, fromLan: 2 * GIB, fromMirror: GIB, fromStore: 4 * GIB, uploaded: 5 * GIB },
  session: { fromPeers: 1000, fromLan: 0, fromMirror: 2000, fromStore: 3000, uploaded: 4000 },
  today: { fromPeers: GIB, fromLan: GIB / 2, fromMirror: GIB / 4, fromStore: 0, uploaded: GIB / 8 },
  rates: { fromPeers: 5 << 20, fromLan: 4 << 20, fromMirror: 1 << 20, fromStore: 0, uploaded: 2 << 20 },
  troubles: { stale: 3, rolledBack: 2, refused: 0 },
  swarms: [{ infoHash: 'ab'.repeat(20), name: 'Debian bookworm amd64', peers: 2 }],
  peers: [
    {
      address: '192.0.2.7:9989',
      client: 'DebTorrent 1.2.3',
      lan: true,
      bytesDown: 2 * GIB,
      bytesUp: 10,
      downRate: 3 << 20,
      upRate: 0,
    },
    {
      address: '[2001:db8::1]:6881',
      client: '<script>alert(1)</script>',
      lan: false,
      bytesDown: 5,
      bytesUp: 6,
      downRate: 0,
      upRate: 0,
    },
  ],
  lan: { interfaces: ['eth0', 'wlan0'], neighbours: 3 },
  banned: [{ address: '198.51.100.9', reason: 'sent \x1b[31mwrong bytes' }],
  store: { files: 1234, bytes: 2 * GIB, limitBytes: 5 * GIB },
  transfers: [
    {
      key: 'cd'.repeat(32),
      path: `ftp.de.debian.org/debian/pool/main/${'x'.repeat(120)}/hello_2.10-3_amd64.deb`,
      sizeBytes: 1000,
      haveBytes: 999,
    },
  ],
  reachability: {
    state: 'not reachable',
    addresses: ['203.0.113.7:9989'],
    advice: "Other machines are dialled from here but can't come in: forward TCP port 9989 of your router.",
  },
  trackers: [
    { url: 'udp://tracker.example.org:6969/announce', state: 'working', peers: 12 },
    {
      url: 'http://<b>.example.org/announce',
      state: 'failing',
      peers: 0,
      reason: 'it says: \x1b[2J<b>no</b>',
    },
  ],
  releases: [
    {
      name: 'ftp.de.debian.org/debian/dists/bookworm',
      ageSeconds: 7200,
      validSeconds: 500_000,
      signed: 'public',
      shared: true,
      stale: false,
      behindSeconds: 0,
      rolledBack: 0,
      refused: 0,
    },
    {
      name: 'apt.example.org/dists/x',
      ageSeconds: 172_800,
      validSeconds: -1,
      signed: 'private',
      shared: false,
      stale: true,
      behindSeconds: 100_000,
      rolledBack: 2,
      refused: 1,
    },
  ],
  dht: { nodes: 120, readOnly: true },
};

const nothing = { fromPeers: 0, fromLan: 0, fromMirror: 0, fromStore: 0, uploaded: 0 };

export const idle: StatusSnapshot = {
  version: '1.2.3',
  uptimeSeconds: 0,
  bytes: nothing,
  session: nothing,
  today: nothing,
  rates: nothing,
  troubles: { stale: 0, rolledBack: 0, refused: 0 },
  swarms: [],
  peers: [],
  banned: [],
  store: { files: 0, bytes: 0, limitBytes: 5 * GIB },
  transfers: [],
  reachability: { state: 'unknown', addresses: [], advice: 'Nobody from outside has come in yet.' },
  trackers: [],
  releases: [],
};

/** Five minutes of a busy machine. */
export const history: ByteTotals[] = Array.from({ length: 150 }, (_, i) => {
  const wave = (period: number, shift: number) => Math.max(0, Math.sin((i + shift) / period));
  const fromLan = Math.round(wave(17, 3) * 9 * MIB);
  return {
    fromLan,
    fromPeers: fromLan + Math.round(wave(11, 0) * 3 * MIB),
    fromMirror: Math.round(wave(7, 5) * 2 * MIB),
    fromStore: Math.round(wave(29, 40) * 4 * MIB),
    uploaded: Math.round((wave(23, 9) + wave(5, 1) / 3) * 4 * MIB),
  };
});

/**
 * docs/status-page.png, the picture in README.md: the status page as chromium shows it, with made-up figures of an
 * ordinary day. To be run anew when the page has changed: node scripts/bun.mjs scripts/page-picture.ts
 */
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { systemClock } from '../src/lib/clock.ts';
import { LoopGuard } from '../src/proxy/loop-guard.ts';
import { createPagesDoor } from '../src/proxy/pages-door.ts';
import { startProxyServer } from '../src/proxy/server.ts';
import { Events } from '../src/status/events.ts';
import { statusRoutes } from '../src/status/routes.ts';
import type { StatusSnapshot } from '../src/status/snapshot.ts';
import { busy, history } from '../test/status/fixtures.ts';

const MIB = 1 << 20;
const POOL = 'ftp.de.debian.org/debian/pool/main';
const peer = (address: string, lan: boolean, downMib: number, upMib: number) => ({
  ...{
    address,
    client: 'DebTorrent 0.1.0',
    lan,
    downRate: (downMib * MIB) / 100,
    upRate: (upMib * MIB) / 100,
  },
  ...{ bytesDown: downMib * MIB, bytesUp: upMib * MIB },
});

/** The tests' node on a good day: nothing wrong, two files on the way. */
const ordinary: StatusSnapshot = {
  ...busy,
  version: '0.1.0',
  swarms: [
    { infoHash: '3f'.repeat(20), name: 'Debian bookworm amd64', peers: 3 },
    { infoHash: '7a'.repeat(20), name: 'Debian bookworm-security amd64', peers: 2 },
  ],
  peers: [
    peer('192.168.1.21:9989', true, 420, 96),
    peer('192.168.1.34:9989', true, 92, 205),
    peer('[2001:db8:7::12]:9989', false, 64, 31),
  ],
  transfers: [
    {
      key: 'cd'.repeat(32),
      path: `${POOL}/l/linux/linux-image-6.1.0-41-amd64_6.1.158-1_amd64.deb`,
      ...{ sizeBytes: 69 * MIB, haveBytes: 41 * MIB },
    },
    {
      key: 'ef'.repeat(32),
      path: `${POOL}/f/firefox-esr/firefox-esr_140.5.0esr-1_amd64.deb`,
      ...{ sizeBytes: 64 * MIB, haveBytes: 12 * MIB },
    },
  ],
  banned: [],
  trackers: [],
  releases: busy.releases.slice(0, 1),
  troubles: { stale: 0, rolledBack: 0, refused: 0 },
  reachability: {
    state: 'reachable',
    addresses: ['203.0.113.7:9989'],
    advice: 'Other machines come in over IPv4.',
  },
};

const PICTURE = join(import.meta.dir, '../docs/status-page.png');

await using lives = new AsyncDisposableStack();
const parts = { clock: systemClock, snapshot: () => ordinary, history: () => history };
const events = lives.use(new Events(parts));
const door = createPagesDoor({ pages: statusRoutes({ ...parts, events }), loopGuard: new LoopGuard() });
const server = lives.use(await startProxyServer({ listen: { host: '127.0.0.1', port: 0 }, door }));
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
});
lives.defer(() => browser.close());
const page = await browser.newPage({ viewport: { width: 1100, height: 860 }, colorScheme: 'light' });
await page.goto(`http://127.0.0.1:${server.address.port}/`);
// The chart is drawn when the first event has come.
await page.getByText('live', { exact: true }).waitFor();
await page.screenshot({ path: PICTURE, animations: 'disabled' });

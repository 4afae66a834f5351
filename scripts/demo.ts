/**
 * `npm run demo [-- --made]`: two machines' daemons on loopback, a small signed archive behind a slow mirror, and the real
 * apt-get for each: the second machine's packages come from the first. Without root, without anything left behind, and
 * without touching this machine's apt. `--made` doesn't fetch real packages.
 *
 * On a terminal the two status pages stay until ^C; elsewhere it ends by itself. Exit code 1 when apt-get fails or what it
 * got is wrong, 130 after ^C. Loopback carries no multicast, so the second is told the first's address (--peer).
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatBytes } from '../src/lib/format-bytes.ts';
import { AptClient } from '../test/fixtures/apt-client.ts';
import { Daemon, type Status } from '../test/fixtures/daemon.ts';
import { eventually } from '../test/fixtures/eventually.ts';
import { MirrorServer } from '../test/fixtures/mirror-server.ts';
import { type DemoArchive, ORIGIN, openDemoArchive } from './demo-archive.ts';
import { DemoScreen, type Haul, haulTable } from './demo-screen.ts';

/** About what a home's line brings. */
const MIRROR_BYTES_PER_SECOND = 1_500_000;
const LOOK_MS = 100;
/** apt-get ends with us, however we end. */
const WITH_US = ['setpriv', '--pdeathsig', 'TERM'];

const screen = new DemoScreen(process.stdout);
const lives = new AsyncDisposableStack();

interface Machine {
  readonly name: string;
  readonly daemon: Daemon;
  readonly apt: AptClient;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { made: { type: 'boolean', default: false } } });
  screen.say(screen.paint('Two machines, one archive', 'bold'));
  screen.say();
  if (!values.made) screen.say('  Fetching some packages by plain apt-get, for an archive to show …');
  const archive = lives.use(await openDemoArchive(!values.made));
  const mirror = lives.use(await MirrorServer.start(archive.maker.root));
  mirror.totalBytesPerSecond = MIRROR_BYTES_PER_SECOND;
  const options = { mirror, share: ORIGIN };
  const firstDaemon = lives.use(await Daemon.start(options));
  const secondDaemon = lives.use(await Daemon.start({ ...options, peers: [firstDaemon.peerAddress] }));
  const kind = archive.isReal ? 'packages of this system' : 'made packages';
  screen.say(`  mirror   ${archive.names.length} ${kind}, ${formatBytes(archive.bytes)}, freshly signed,`);
  screen.say(`           behind a line of ${formatBytes(MIRROR_BYTES_PER_SECOND)}/s`);
  screen.say(`  first    ${firstDaemon.proxyUrl}/   (its status page)`);
  screen.say(`  second   ${secondDaemon.proxyUrl}/`);
  screen.say();
  screen.say(`On each: apt-get update; apt-get download ${archive.names.join(' ')}`);
  screen.say(
    `${screen.paint('▓', 'mirror')} from the mirror  ${screen.paint('█', 'peers')} from the other machine`,
  );
  screen.say();

  const first = await machine('first', firstDaemon, archive, mirror);
  const firstHaul = await fetchAll(first, archive);
  const second = await machine('second', secondDaemon, archive, mirror);
  await eventually('the two are connected', async () => (await secondDaemon.status()).peers.length > 0);
  const sentToFirst = mirror.poolBytes;
  mirror.clearLog();
  const secondHaul = await fetchAll(second, archive);
  screen.say();
  for (const line of haulTable([firstHaul, secondHaul])) screen.say(line);
  screen.say();
  const sent = [sentToFirst, mirror.poolBytes].map(formatBytes);
  screen.say(`By its own log the mirror sent ${sent[0]} of packages to the first, ${sent[1]} to the second.`);
  screen.say('Every file has the SHA-256 that the signed index states.');
  if (process.stdout.isTTY) {
    screen.say();
    screen.say('The status pages stay; ^C ends all.');
    await new Promise(() => setInterval(() => {}, 60_000));
  }
  return 0;
}

/** With its apt-get, after the update. */
async function machine(
  name: string,
  daemon: Daemon,
  { maker, architecture }: DemoArchive,
  mirror: MirrorServer,
): Promise<Machine> {
  const apt = lives.use(
    new AptClient({
      repository: maker,
      url: mirror.url,
      proxy: daemon.proxyUrl,
      prefix: WITH_US,
      config: `#clear APT::Architectures;\nAPT::Architecture "${architecture}"; APT::Architectures { "${architecture}"; };`,
    }),
  );
  const updated = await apt.update();
  if (updated.code !== 0) throw new Error(`apt-get update ended with ${updated.code}:\n${updated.output}`);
  await eventually(`${name} has the index`, async () => (await daemon.status()).swarms.length > 0);
  return { name, daemon, apt };
}

/** apt-get download of all, shown while it runs. Throws when it fails or a file is wrong. */
async function fetchAll({ name, daemon, apt }: Machine, archive: DemoArchive): Promise<Haul> {
  const before = await daemon.status();
  const startedMs = performance.now();
  const haulNow = async (): Promise<Haul> => {
    const spentMs = performance.now() - startedMs;
    return { machine: name, sizeBytes: archive.bytes, spentMs, ...since(before, await daemon.status()) };
  };
  let spentMs: number | undefined;
  const downloading = apt.download(archive.names).finally(() => {
    spentMs = performance.now() - startedMs;
  });
  // Its failure is told below.
  downloading.catch(() => {});
  while (spentMs === undefined) {
    screen.show(await haulNow(), false);
    await Promise.race([downloading.catch(() => {}), Bun.sleep(LOOK_MS)]);
  }
  const got = await downloading;
  if (got.code !== 0) throw new Error(`apt-get download ended with ${got.code}:\n${got.output}`);
  for (const [wanted, sha256] of archive.sha256) {
    if (got.sha256.get(wanted) !== sha256) throw new Error(`${wanted} isn't what the index states`);
  }
  const haul = { ...(await haulNow()), spentMs };
  screen.show(haul, true);
  return haul;
}

function since(before: Status, now: Status): Pick<Haul, 'fromMirrorBytes' | 'fromPeersBytes'> {
  return {
    fromMirrorBytes: now.session.fromMirror - before.session.fromMirror,
    fromPeersBytes: now.session.fromPeers - before.session.fromPeers,
  };
}

/** All that is written is below one directory, which goes last: after what writes there was ended. */
function useOwnTemporaryDirectory(): void {
  const own = mkdtempSync(join(tmpdir(), 'debtorrent-demo-'));
  process.env.TMPDIR = own;
  process.on('exit', () => {
    for (let tries = 0; tries < 20 && existsSync(own); tries += 1) {
      try {
        rmSync(own, { recursive: true, force: true });
      } catch {
        Bun.sleepSync(50);
      }
    }
  });
}

let ending = false;

async function end(code: number): Promise<never> {
  ending = true;
  // A daemon that ^C ended, too, has gone with another exit code than it should.
  await lives.disposeAsync().catch((error: unknown) => {
    if (code === 0) throw error;
  });
  return process.exit(code);
}

useOwnTemporaryDirectory();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (ending) process.exit(130);
    screen.leave();
    void end(130);
  });
}
try {
  const code = await main();
  await end(code);
} catch (error) {
  // What fails while all is being ended is no news.
  if (!ending) {
    screen.leave();
    console.error(`demo: ${error instanceof Error ? error.message : error}`);
    await end(1);
  }
}

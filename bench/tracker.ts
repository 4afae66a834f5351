/**
 * Our tracker against Debian's opentracker, in turn in one run: announces a second over HTTP (connections that are
 * kept, which opentracker doesn't do, and one for each request; wrk asks) and over UDP (tracker-udp-load.ts asks), and
 * CPU time an announce; then the memory of ours with a million peers in ten thousand swarms. Needs root, as
 * opentracker does.
 *
 *   node scripts/bun.mjs bench/tracker.ts [--rounds 3] [--seconds 5] [--quiet-seconds 30] [--peers 1000000]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { announceUrl } from '../src/announce/http.ts';
import { freePort } from '../test/fixtures/free-port.ts';
import { Opentracker } from '../test/fixtures/opentracker.ts';
import { runWell } from '../test/fixtures/run.ts';
import { tempDir } from '../test/fixtures/temp-dir.ts';
import { DEBTORRENT } from './lib/debtorrent.ts';
import { measure, memoryOf, quietMachine } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { Service } from './lib/service.ts';
import { reportTracker } from './tracker-report.ts';

export type TrackerLoad = 'http-kept' | 'http-each' | 'udp';

export type TrackerRecord =
  | {
      readonly test: TrackerLoad;
      readonly target: 'debtorrent' | 'opentracker';
      readonly announcesPerSecond: number;
      readonly cpuMicrosecondsEach: number;
      readonly foreignCores: number;
    }
  | {
      readonly test: 'memory';
      readonly peers: number;
      readonly swarms: number;
      readonly rssBytes: number;
      readonly seconds: number;
    };

const SWARMS = 1000;
const PEERS_A_SWARM = 20;

interface Target {
  readonly name: 'debtorrent' | 'opentracker';
  readonly port: number;
  readonly pid: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      'quiet-seconds': { type: 'string', default: '30' },
      peers: { type: 'string', default: '1000000' },
    },
  });
  const [rounds, seconds, peers] = [Number(values.rounds), Number(values.seconds), Number(values.peers)];
  const recorder = new Recorder<TrackerRecord>(
    'tracker',
    { rounds, seconds, swarms: SWARMS, peersASwarm: PEERS_A_SWARM, connections: 16 },
    ['opentracker', 'wrk'],
  );
  using directory = tempDir('bench-tracker');
  const infoHashes = Array.from({ length: SWARMS }, (_, i) =>
    new Bun.CryptoHasher('sha1').update(String(i)).digest('hex'),
  );
  writeFileSync(join(directory.path, 'targets'), announceTargets(infoHashes).join('\n'));
  {
    const [own, other] = [await freePort(), await freePort()];
    await using ours = await startOurs(own, directory.path, infoHashes);
    await using _ = await Opentracker.start({ listen: `127.0.0.1:${other}`, infoHashes });
    const targets: Target[] = [
      { name: 'debtorrent', port: own, pid: ours.pid },
      { name: 'opentracker', port: other, pid: await pidOn(other) },
    ];
    const loads: readonly TrackerLoad[] = ['http-kept', 'http-each', 'udp'];
    // Round 0 isn't counted: peers come to be known, code to be compiled.
    for (let round = 0; round <= rounds; round += 1) {
      await quietMachine(round === 0 ? 0 : Number(values['quiet-seconds']));
      for (const test of loads) {
        for (const target of round % 2 ? targets : targets.toReversed()) {
          const record = await measureLoad(test, target, round === 0 ? 2 : seconds, directory.path);
          if (round > 0) recorder.add(record);
        }
      }
    }
  }
  recorder.add(await measureMemory(peers, directory.path));
  console.log(reportTracker(recorder.result));
  console.error(recorder.path);
}

async function measureLoad(
  test: TrackerLoad,
  target: Target,
  seconds: number,
  directory: string,
): Promise<TrackerRecord> {
  const load = () =>
    test === 'udp' ? udpLoad(target.port, seconds) : wrkLoad(target.port, seconds, test, directory);
  const { result, uses, foreignCores, wallSeconds } = await measure([target.pid], load);
  return {
    test,
    target: target.name,
    announcesPerSecond: result / wallSeconds,
    cpuMicrosecondsEach: (1e6 * (uses[0]?.cpuSeconds ?? 0)) / result,
    foreignCores,
  };
}

/** Announces that were answered. */
async function wrkLoad(port: number, seconds: number, test: TrackerLoad, directory: string): Promise<number> {
  const script = join(directory, `${test}.lua`);
  const close = test === 'http-each' ? 'Connection: close\\r\\n' : '';
  writeFileSync(
    script,
    `local requests = {}
for line in io.lines("${join(directory, 'targets')}") do
  requests[#requests + 1] = "GET " .. line .. " HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n${close}\\r\\n"
end
local at = 0
request = function() at = at + 7; if at > #requests then at = at - #requests end; return requests[at] end
`,
  );
  const options = ['--threads', '1', '--connections', '16', '--duration', `${seconds}s`, '--script', script];
  const { stdout } = await runWell(['wrk', ...options, `http://127.0.0.1:${port}`]);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  return Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0) - bad;
}

async function udpLoad(port: number, seconds: number): Promise<number> {
  return (await runUdpLoad([`127.0.0.1:${port}`, seconds, 4, 64, 0, SWARMS, 0])).answers;
}

async function runUdpLoad(
  args: readonly (string | number)[],
): Promise<{ answers: number; failures: number }> {
  const script = join(import.meta.dir, 'tracker-udp-load.ts');
  const { stdout } = await runWell([process.execPath, script, ...args.map(String)], { timeoutMs: 600_000 });
  const counts = JSON.parse(stdout) as { answers: number; failures: number };
  if (counts.failures > 0) throw new Error(`${counts.failures} announces were refused`);
  return counts;
}

/** Ten thousand swarms, by forty addresses in networks of their own. */
async function measureMemory(peers: number, directory: string): Promise<TrackerRecord> {
  const swarms = 10_000;
  const port = await freePort();
  await using ours = await startOurs(port, directory, []);
  const started = performance.now();
  await runUdpLoad([`127.0.0.1:${port}`, 600, 40, 16, 0, swarms, Math.ceil(peers / swarms)]);
  const seconds = (performance.now() - started) / 1000;
  const answer = await fetch(`http://127.0.0.1:${port}/stats.json`, {
    proxy: false,
  } as unknown as RequestInit);
  const stats = (await answer.json()) as { peers: number; swarms: number };
  return {
    test: 'memory',
    peers: stats.peers,
    swarms: stats.swarms,
    rssBytes: memoryOf(ours.pid).rssBytes,
    seconds,
  };
}

function startOurs(port: number, directory: string, infoHashes: readonly string[]): Promise<Service> {
  const allowed = infoHashes.flatMap((hash) => ['--allow', hash]);
  const command = [...DEBTORRENT, 'tracker', '--listen', `127.0.0.1:${port}`, ...allowed];
  return Service.start({ command, port, logFile: join(directory, 'log') });
}

/** Twenty peers of each swarm, by their ports; a third of them seeds. */
function announceTargets(infoHashes: readonly string[]): string[] {
  return Array.from({ length: SWARMS * PEERS_A_SWARM }, (_, i) =>
    announceUrl('/announce', {
      infoHash: Uint8Array.fromHex(infoHashes[i % SWARMS] as string),
      peerId: new Uint8Array(Buffer.from('-DB0100-0123456789ab')),
      port: 1024 + Math.floor(i / SWARMS),
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes: Math.floor(i / SWARMS) % 3,
      numWant: 50,
    }),
  );
}

/** The process that listens on that TCP port of loopback; opentracker becomes another user's. Source: proc(5). */
async function pidOn(port: number): Promise<number> {
  const { stdout } = await runWell(['ss', '-Hltnp', `sport = :${port}`]);
  const pid = Number(/pid=(\d+)/.exec(stdout)?.[1]);
  if (!pid || !readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('opentracker'))
    throw new Error(`no opentracker on ${port}`);
  return pid;
}

if (import.meta.main) await main();

/**
 * One large package from one node's store to another's over loopback, against libtorrent with the same bytes.
 *
 * The second daemon has the archive's index, one --peer that holds the file, and a mirror that refuses the pool; a
 * HEAD request makes it fetch the .deb, so the time is from request to the verified file in its store. libtorrent: one seeder, one fetching peer, TCP only. Engines take turns in each round.
 *
 *   node scripts/bun.mjs bench/peer-to-peer.ts [--rounds 5] [--megabytes 1000] [--quiet-seconds 60]
 */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually } from '../test/fixtures/eventually.ts';
import { runWell } from '../test/fixtures/run.ts';
import { BenchClient } from './lib/apt-client.ts';
import { BenchNode } from './lib/debtorrent.ts';
import { fetchHead, fetchToNull } from './lib/http-load.ts';
import { isLibtorrentThere, LibtorrentPeer, makeTorrentFile } from './lib/libtorrent.ts';
import { Origin } from './lib/nginx.ts';
import { type Measured, measure, type ProcessUse, quietMachine } from './lib/process-use.ts';
import { Recorder } from './lib/results.ts';
import { Signer, scanPool } from './lib/signed-suite.ts';
import { workDir } from './lib/work-dir.ts';
import { reportPeerToPeer } from './peer-to-peer-report.ts';

export interface TransferRecord {
  readonly round: number;
  readonly engine: 'debtorrent' | 'libtorrent';
  readonly bytes: number;
  /** From the request to the verified file in the store (debtorrent), or to the last verified piece (libtorrent). */
  readonly seconds: number;
  /** Until the file was in the second node's store; the same as `seconds` for libtorrent. */
  readonly storedSeconds: number;
  readonly giver: ProcessUse;
  readonly taker: ProcessUse;
  /** The bytes that arrived were compared with the original's SHA-256. */
  readonly verified: boolean;
  readonly foreignCores: number;
}

/** The archive of one package, and what is measured with it. */
interface Payload {
  readonly archiveRoot: string;
  readonly signer: Signer;
  /** Below the archive's root. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const STORE_LIMIT_MS = 300_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      megabytes: { type: 'string', default: '1000' },
      'quiet-seconds': { type: 'string', default: '60' },
    },
  });
  const quietSeconds = Number(values['quiet-seconds']);
  using directory = workDir('peer-to-peer');
  const payload = await buildPayload(directory.path, Number(values.megabytes) * 1e6);
  await using origin = await Origin.start(payload.archiveRoot, join(directory.path, 'origin'));
  await using debtorrent = await Debtorrent.start(payload, origin, directory.path);
  await using libtorrent = isLibtorrentThere() ? await Libtorrent.start(payload, directory.path) : undefined;
  if (!libtorrent) console.error('python3-libtorrent is not installed: no comparison');

  const recorder = new Recorder<TransferRecord>(
    'peer-to-peer',
    { rounds: Number(values.rounds), bytes: payload.bytes },
    ['python3-libtorrent', 'nginx', 'curl'],
  );
  for (let round = 0; round < Number(values.rounds); round++) {
    const engines = [debtorrent, libtorrent].filter((engine) => engine !== undefined);
    if (round % 2 === 1) engines.reverse();
    for (const engine of engines) {
      await runWell(['sync']);
      recorder.add({ round, ...(await engine.transfer(quietSeconds)) });
    }
  }
  console.log(reportPeerToPeer(recorder.result));
  console.error(recorder.path);
}

/** A package of incompressible bytes, in an archive signed with a throwaway key. */
async function buildPayload(directory: string, payloadBytes: number): Promise<Payload> {
  const archiveRoot = join(directory, 'archive');
  const path = 'pool/main/b/bench-big/bench-big_1.0_amd64.deb';
  const tree = join(directory, 'tree');
  for (const each of [join(tree, 'DEBIAN'), join(tree, 'usr'), dirname(join(archiveRoot, path))]) {
    mkdirSync(each, { recursive: true });
  }
  const control = `Package: bench-big
Version: 1.0
Architecture: amd64
Maintainer: Bench <bench@example.org>
Description: a large package
`;
  await Bun.write(join(tree, 'DEBIAN/control'), control);
  const random = Bun.spawn(['head', '-c', String(payloadBytes), '/dev/urandom'], {
    stdout: Bun.file(join(tree, 'usr/payload')),
  });
  if ((await random.exited) !== 0)
    throw new Error(`could not write ${payloadBytes} bytes below ${directory}`);
  const deb = join(archiveRoot, path);
  await runWell(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, deb], { timeoutMs: 600_000 });
  rmSync(tree, { recursive: true });

  const signer = await Signer.create(directory);
  await signer.publish({ root: archiveRoot, codename: 'bench', packages: await scanPool(archiveRoot) });
  await signer.stopAgent();
  return { archiveRoot, signer, path, bytes: statSync(deb).size, sha256: await sha256Of(deb) };
}

type Transfer = Omit<TransferRecord, 'round'>;

/** A daemon that holds the file, and for each transfer a new one that doesn't. */
class Debtorrent implements AsyncDisposable {
  readonly #payload: Payload;
  readonly #origin: Origin;
  readonly #directory: string;
  readonly #giver: BenchNode;

  /** Fills the first node's store through its own proxy; after that the mirror serves nothing of the pool. */
  static async start(payload: Payload, origin: Origin, directory: string): Promise<Debtorrent> {
    const options = { mirror: origin.hostPort, cacheLimit: '100 GiB' };
    const giver = await BenchNode.start({ ...options, directory: join(directory, 'giver') });
    const self = new Debtorrent(payload, origin, directory, giver);
    await self.#learnIndex(giver);
    const { status, bytes } = await fetchToNull(`${origin.url}/${payload.path}`, giver.proxyUrl);
    if (status !== 200 || bytes !== payload.bytes)
      throw new Error(`the first node got ${status}, ${bytes} bytes`);
    await self.#stored(giver);
    origin.closePool();
    return self;
  }

  private constructor(payload: Payload, origin: Origin, directory: string, giver: BenchNode) {
    this.#payload = payload;
    this.#origin = origin;
    this.#directory = directory;
    this.#giver = giver;
  }

  async transfer(quietSeconds: number): Promise<Transfer> {
    const directory = join(this.#directory, 'taker');
    rmSync(directory, { recursive: true, force: true });
    const giver = this.#giver;
    await using taker = await BenchNode.start({
      directory,
      mirror: this.#origin.hostPort,
      peers: [giver.peerAddress],
      cacheLimit: '100 GiB',
    });
    await this.#learnIndex(taker);
    await eventually('the two nodes meet', async () => (await taker.status()).peers.length > 0);
    await quietMachine(quietSeconds);

    const { sha256, bytes } = this.#payload;
    const stored = join(directory, 'cache/files', sha256.slice(0, 2), sha256);
    const url = `${this.#origin.url}/${this.#payload.path}`;
    const measured = await measure([giver.pid, taker.pid], async () => {
      // HEAD starts the transfer and reads nothing: what is measured is store to store, as with libtorrent.
      const { status } = await fetchHead(url, taker.proxyUrl);
      // Looked for on the disk: asking the daemon again and again would be work of its own.
      if (status === 200)
        await eventually('the file is in the store', () => existsSync(stored), STORE_LIMIT_MS);
      return { status };
    });
    const { status } = measured.result;
    if (status !== 200) throw new Error(`the second node answered ${status}`);
    const seconds = measured.wallSeconds;
    return {
      engine: 'debtorrent',
      bytes,
      seconds,
      storedSeconds: measured.wallSeconds,
      ...usesOf(measured),
      verified: (await sha256Of(stored)) === sha256,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#giver[Symbol.asyncDispose]();
  }

  async #learnIndex(node: BenchNode): Promise<void> {
    const { keyring } = this.#payload.signer;
    using client = new BenchClient({
      sources: [`${this.#origin.url} bench main`],
      keyring,
      proxy: node.proxyUrl,
    });
    const { updateFailed, firstError } = await client.run([]);
    if (updateFailed) throw new Error(`apt-get update failed: ${firstError}`);
  }

  async #stored(node: BenchNode): Promise<void> {
    const isThere = async () => (await node.status()).store.bytes >= this.#payload.bytes;
    await eventually('the file is in the store', isThere, STORE_LIMIT_MS);
  }
}

/** A seeder, and for each transfer a new peer that has nothing. */
class Libtorrent implements AsyncDisposable {
  readonly #payload: Payload;
  readonly #directory: string;
  readonly #seeder: LibtorrentPeer;

  static async start(payload: Payload, directory: string): Promise<Libtorrent> {
    const deb = join(payload.archiveRoot, payload.path);
    await makeTorrentFile(deb, join(directory, 'torrent'));
    const seeder = await LibtorrentPeer.seed(join(directory, 'torrent'), dirname(deb));
    return new Libtorrent(payload, directory, seeder);
  }

  private constructor(payload: Payload, directory: string, seeder: LibtorrentPeer) {
    this.#payload = payload;
    this.#directory = directory;
    this.#seeder = seeder;
  }

  async transfer(quietSeconds: number): Promise<Transfer> {
    const directory = join(this.#directory, 'fetched');
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    const torrent = join(this.#directory, 'torrent');
    await using taker = await LibtorrentPeer.fetch(torrent, directory, this.#seeder.port);
    await quietMachine(quietSeconds);
    const measured = await measure([this.#seeder.pid, taker.pid], () => taker.go());
    const { path, sha256, bytes } = this.#payload;
    return {
      engine: 'libtorrent',
      bytes,
      seconds: measured.result,
      storedSeconds: measured.result,
      ...usesOf(measured),
      verified: (await sha256Of(join(directory, path.slice(path.lastIndexOf('/'))))) === sha256,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#seeder[Symbol.asyncDispose]();
  }
}

function usesOf({ uses: [giver, taker], foreignCores }: Measured<unknown>) {
  if (!giver || !taker) throw new Error('two processes are measured');
  return { giver, taker, foreignCores };
}

async function sha256Of(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher('sha256');
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest('hex');
}

if (import.meta.main) await main();

/**
 * The archive that the demo shows: a handful of this system's own packages, fetched by plain apt-get, signed anew by a key
 * that lives as long as the demo. Where apt has no network, or takes too long, files of seeded bytes take their place:
 * apt-get looks into no file that it only downloads.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArchiveMaker, debianStanza, type PoolFile } from '../test/fixtures/archive-maker.ts';
import { PLAIN_ENV, run, runWell } from '../test/fixtures/run.ts';
import { tempDir } from '../test/fixtures/temp-dir.ts';

export const ORIGIN = 'Demo';
const CODENAME = 'showcase';

/** In Debian and Ubuntu alike, from 13 kB to 7 MB. */
const REAL = 'vim-runtime fonts-dejavu-extra fortunes toilet-fonts figlet jq hello cowsay sl'.split(' ');
/** What is made in their place, bytes by name. */
const MADE = {
  'made-runtime': 7_000_000,
  'made-fonts': 2_000_000,
  'made-fortunes': 850_000,
  'made-small': 120_000,
  'made-tiny': 13_000,
};
const FETCH_LIMIT_MS = 12_000;

export interface DemoArchive extends Disposable {
  readonly maker: ArchiveMaker;
  readonly architecture: string;
  readonly names: readonly string[];
  readonly bytes: number;
  /** SHA-256 by package name, as the index states it. */
  readonly sha256: ReadonlyMap<string, string>;
  /** Whether it holds real packages. */
  readonly isReal: boolean;
}

/** `real`: tried; what came of it says isReal. Throws when not even made packages can be signed. */
export async function openDemoArchive(real: boolean): Promise<DemoArchive> {
  const architecture = (await runWell(['dpkg', '--print-architecture'])).stdout.trim();
  const maker = await ArchiveMaker.open();
  try {
    const fetched = real ? await realPackages(maker) : [];
    const packages = fetched.length > 0 ? fetched : madePackages(maker);
    await maker.publish({
      directory: 'dists/stable',
      fields: {
        ...{ Origin: ORIGIN, Label: ORIGIN, Suite: 'stable', Codename: CODENAME },
        ...{ Architectures: architecture, Components: 'main' },
      },
      indexes: {
        [`main/binary-${architecture}/Packages`]: packages.map(({ stanza }) => stanza).join('\n'),
      },
      forms: ['.gz'],
      validForHours: 24,
    });
    return {
      maker,
      architecture,
      names: packages.map(({ name }) => name),
      bytes: packages.reduce((sum, { file }) => sum + file.bytes.length, 0),
      sha256: new Map(packages.map(({ name, file }) => [name, sha256Of(file.bytes)])),
      isReal: fetched.length > 0,
      [Symbol.dispose]: () => maker[Symbol.dispose](),
    };
  } catch (error) {
    maker[Symbol.dispose]();
    throw error;
  }
}

interface DemoPackage {
  readonly name: string;
  readonly file: PoolFile;
  readonly stanza: string;
}

/** Empty when apt-get can't have all of them in time. */
async function realPackages(maker: ArchiveMaker): Promise<DemoPackage[]> {
  using into = tempDir('demo-packages');
  const command = ['setpriv', '--pdeathsig', 'TERM', 'apt-get', '-q', '-o', 'APT::Sandbox::User=root'];
  const got = await run([...command, 'download', ...REAL], {
    cwd: into.path,
    env: { ...proxies(), HOME: into.path },
    timeoutMs: FETCH_LIMIT_MS,
  }).catch(() => undefined);
  if (got?.code !== 0) return [];
  const debs = readdirSync(into.path).filter((name) => name.endsWith('.deb'));
  return await Promise.all(debs.map((deb) => realPackage(maker, join(into.path, deb))));
}

/** apt's own, as `run` hands no environment on. */
function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

async function realPackage(maker: ArchiveMaker, deb: string): Promise<DemoPackage> {
  const control = (await runWell(['dpkg-deb', '--field', deb], { env: PLAIN_ENV })).stdout;
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(control)?.[1] ?? '';
  const name = field('Package');
  const version = field('Version').replace(/^\d+:/, '');
  const path = `pool/main/${name[0]}/${name}/${name}_${version}_${field('Architecture')}.deb`;
  const file = { path, bytes: new Uint8Array(readFileSync(deb)) };
  maker.put(path, file.bytes);
  const facts = `Filename: ${path}\nSize: ${file.bytes.length}\nSHA256: ${sha256Of(file.bytes)}\n`;
  return { name, file, stanza: `${control.trimEnd()}\n${facts}` };
}

function madePackages(maker: ArchiveMaker): DemoPackage[] {
  return Object.entries(MADE).map(([name, sizeBytes]) => {
    const file = maker.pool(`pool/main/m/${name}/${name}_1.0-1_all.deb`, sizeBytes);
    return { name, file, stanza: debianStanza(file) };
  });
}

function sha256Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
}

/**
 * Signs suites with a throwaway key and publishes them as Debian does: Packages as .xz (and .gz where asked for) with
 * by-hash names, Release with MD5 and SHA-256 by apt-ftparchive, InRelease by gpg. Origin is "Bench", which the
 * benches' daemons are told to share.
 */
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runWell } from '../../test/fixtures/run.ts';

export interface SuiteSpec {
  /** The archive's root, which dists/ goes into. */
  readonly root: string;
  /** "bookworm-updates": the directory below dists/, and the Codename. */
  readonly codename: string;
  /** The text of main's Packages for amd64. */
  readonly packages: Uint8Array | string;
}

/** As in Debian's indexes: what apt must hash depends on it. */
const MD5_AND_SHA256 = ['SHA1', 'SHA512'].flatMap((name) => [
  ...['-o', `APT::FTPArchive::${name}=false`],
  ...['-o', `APT::FTPArchive::Release::${name}=false`],
]);

export class Signer {
  /** Binary OpenPGP keyring, for Signed-By. */
  readonly keyring: string;
  readonly #env: Readonly<Record<string, string>>;

  /** A new key below `directory`. */
  static async create(directory: string): Promise<Signer> {
    const signer = new Signer(directory);
    mkdirSync(join(directory, 'gnupg'), { recursive: true, mode: 0o700 });
    const user = 'Bench <bench@example.org>';
    await signer.#gpg('--passphrase', '', '--quick-gen-key', user, 'rsa2048', 'sign', 'never');
    await signer.#gpg('--output', signer.keyring, '--export');
    return signer;
  }

  private constructor(directory: string) {
    this.keyring = join(directory, 'keyring.gpg');
    this.#env = { GNUPGHOME: join(directory, 'gnupg') };
  }

  /** Writes dists/CODENAME below the root. */
  async publish({ root, codename, packages }: SuiteSpec): Promise<void> {
    const dists = join(root, 'dists', codename);
    const binary = join(dists, 'main/binary-amd64');
    mkdirSync(binary, { recursive: true });
    const plain = join(binary, 'Packages');
    writeFileSync(plain, packages);
    await runWell(['xz', '-2', '--keep', plain], { timeoutMs: 300_000 });
    const settings = { Origin: 'Bench', Suite: codename, Codename: codename, 'Acquire-By-Hash': 'yes' };
    const options = Object.entries({ ...settings, Architectures: 'amd64', Components: 'main' }).flatMap(
      ([name, value]) => ['-o', `APT::FTPArchive::Release::${name}=${value}`],
    );
    const { stdout } = await runWell(['apt-ftparchive', ...MD5_AND_SHA256, ...options, 'release', dists]);
    // In the Release but not on the mirror, as in Debian.
    rmSync(plain);
    await publishByHash(binary);
    writeFileSync(join(root, 'Release'), stdout);
    renameSync(join(root, 'Release'), join(dists, 'Release'));
    await this.#gpg('--clearsign', '--output', join(dists, 'InRelease'), join(dists, 'Release'));
  }

  /** gpg leaves an agent behind that would live on. */
  async stopAgent(): Promise<void> {
    await runWell(['gpgconf', '--kill', 'gpg-agent'], { env: this.#env });
  }

  #gpg(...args: string[]): Promise<unknown> {
    return runWell(['gpg', '--batch', '--quiet', '--yes', ...args], { env: this.#env });
  }
}

/** The text of Packages for the .debs below root/pool. */
export async function scanPool(root: string): Promise<string> {
  const command = ['apt-ftparchive', ...MD5_AND_SHA256, 'packages', 'pool'];
  return (await runWell(command, { cwd: root, timeoutMs: 300_000 })).stdout;
}

async function publishByHash(directory: string): Promise<void> {
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { name } of files) {
    const path = join(directory, name);
    const bytes = await Bun.file(path).bytes();
    for (const [folder, algorithm] of [['SHA256', 'sha256'] as const, ['MD5Sum', 'md5'] as const]) {
      const hash = new Bun.CryptoHasher(algorithm).update(bytes).digest('hex');
      mkdirSync(join(directory, 'by-hash', folder), { recursive: true });
      copyFileSync(path, join(directory, 'by-hash', folder, hash));
    }
  }
}

/**
 * Builds the Debian package in a copy of the source, as dpkg-buildpackage writes beside its folder and into debian/:
 * dist/debtorrent_VERSION_ARCH.deb with its .buildinfo and .changes. `--arch arm64` for another architecture than this
 * machine's. Without network once node_modules is there (debian/README.source).
 *
 * What is copied is what git knows or would add; node_modules is only linked.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dir, '..');

export interface BuildPackageOptions {
  /** Where the package is put. */
  readonly into: string;
  /** Debian's name; this machine's unless told. */
  readonly arch?: string;
  /** dpkg-deb's compressor, "none" where time counts more than room. */
  readonly compressor?: string;
}

/** Resolves with the path of the .deb. Throws with what dpkg-buildpackage said. */
export async function buildPackage({ into, arch, compressor }: BuildPackageOptions): Promise<string> {
  if (!Bun.which('dpkg-buildpackage') || !Bun.which('dh')) {
    throw new Error('could not build the package: it needs "apt-get install dpkg-dev debhelper"');
  }
  const work = mkdtempSync(join(tmpdir(), 'debtorrent-package-'));
  try {
    const source = join(work, 'debtorrent');
    for (const path of sourceFiles()) {
      mkdirSync(dirname(join(source, path)), { recursive: true });
      cpSync(join(root, path), join(source, path));
    }
    symlinkSync(resolve(root, 'node_modules'), join(source, 'node_modules'));
    // -d: Node may have come from anywhere, and it is there.
    const command = [
      'dpkg-buildpackage',
      '-us',
      '-uc',
      '-b',
      '-d',
      ...(arch === undefined ? [] : [`-a${arch}`]),
    ];
    const env = {
      ...process.env,
      ...(arch !== undefined && { DEB_BUILD_OPTIONS: 'nocheck' }),
      ...(compressor !== undefined && { DPKG_DEB_COMPRESSOR_TYPE: compressor }),
    };
    const child = Bun.spawn(command, { cwd: source, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(`dpkg-buildpackage ended with ${code}:\n${stdout}${stderr}`);
    mkdirSync(into, { recursive: true });
    const built = readdirSync(work).filter((name) => name.startsWith('debtorrent_'));
    for (const name of built) cpSync(join(work, name), join(into, name));
    return join(into, built.find((name) => name.endsWith('.deb')) as string);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function sourceFiles(): string[] {
  const listed = Bun.spawnSync(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  if (listed.exitCode !== 0) throw new Error(`could not list the source's files: ${listed.stderr}`);
  const deleted = new Set(
    Bun.spawnSync(['git', 'ls-files', '-z', '--deleted'], { cwd: root }).stdout.toString().split('\0'),
  );
  return listed.stdout
    .toString()
    .split('\0')
    .filter((path) => path !== '' && path !== 'node_modules' && !deleted.has(path));
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: 'string' } } });
  try {
    const deb = await buildPackage({ into: join(root, 'dist'), ...values });
    console.log(`${deb}: ${(Bun.file(deb).size / 2 ** 20).toFixed(1)} MiB`);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

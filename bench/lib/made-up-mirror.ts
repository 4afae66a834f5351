/**
 * A mirror of as many small packages as a Debian component has: files of made-up bytes under Debian's own paths, with an
 * index and a Release that nobody signed. No apt could install them; nobody who shares them can tell.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** 32 to 96 bytes times this: about 2 KB. */
const STEP = 32;

/** Writes dists/ and pool/ below `root`. Returns the bytes of the pool. */
export function makeUpMirror(root: string, files: number): number {
  let bytes = 0;
  const stanzas: string[] = [];
  for (let i = 0; i < files; i += 1) {
    const source = `package-${(i >> 1).toString(36)}`;
    const name = `${source}-${i & 1}`;
    const path = `pool/main/${'abcdefghijklmnopqrstuvwxyz'[i % 26]}/${source}/${name}_1.0-1_amd64.deb`;
    const content = Buffer.from(`${name}\n`.repeat(STEP + (i % (2 * STEP)))).toString();
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    bytes += content.length;
    stanzas.push(
      `Package: ${name}\nVersion: 1.0-1\nArchitecture: amd64\nFilename: ${path}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`,
    );
  }
  const packages = stanzas.join('\n');
  const dists = join(root, 'dists/bookworm');
  mkdirSync(join(dists, 'main/binary-amd64'), { recursive: true });
  const name = 'main/binary-amd64/Packages';
  const packed = Bun.gzipSync(packages);
  writeFileSync(join(dists, `${name}.gz`), packed);
  writeFileSync(
    join(dists, 'Release'),
    `Origin: Bench\nSuite: bookworm\nCodename: bookworm\nDate: ${new Date().toUTCString()}\nArchitectures: amd64\nComponents: main\nSHA256:\n` +
      ` ${sha256(packages)} ${packages.length} ${name}\n ${sha256(packed)} ${packed.length} ${name}.gz\n`,
  );
  return bytes;
}

function sha256(content: string | Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(content).digest('hex');
}

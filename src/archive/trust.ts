/**
 * What the signature of a Release is worth **here**: whether a public archive's key made it (then its files may be
 * shared), one that only this machine's apt trusts for that source (then it is believed, and kept private), or none
 * of these. It honours Signed-By: a Release that apt would refuse for its source isn't trusted, whoever signed it.
 *
 * A place that no source of this machine names (we serve others) has the public archives' keys only. The sources are
 * read anew for each Release that has to be verified: they are few, and so are those.
 * Source: sources.list(5), apt-secure(8).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AptSource, readAptSources, type SignedBy } from './apt-sources.ts';
import { withoutArmour } from './armour.ts';
import type { Location } from './entry.ts';
import { releasePlace } from './held-release.ts';
import {
  publicKeyrings,
  type ReadRelease,
  readRelease,
  type SignatureVerdict,
  type SignedRelease,
} from './signature.ts';

export interface TrustOptions {
  /** "/etc/apt". */
  readonly aptDirectory?: string;
  /** Default: publicKeyrings(). */
  readonly publicKeyrings?: () => readonly string[];
}

const MAX_KEYRING_BYTES = 4 << 20;

export class Trust {
  readonly #aptDirectory: string;
  readonly #publicKeyrings: () => readonly string[];

  constructor(options: TrustOptions = {}) {
    this.#aptDirectory = options.aptDirectory ?? '/etc/apt';
    this.#publicKeyrings = options.publicKeyrings ?? publicKeyrings;
  }

  /** `at`: of the release file. Throws ProtocolError where no text can be taken out at all. */
  async verify(signed: SignedRelease, at: Location): Promise<ReadRelease> {
    const byPublic = await readRelease(signed, { keyrings: this.#publicKeyrings() });
    const directory = releasePlace(at)?.directory;
    const sources = readAptSources(this.#aptDirectory).filter((source) => source.directory === directory);
    const asked = sources.find(({ signedBy }) => signedBy !== undefined);
    if (asked?.signedBy === undefined && (byPublic.verdict.status === 'public' || sources.length === 0))
      return byPublic;
    const byApt = await this.#byApt(signed, asked);
    return { text: byPublic.text, verdict: together(byPublic.verdict, byApt) };
  }

  /** What apt thinks of it, said as if the keys that it accepts were public. */
  async #byApt(signed: SignedRelease, source: AptSource | undefined): Promise<SignatureVerdict> {
    const signedBy = source?.signedBy;
    const directory = mkdtempSync(join(tmpdir(), 'debtorrent-keyrings-'));
    try {
      const keyrings = this.#keyringsFor(signedBy).flatMap((keyring, i) => binary(keyring, directory, i));
      if (signedBy?.key !== undefined) {
        const path = join(directory, 'inline.gpg');
        writeFileSync(path, withoutArmour(Buffer.from(signedBy.key)));
        keyrings.push({ path, name: 'Signed-By' });
      }
      if (keyrings.length === 0) return { status: 'unknown', reason: 'the keyring of Signed-By is missing' };
      const wanted = signedBy?.fingerprints ?? [];
      const { verdict } = await readRelease(signed, {
        keyrings: keyrings.map(({ path }) => path),
        ...(wanted.length > 0 && { fingerprints: wanted }),
      });
      if (verdict.status !== 'public') return verdict;
      const { name } = keyrings.find(({ path }) => path === verdict.keyring) ?? { name: verdict.keyring };
      return { ...verdict, keyring: name };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  /** Fingerprints are looked for in all that apt trusts; the public archives' keyrings count as such. */
  #keyringsFor(signedBy: SignedBy | undefined): readonly string[] {
    if (signedBy?.key !== undefined || (signedBy && signedBy.keyrings.length > 0)) return signedBy.keyrings;
    return [...trustedKeyrings(this.#aptDirectory), ...(signedBy ? this.#publicKeyrings() : [])];
  }
}

function together(byPublic: SignatureVerdict, byApt: SignatureVerdict): SignatureVerdict {
  if (byApt.status === 'public') {
    return byPublic.status === 'public' ? byPublic : { ...byApt, status: 'private' };
  }
  if (byPublic.status !== 'public')
    return byPublic.status === 'bad' || byApt.status === 'unavailable' ? byPublic : byApt;
  if (byApt.status === 'unavailable') return byApt;
  return {
    status: 'unknown',
    reason: `signed by ${byPublic.fingerprint}, which Signed-By does not name for it`,
  };
}

/** trusted.gpg and trusted.gpg.d: what apt accepts where a source has no Signed-By. */
function trustedKeyrings(aptDirectory: string): string[] {
  const parts = join(aptDirectory, 'trusted.gpg.d');
  let names: string[] = [];
  try {
    names = readdirSync(parts).filter((name) => /\.(?:gpg|asc)$/.test(name));
  } catch {
    // None there.
  }
  return [join(aptDirectory, 'trusted.gpg'), ...names.sort().map((name) => join(parts, name))];
}

/** The keyring as a file that gpgv reads: itself, or a copy without its armour; none when it can't be read. */
function binary(keyring: string, directory: string, i: number): { path: string; name: string }[] {
  try {
    const bytes = readFileSync(keyring);
    if (bytes.length === 0 || bytes.length > MAX_KEYRING_BYTES) return [];
    const plain = withoutArmour(bytes);
    if (plain === bytes) return [{ path: keyring, name: keyring }];
    const path = join(directory, `${i}.gpg`);
    writeFileSync(path, plain);
    return [{ path, name: keyring }];
  } catch {
    return [];
  }
}

/**
 * Says whether a public archive's key signed a Release, by asking Debian's own verifier (gpgv, or sqv where that is
 * absent) in a child process. An InRelease is taken apart first (clearsign.ts) and verified as text and detached
 * signature, as apt does it: what is verified and what is parsed are thus the same bytes, whichever verifier runs.
 *
 * "public" needs at least one good signature with a hash that is still trusted, by a key that is neither expired nor
 * revoked, and no bad one. Whatever can't be decided is not public. Time and output of the child are bounded.
 * Source: gpgv(1), GnuPG doc/DETAILS (--status-fd), sqv(1).
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isClearSigned, splitClearSigned } from './clearsign.ts';

export type SignatureVerdict =
  | {
      /** By the key of a public archive, or by one that only this machine's apt trusts for it (trust.ts). */
      readonly status: 'public' | 'private';
      /** The keyring file that holds the key. */
      readonly keyring: string;
      /** Upper-case hexadecimal; of the primary key (gpgv) or of the key that signed (sqv). */
      readonly fingerprint: string;
    }
  | { readonly status: 'unknown' | 'bad' | 'unavailable'; readonly reason: string };

/** What a mirror gave: an InRelease, or a Release and (perhaps) its Release.gpg. */
export interface SignedRelease {
  readonly release: Uint8Array;
  readonly signature?: Uint8Array;
}

/** The text that may be parsed, and what its signature is worth. */
export interface ReadRelease {
  readonly text: Uint8Array;
  readonly verdict: SignatureVerdict;
}

export interface SignatureOptions {
  /** Keyring files, in the order in which they are named in verdicts. Default: publicKeyrings(). */
  readonly keyrings?: readonly string[];
  /** Only a signature by one of these keys or subkeys counts: upper-case hexadecimal. */
  readonly fingerprints?: readonly string[];
  /** The verifier to run: a path, or a name looked up in PATH. Default: gpgv, else sqv. */
  readonly program?: string;
  readonly timeoutMs?: number;
}

const KEYRING_DIR = '/usr/share/keyrings';
/** Keyrings of archives that anyone may download from, as their packages install them. */
const PUBLIC_KEYRING =
  /^(?:debian-archive-(?!removed).*|debian-ports-archive-keyring(?!-removed)|ubuntu-(?:archive|cloud|cloudimage|dbgsym|master)-keyring|devuan-archive-keyring|devuan-keyring|kali-archive-keyring|raspbian-archive-keyring|raspberrypi-archive-keyring|linuxmint-keyring|pureos-archive-keyring|trisquel-archive-keyring)\.(?:gpg|pgp)$/;
const MAX_SIGNATURE_BYTES = 1 << 20;
const MAX_OUTPUT_BYTES = 256 << 10;
const DEFAULT_TIMEOUT_MS = 10_000;
/** OpenPGP hash algorithms that are no longer proof: MD5, SHA-1, RIPEMD-160 (RFC 9580 §9.5). */
const WEAK_HASHES: ReadonlySet<string> = new Set(['1', '2', '3']);

/** The keyrings of public archives that are installed here; the ones that hold all keys of an archive first. */
export function publicKeyrings(directory = KEYRING_DIR): string[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  const whole = (name: string) => (/-(?:archive-)?keyring\./.test(name) ? 0 : 1);
  const found = names.filter((name) => PUBLIC_KEYRING.test(name));
  // The same keyring may lie there under both suffixes (one a link to the other).
  const single = found.filter(
    (name) => !(name.endsWith('.pgp') && found.includes(name.replace(/pgp$/, 'gpg'))),
  );
  return single.sort((a, b) => whole(a) - whole(b) || (a < b ? -1 : 1)).map((name) => join(directory, name));
}

/**
 * Takes the signed text out and verifies it. A signature that isn't good is a verdict, not an error; throws
 * ProtocolError only where no text can be taken out at all.
 */
export async function readRelease(
  signed: SignedRelease,
  options: SignatureOptions = {},
): Promise<ReadRelease> {
  if (isClearSigned(signed.release)) {
    const { text, signature } = splitClearSigned(signed.release);
    return { text, verdict: await verifyDetached(text, signature, options) };
  }
  if (signed.signature === undefined) {
    return { text: signed.release, verdict: { status: 'unknown', reason: 'it is not signed' } };
  }
  return { text: signed.release, verdict: await verifyDetached(signed.release, signed.signature, options) };
}

/** Verifies a detached signature (binary or armoured) over `text`. Never throws. */
export async function verifyDetached(
  text: Uint8Array,
  signature: Uint8Array,
  options: SignatureOptions = {},
): Promise<SignatureVerdict> {
  if (signature.length > MAX_SIGNATURE_BYTES) return { status: 'bad', reason: 'its signature is too long' };
  const keyrings = options.keyrings ?? publicKeyrings();
  if (keyrings.length === 0)
    return { status: 'unavailable', reason: 'no keyring of a public archive is installed' };
  const program = options.program ?? Bun.which('gpgv') ?? Bun.which('sqv');
  if (!program) return { status: 'unavailable', reason: 'neither gpgv nor sqv is installed' };
  let directory: string;
  try {
    directory = mkdtempSync(join(tmpdir(), 'debtorrent-verify-'));
  } catch (error) {
    return { status: 'unavailable', reason: `could not write a temporary file: ${messageOf(error)}` };
  }
  try {
    writeFileSync(join(directory, 'text'), text, { mode: 0o600 });
    writeFileSync(join(directory, 'text.sig'), signature, { mode: 0o600 });
    const { fingerprints, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const check = { program, directory, timeoutMs, ...(fingerprints && { fingerprints }) };
    const outcome = await runVerifier(check, keyrings);
    if (!('fingerprint' in outcome)) return outcome;
    return {
      status: 'public',
      keyring: await keyringOf(outcome.fingerprint, check, keyrings),
      fingerprint: outcome.fingerprint,
    };
  } catch (error) {
    return { status: 'unavailable', reason: `could not run ${program}: ${messageOf(error)}` };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Check {
  readonly program: string;
  readonly directory: string;
  readonly timeoutMs: number;
  readonly fingerprints?: readonly string[];
}

type Outcome = { readonly fingerprint: string } | Exclude<SignatureVerdict, { status: 'public' | 'private' }>;

/** gpgv doesn't say which keyring held the key: the first that suffices alone is named. */
async function keyringOf(fingerprint: string, check: Check, keyrings: readonly string[]): Promise<string> {
  if (keyrings.length > 1) {
    for (const keyring of keyrings) {
      const outcome = await runVerifier(check, [keyring]);
      if ('fingerprint' in outcome && outcome.fingerprint === fingerprint) return keyring;
    }
  }
  return keyrings[0] as string;
}

async function runVerifier(check: Check, keyrings: readonly string[]): Promise<Outcome> {
  const { program, directory, timeoutMs } = check;
  const sqv = /(?:^|\/)sqv$/.test(program);
  const named = keyrings.flatMap((keyring) => ['--keyring', keyring]);
  const files = [join(directory, 'text.sig'), join(directory, 'text')];
  const own = sqv ? [] : ['--homedir', directory, '--status-fd', '1'];
  const child = Bun.spawn([program, ...own, ...named, ...files], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', HOME: directory },
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const output = await boundedText(child.stdout, () => child.kill('SIGKILL'));
    const code = await child.exited;
    if (timedOut)
      return { status: 'unavailable', reason: `${program} did not answer within ${timeoutMs} ms` };
    if (output === undefined) return { status: 'bad', reason: `${program} said too much` };
    return sqv ? readSqv(output, code, check.fingerprints) : readGpgvStatus(output, check.fingerprints);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads gpgv's status lines; of good signatures only those by `wanted` keys count, if given. Exported for its tests. */
export function readGpgvStatus(output: string, wanted?: readonly string[]): Outcome {
  let fingerprint: string | undefined;
  let good = false;
  let bad: string | undefined;
  let missing = false;
  for (const line of output.split('\n')) {
    if (!line.startsWith('[GNUPG:] ')) continue;
    const [keyword, ...args] = line.slice(9).trimEnd().split(' ');
    if (keyword === 'NEWSIG') good = false;
    else if (keyword === 'GOODSIG') good = true;
    else if (keyword === 'BADSIG') bad = 'a signature is bad';
    else if (keyword === 'NO_PUBKEY') missing = true;
    else if (keyword === 'EXPKEYSIG') bad ??= 'the key that signed it has expired';
    else if (keyword === 'REVKEYSIG') return { status: 'bad', reason: 'the key that signed it is revoked' };
    else if (keyword === 'EXPSIG') bad ??= 'its signature has expired';
    else if (keyword === 'VALIDSIG' && good) {
      good = false;
      const primary = args[9] ?? args[0] ?? '';
      if (wanted && ![primary, args[0] ?? ''].some((key) => wanted.includes(key))) {
        missing = true;
        continue;
      }
      if (WEAK_HASHES.has(args[7] ?? '')) bad ??= 'its signature uses a hash that is no longer trusted';
      else if (/^[0-9A-F]{40,64}$/.test(primary)) fingerprint ??= primary;
    }
  }
  if (bad === 'a signature is bad') return { status: 'bad', reason: bad };
  if (fingerprint !== undefined) return { fingerprint };
  if (bad !== undefined) return { status: 'bad', reason: bad };
  if (missing) return { status: 'unknown', reason: 'no public archive key signed it' };
  return { status: 'bad', reason: 'it has no signature that can be verified' };
}

/** sqv prints the fingerprint of each good signature's key and exits 0 when there is one. */
function readSqv(output: string, code: number, wanted?: readonly string[]): Outcome {
  const all = output.match(/^[0-9A-F]{40,64}$/gm) ?? [];
  const fingerprint = all.find((key) => wanted === undefined || wanted.includes(key));
  if (code === 0 && fingerprint !== undefined) return { fingerprint };
  return { status: 'unknown', reason: 'no public archive key signed it' };
}

/** Everything the child says, or undefined when it says too much (`stop` is called then). */
async function boundedText(
  stream: ReadableStream<Uint8Array>,
  stop: () => void,
): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) {
      stop();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A key that apt accepts for it, or a public archive's, signed it. */
export function isTrusted({ status }: SignatureVerdict): boolean {
  return status === 'public' || status === 'private';
}

/** A verdict in words, for logs. */
export function verdictText(verdict: SignatureVerdict): string {
  return 'fingerprint' in verdict ? `signed by ${verdict.fingerprint}` : verdict.reason;
}

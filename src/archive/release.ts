/**
 * A Release file as facts: who made it, when, until when it holds, and which index has which SHA-256 and size.
 * It decides what the signed text says; whether the signature is good is signature.ts's business, and InRelease is
 * taken apart in clearsign.ts first. Names are kept as one map into flat arrays. The weaker digests (MD5Sum, SHA1)
 * and SHA512 serve only to find the entry behind a by-hash path; what is true of it is its SHA-256.
 * Format: https://wiki.debian.org/DebianRepository/Format. Throws ProtocolError and nothing else. Pure.
 */
import { ProtocolError } from '../lib/errors.ts';
import { parseSha256, type Sha256, sha256FromBytes, sha256ToBytes } from '../lib/sha256.ts';
import { parseStanza } from './control.ts';

/** apt itself takes no longer one (Acquire::MaxReleaseFileSize). */
export const MAX_RELEASE_BYTES = 10_000_000;
/** Ten times what the largest archives name. */
const MAX_FILES = 50_000;
const MAX_NAME_LENGTH = 512;
const MAX_TEXT_LENGTH = 200;

/** The directory names below by-hash/, as apt asks for them, and the digits each digest has. */
const BY_HASH_DIGITS: Readonly<Record<string, number>> = { MD5Sum: 32, SHA1: 40, SHA256: 64, SHA512: 128 };

export interface ReleaseFile {
  /** Relative to the Release file's own directory: "main/binary-amd64/Packages.xz". */
  readonly name: string;
  readonly key: Sha256;
  readonly sizeBytes: number;
}

export class Release {
  readonly origin: string | undefined;
  readonly label: string | undefined;
  readonly suite: string | undefined;
  readonly codename: string | undefined;
  /** Milliseconds since 1970; undefined where not stated or not a date. */
  readonly dateMs: number | undefined;
  readonly validUntilMs: number | undefined;
  readonly architectures: readonly string[];
  readonly components: readonly string[];
  readonly acquireByHash: boolean;
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #keys: Uint8Array;
  readonly #sizes: Float64Array;
  /** Lower-case digest of any kind → number of the file. Kinds differ in length. */
  readonly #digests = new Map<string, number>();

  /** Use parseRelease(). */
  constructor(fields: ReadonlyMap<string, string>) {
    const lists = fields.get('sha256');
    if (lists === undefined) throw new ProtocolError('a Release file has no SHA256 list');
    this.origin = text(fields.get('origin'));
    this.label = text(fields.get('label'));
    this.suite = text(fields.get('suite'));
    this.codename = text(fields.get('codename'));
    this.dateMs = date(fields.get('date'));
    this.validUntilMs = date(fields.get('valid-until'));
    this.architectures = words(fields.get('architectures'));
    this.components = words(fields.get('components'));
    this.acquireByHash = fields.get('acquire-by-hash')?.toLowerCase() === 'yes';
    const keys: Sha256[] = [];
    const sizes: number[] = [];
    for (const { digest, sizeBytes, name } of listLines(lists, 64)) {
      const key = parseSha256(digest);
      if (key === undefined || this.#numbers.has(name)) continue;
      if (keys.length === MAX_FILES)
        throw new ProtocolError(`a Release file names more than ${MAX_FILES} files`);
      this.#numbers.set(name, keys.length);
      if (!this.#digests.has(key)) this.#digests.set(key, keys.length);
      this.#names.push(name);
      keys.push(key);
      sizes.push(sizeBytes);
    }
    this.#keys = new Uint8Array(keys.length * 32);
    for (const [i, key] of keys.entries()) this.#keys.set(sha256ToBytes(key), i * 32);
    this.#sizes = Float64Array.from(sizes);
    for (const [field, digits] of [
      ['md5sum', 32],
      ['sha1', 40],
      ['sha512', 128],
    ] as const) {
      for (const { digest, sizeBytes, name } of listLines(fields.get(field) ?? '', digits)) {
        const number = this.#numbers.get(name);
        if (number === undefined || this.#sizes[number] !== sizeBytes) continue;
        if (!this.#digests.has(digest)) this.#digests.set(digest, number);
      }
    }
  }

  /** Number of files that the SHA256 list names. */
  get size(): number {
    return this.#names.length;
  }

  names(): readonly string[] {
    return this.#names;
  }

  file(name: string): ReleaseFile | undefined {
    const number = this.#numbers.get(name);
    return number === undefined ? undefined : this.#file(number);
  }

  /** The file behind …/by-hash/<kind>/<digest>; kinds are MD5Sum, SHA1, SHA256 and SHA512. */
  fileByHash(kind: string, digest: string): ReleaseFile | undefined {
    if (!Object.hasOwn(BY_HASH_DIGITS, kind) || digest.length !== BY_HASH_DIGITS[kind]) return undefined;
    const number = this.#digests.get(digest.toLowerCase());
    return number === undefined ? undefined : this.#file(number);
  }

  /**
   * By plain name or by-hash path, both relative to the Release file's directory. Where several names have the same
   * content, a by-hash path means the one in its own directory.
   */
  resolve(path: string): ReleaseFile | undefined {
    const byHash = /^((?:.*\/)?)by-hash\/([A-Za-z0-9]+)\/([0-9a-fA-F]+)$/.exec(path);
    if (!byHash) return this.file(path);
    const [, directory, kind, digest] = byHash as unknown as [string, string, string, string];
    const first = this.fileByHash(kind, digest);
    if (first === undefined || directoryOf(first.name) === directory) return first;
    const same = this.#names.find(
      (name) => directoryOf(name) === directory && this.file(name)?.key === first.key,
    );
    return same === undefined ? first : this.file(same);
  }

  #file(number: number): ReleaseFile {
    return {
      name: this.#names[number] as string,
      key: sha256FromBytes(this.#keys.subarray(number * 32, number * 32 + 32)),
      sizeBytes: this.#sizes[number] as number,
    };
  }
}

const FIELDS = [
  'Origin',
  'Label',
  'Suite',
  'Codename',
  'Date',
  'Valid-Until',
  'Architectures',
  'Components',
  'Acquire-By-Hash',
  'MD5Sum',
  'SHA1',
  'SHA256',
  'SHA512',
] as const;

/** Parses the text of a Release file, or the signed text of an InRelease. Throws ProtocolError. */
export function parseRelease(signedText: Uint8Array): Release {
  if (signedText.length > MAX_RELEASE_BYTES)
    throw new ProtocolError('a Release file is longer than apt would take it');
  const limits = { maxFieldBytes: MAX_RELEASE_BYTES, maxStanzaBytes: MAX_RELEASE_BYTES + 1 };
  return new Release(parseStanza(signedText, FIELDS, limits));
}

/** The "digest size name" lines of one list. What doesn't look like one is passed over. */
function* listLines(
  list: string,
  digits: number,
): Generator<{ digest: string; sizeBytes: number; name: string }> {
  for (const line of list.split('\n')) {
    const [digest, size, name, ...more] = line.trim().split(/[ \t]+/);
    if (digest === undefined || size === undefined || name === undefined || more.length > 0) continue;
    if (digest.length !== digits || !/^[0-9a-fA-F]+$/.test(digest) || !/^\d{1,15}$/.test(size)) continue;
    const plain = name.replace(/^(?:\.\/)+/, '');
    if (!isPlainPath(plain)) continue;
    yield { digest: digest.toLowerCase(), sizeBytes: Number(size), name: plain };
  }
}

function directoryOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}

function isPlainPath(name: string): boolean {
  if (name === '' || name.length > MAX_NAME_LENGTH) return false;
  return name.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

function text(value: string | undefined): string | undefined {
  const plain = value?.replace(/\s+/g, ' ').trim();
  return plain ? plain.slice(0, MAX_TEXT_LENGTH) : undefined;
}

function words(value: string | undefined): string[] {
  return (value ?? '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, 1000);
}

function date(value: string | undefined): number | undefined {
  const ms = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isFinite(ms) ? ms : undefined;
}

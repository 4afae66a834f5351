/** Real keys, real gpgv, an /etc/apt of the test's own. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { withoutArmour } from '../../src/archive/armour.ts';
import { Trust } from '../../src/archive/trust.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { bytesOf, locationOf, releaseText } from './samples.ts';

const HOUR_MS = 3_600_000;
const TEXT = releaseText({ files: { 'main/binary-amd64/Packages': bytesOf('x') } });
const AT = locationOf('apt.example.org/debian/dists/bookworm/InRelease');

interface Key {
  readonly key: openpgp.PrivateKey;
  readonly binary: string;
  readonly armoured: string;
  readonly text: string;
  readonly fingerprint: string;
  readonly subkey: string;
}

let directory: TempDir;
let etc: string;
let debian: Key;
let company: Key;
let trust: Trust;

async function makeKey(name: string): Promise<Key> {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name }],
    format: 'object',
    subkeys: [{ sign: true }],
    date: new Date(Date.now() - 24 * HOUR_MS),
  });
  const [binary, armoured] = [join(directory.path, `${name}.gpg`), join(directory.path, `${name}.asc`)];
  writeFileSync(binary, publicKey.write());
  writeFileSync(armoured, publicKey.armor());
  const subkey = publicKey.getSubkeys()[0]?.getFingerprint().toUpperCase() ?? '';
  const fingerprint = publicKey.getFingerprint().toUpperCase();
  return { key: privateKey, binary, armoured, text: publicKey.armor(), fingerprint, subkey };
}

async function signedBy({ key }: Key) {
  const message = await openpgp.createCleartextMessage({ text: TEXT });
  const date = new Date(Date.now() - HOUR_MS);
  return { release: bytesOf((await openpgp.sign({ message, signingKeys: key, date })) as string) };
}

beforeAll(async () => {
  directory = tempDir('trust');
  etc = join(directory.path, 'apt');
  debian = await makeKey('debian');
  company = await makeKey('company');
  trust = new Trust({ aptDirectory: etc, publicKeyrings: () => [debian.binary] });
});
afterAll(() => directory[Symbol.dispose]());
beforeEach(() => {
  rmSync(etc, { recursive: true, force: true });
  mkdirSync(join(etc, 'trusted.gpg.d'), { recursive: true });
});

const sources = (text: string) => writeFileSync(join(etc, 'sources.list'), text);
const line = (signed: string) => `deb [signed-by=${signed}] http://apt.example.org/debian bookworm main\n`;
const verdictOf = async (key: Key, at = AT) => (await trust.verify(await signedBy(key), at)).verdict;

describe('Trust.verify() where no source of this machine names the place', () => {
  test('a public archive key makes it public, no other key is worth anything', async () => {
    expect(await verdictOf(debian)).toEqual({
      status: 'public',
      keyring: debian.binary,
      fingerprint: debian.fingerprint,
    });
    writeFileSync(join(etc, 'trusted.gpg.d/company.asc'), company.text);
    expect((await verdictOf(company)).status).toBe('unknown');
  });
});

describe('Trust.verify() honours Signed-By', () => {
  test('a public key that it names is public', async () => {
    sources(line(debian.binary));
    expect((await verdictOf(debian)).status).toBe('public');
  });

  test("another archive's Release is not trusted there, though a public key signed it", async () => {
    sources(line(company.binary));
    const verdict = await verdictOf(debian);
    expect(verdict.status).toBe('unknown');
    expect(verdict).toMatchObject({ reason: expect.stringContaining('Signed-By') });
    expect(
      (await verdictOf(debian, locationOf('elsewhere.example.org/debian/dists/bookworm/InRelease'))).status,
    ).toBe('public');
  });

  test.each<[string, () => string]>([
    ['a keyring', () => company.binary],
    ['an armoured keyring', () => company.armoured],
    ['one of several keyrings', () => `${debian.binary},${company.binary}`],
  ])('a private key in %s is trusted, and private', async (_, named) => {
    sources(line(named()));
    expect(await verdictOf(company)).toMatchObject({ status: 'private', fingerprint: company.fingerprint });
  });

  test('a key in the source itself', async () => {
    mkdirSync(join(etc, 'sources.list.d'));
    const inline = company.text
      .trim()
      .split('\n')
      .map((row) => ` ${row.trim() || '.'}`)
      .join('\n');
    writeFileSync(
      join(etc, 'sources.list.d/company.sources'),
      `Types: deb\nURIs: https://apt.example.org/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n${inline}\n`,
    );
    expect(await verdictOf(company)).toEqual({
      status: 'private',
      keyring: 'Signed-By',
      fingerprint: company.fingerprint,
    });
    expect((await verdictOf(debian)).status).toBe('unknown');
  });

  test('fingerprints, of the key or of the subkey that signs, among the keys that apt trusts', async () => {
    writeFileSync(join(etc, 'trusted.gpg.d/company.asc'), company.text);
    for (const fingerprint of [company.fingerprint, `${company.subkey}!`]) {
      sources(line(fingerprint));
      expect(await verdictOf(company)).toMatchObject({ status: 'private', fingerprint: company.fingerprint });
    }
    sources(line(debian.fingerprint));
    expect((await verdictOf(company)).status).toBe('unknown');
    expect((await verdictOf(debian)).status).toBe('public');
  });

  test('a keyring that is missing makes nothing trusted', async () => {
    sources(line(join(directory.path, 'missing.gpg')));
    expect((await verdictOf(debian)).status).toBe('unknown');
  });
});

describe('Trust.verify() of a source without Signed-By', () => {
  test('what only trusted.gpg.d has is private', async () => {
    sources('deb http://apt.example.org/debian bookworm main\n');
    expect((await verdictOf(company)).status).toBe('unknown');
    writeFileSync(join(etc, 'trusted.gpg.d/company.asc'), company.text);
    expect((await verdictOf(company)).status).toBe('private');
    expect((await verdictOf(debian)).status).toBe('public');
  });

  test('a changed text is bad', async () => {
    sources('deb http://apt.example.org/debian bookworm main\n');
    const { release } = await signedBy(debian);
    const changed = bytesOf(Buffer.from(release).toString().replace('Suite: stable', 'Suite: sid'));
    expect((await trust.verify({ release: changed }, AT)).verdict.status).toBe('bad');
  });
});

describe('withoutArmour()', () => {
  test('gives the keys of all blocks, and binary keyrings as they are', async () => {
    const keys = await Promise.all([debian, company].map(({ binary }) => Bun.file(binary).bytes()));
    expect(
      Buffer.compare(withoutArmour(bytesOf(`${debian.text}\n${company.text}`)), Buffer.concat(keys)),
    ).toBe(0);
    const [binary] = keys as [Uint8Array];
    expect(withoutArmour(binary)).toBe(binary);
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { publicKeyrings, readGpgvStatus, readRelease } from '../../src/archive/signature.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { bytesOf, fakeInRelease, releaseText } from './samples.ts';

const HOUR_MS = 3_600_000;
const TEXT = releaseText({ files: { 'main/binary-amd64/Packages': bytesOf('x') } });

interface Key {
  readonly key: openpgp.PrivateKey;
  readonly keyring: string;
  readonly fingerprint: string;
}

let directory: TempDir;
let archive: Key;
let stranger: Key;
let expired: Key;

async function makeKey(name: string, ageHours: number, lifeHours = 0): Promise<Key> {
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name }],
    format: 'object',
    date: new Date(Date.now() - ageHours * HOUR_MS),
    keyExpirationTime: lifeHours * 3600,
  });
  const keyring = join(directory.path, `${name}.gpg`);
  writeFileSync(keyring, publicKey.write());
  return { key: privateKey, keyring, fingerprint: publicKey.getFingerprint().toUpperCase() };
}

async function inRelease(
  text: string,
  keys: readonly Key[],
  date = new Date(Date.now() - HOUR_MS),
): Promise<Uint8Array> {
  const message = await openpgp.createCleartextMessage({ text });
  return bytesOf((await openpgp.sign({ message, signingKeys: keys.map(({ key }) => key), date })) as string);
}

async function detached(text: string, { key }: Key): Promise<Uint8Array> {
  const message = await openpgp.createMessage({ binary: bytesOf(text) });
  const date = new Date(Date.now() - HOUR_MS);
  return bytesOf((await openpgp.sign({ message, signingKeys: key, detached: true, date })) as string);
}

beforeAll(async () => {
  directory = tempDir('signature');
  archive = await makeKey('archive', 24);
  stranger = await makeKey('stranger', 24);
  expired = await makeKey('expired', 48, 24);
});
afterAll(() => directory[Symbol.dispose]());

describe('readRelease() with gpgv', () => {
  test('an InRelease signed by a key of the keyring is public, its text is the signed one', async () => {
    const { text, verdict } = await readRelease(
      { release: await inRelease(TEXT, [archive]) },
      { keyrings: [archive.keyring] },
    );
    expect(verdict).toEqual({ status: 'public', keyring: archive.keyring, fingerprint: archive.fingerprint });
    expect(Buffer.from(text).toString().trimEnd()).toBe(TEXT.trimEnd());
  });

  test('dashes and white space at line ends do not disturb it', async () => {
    const odd = 'Origin: X  \n-Dash: 1\nFrom: x\t\n\nSHA256:\n';
    const { verdict } = await readRelease(
      { release: await inRelease(odd, [archive]) },
      { keyrings: [archive.keyring] },
    );
    expect(verdict.status).toBe('public');
  });

  test('names the keyring that holds the key', async () => {
    const keyrings = [stranger.keyring, archive.keyring];
    const { verdict } = await readRelease({ release: await inRelease(TEXT, [archive]) }, { keyrings });
    expect(verdict).toMatchObject({ status: 'public', keyring: archive.keyring });
  });

  test('a second signature by an unknown key does not matter', async () => {
    const { verdict } = await readRelease(
      { release: await inRelease(TEXT, [stranger, archive]) },
      { keyrings: [archive.keyring] },
    );
    expect(verdict).toMatchObject({ status: 'public', fingerprint: archive.fingerprint });
  });

  test('Release with Release.gpg is public', async () => {
    const signature = await detached(TEXT, archive);
    const { verdict } = await readRelease(
      { release: bytesOf(TEXT), signature },
      { keyrings: [archive.keyring] },
    );
    expect(verdict.status).toBe('public');
  });

  test('a signature by a key that is in no keyring is unknown', async () => {
    const release = await inRelease(TEXT, [stranger]);
    expect((await readRelease({ release }, { keyrings: [archive.keyring] })).verdict.status).toBe('unknown');
  });

  test('a Release without a signature is unknown', async () => {
    expect(
      (await readRelease({ release: bytesOf(TEXT) }, { keyrings: [archive.keyring] })).verdict.status,
    ).toBe('unknown');
  });

  test('one changed character is bad', async () => {
    const signed = Buffer.from(await inRelease(TEXT, [archive])).toString();
    const release = bytesOf(signed.replace('Codename: bookworm', 'Codename: bookwurm'));
    expect((await readRelease({ release }, { keyrings: [archive.keyring] })).verdict.status).toBe('bad');
    const signature = await detached(TEXT, archive);
    const other = await readRelease(
      { release: bytesOf(`${TEXT} `), signature },
      { keyrings: [archive.keyring] },
    );
    expect(other.verdict.status).toBe('bad');
  });

  test('an expired key is bad', async () => {
    const release = await inRelease(TEXT, [expired], new Date(Date.now() - 30 * HOUR_MS));
    expect((await readRelease({ release }, { keyrings: [expired.keyring] })).verdict.status).toBe('bad');
  });

  test('what is no signature at all is bad', async () => {
    expect(
      (await readRelease({ release: fakeInRelease(TEXT) }, { keyrings: [archive.keyring] })).verdict.status,
    ).toBe('bad');
    const garbage = { release: bytesOf(TEXT), signature: bytesOf('garbage') };
    expect((await readRelease(garbage, { keyrings: [archive.keyring] })).verdict.status).toBe('bad');
    const long = { release: bytesOf(TEXT), signature: new Uint8Array(2 << 20) };
    expect((await readRelease(long, { keyrings: [archive.keyring] })).verdict.status).toBe('bad');
  });

  test('unsigned lines around the signed ones are a ProtocolError', async () => {
    const signed = await inRelease(TEXT, [archive]);
    const release = Buffer.concat([signed, bytesOf('Origin: Evil\n')]);
    await expect(readRelease({ release }, { keyrings: [archive.keyring] })).rejects.toBeInstanceOf(
      ProtocolError,
    );
  });

  test('leaves no temporary file', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('debtorrent-verify-'));
    await readRelease({ release: await inRelease(TEXT, [archive]) }, { keyrings: [archive.keyring] });
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('debtorrent-verify-'))).toEqual(before);
  });
});

describe('readRelease() where no verdict can be had is unavailable', () => {
  const verdictOf = async (options: Parameters<typeof readRelease>[1]) =>
    (await readRelease({ release: fakeInRelease(TEXT) }, { keyrings: [archive.keyring], ...options }))
      .verdict;
  const program = (name: string, script: string) => {
    const path = join(directory.path, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  test('no keyring', async () => {
    expect((await verdictOf({ keyrings: [] })).status).toBe('unavailable');
  });

  test('no verifier', async () => {
    expect((await verdictOf({ program: join(directory.path, 'missing') })).status).toBe('unavailable');
  });

  test('a verifier that hangs', async () => {
    expect((await verdictOf({ program: program('hang', 'exec sleep 600'), timeoutMs: 50 })).status).toBe(
      'unavailable',
    );
  });

  test('but one that never stops talking is bad', async () => {
    expect((await verdictOf({ program: program('talk', 'exec yes') })).status).toBe('bad');
  });

  test("and sqv's word is a fingerprint and exit code 0", async () => {
    const fingerprint = 'AB'.repeat(20);
    expect(await verdictOf({ program: program('sqv', `echo ${fingerprint}`) })).toMatchObject({
      status: 'public',
      fingerprint,
    });
    expect((await verdictOf({ program: program('sqv', `echo ${fingerprint}; exit 1`) })).status).toBe(
      'unknown',
    );
    expect((await verdictOf({ program: program('sqv', 'exit 0') })).status).toBe('unknown');
  });
});

describe('readGpgvStatus()', () => {
  const F = 'A'.repeat(40);
  const P = 'B'.repeat(40);
  const valid = (hash: number) => `[GNUPG:] VALIDSIG ${F} 2026-01-01 1 0 4 0 22 ${hash} 01 ${P}`;
  const good = `[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG ${F} x\n`;

  test('names the primary key', () => {
    expect(readGpgvStatus(good + valid(8))).toEqual({ fingerprint: P });
  });

  test.each([
    ['a hash that is no longer trusted', good + valid(2)],
    ['a valid but not good signature', `[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG ${F} x\n${valid(8)}`],
    ['a revoked key', `[GNUPG:] NEWSIG\n[GNUPG:] REVKEYSIG ${F} x\n${valid(8)}`],
    ['a revoked key beside a good one', `${good + valid(8)}\n[GNUPG:] NEWSIG\n[GNUPG:] REVKEYSIG ${F} x\n`],
    ['a bad signature beside a good one', `${good + valid(8)}\n[GNUPG:] NEWSIG\n[GNUPG:] BADSIG ${F} x\n`],
    ['an expired signature', `[GNUPG:] NEWSIG\n[GNUPG:] EXPSIG ${F} x\n${valid(8)}`],
    ['lines that are no status lines', `GOODSIG ${F} x\n${valid(8).slice(9)}`],
    ['nothing', ''],
  ])('%s is bad', (_, output) => {
    expect(readGpgvStatus(output)).toMatchObject({ status: 'bad' });
  });

  test('good beside expired is good: archives sign with several keys', () => {
    expect(
      readGpgvStatus(`[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG ${F} x\n${valid(8)}\n${good}${valid(10)}`),
    ).toEqual({ fingerprint: P });
  });

  test('a missing key alone is unknown', () => {
    expect(readGpgvStatus(`[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG ${F}\n[GNUPG:] NO_PUBKEY ${F}\n`)).toMatchObject({
      status: 'unknown',
    });
  });
});

test("publicKeyrings() takes public archives' keyrings only, those with all keys first", () => {
  using keyrings = tempDir('keyrings');
  const names = [
    'debian-archive-bookworm-stable.gpg',
    'debian-archive-keyring.gpg',
    'debian-archive-keyring.pgp',
    'debian-archive-removed-keys.gpg',
    'debian-archive-trixie-stable.pgp',
    'ubuntu-archive-keyring.gpg',
    'ubuntu-archive-removed-keys.gpg',
    'ubuntu-dbgsym-keyring.gpg',
    'ubuntu-oem-keyring.gpg',
    'nodesource.gpg',
    'docker.gpg',
    'debian-archive-keyring.gpg.old',
  ];
  for (const name of names) writeFileSync(join(keyrings.path, name), '');
  expect(publicKeyrings(keyrings.path).map((path) => path.slice(keyrings.path.length + 1))).toEqual([
    'debian-archive-keyring.gpg',
    'ubuntu-archive-keyring.gpg',
    'ubuntu-dbgsym-keyring.gpg',
    'debian-archive-bookworm-stable.gpg',
    'debian-archive-trixie-stable.pgp',
  ]);
  expect(publicKeyrings(join(keyrings.path, 'missing'))).toEqual([]);
});

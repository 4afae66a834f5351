import { describe, expect, test } from 'bun:test';
import * as openpgp from 'openpgp';
import { isClearSigned, splitClearSigned } from '../../src/archive/clearsign.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { bytesOf, fakeInRelease, randomInts } from './samples.ts';

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const GOOD = textOf(fakeInRelease('Origin: Debian\nSHA256:\n abc 1 x\n'));

describe('splitClearSigned()', () => {
  test('gives the signed text without its last newline, and the signature', () => {
    const { text, signature } = splitClearSigned(bytesOf(GOOD));
    expect(textOf(text)).toBe('Origin: Debian\nSHA256:\n abc 1 x');
    expect(textOf(signature)).toBe(
      '-----BEGIN PGP SIGNATURE-----\n\nAAAA\n=AAAA\n-----END PGP SIGNATURE-----\n',
    );
  });

  test('undoes dash-escapes and white space at line ends, as what signs does', () => {
    const { text } = splitClearSigned(fakeInRelease('A: 1 \t\r\n- -dash\n- From x\n- \nB: \xa02\n'));
    expect(textOf(text)).toBe('A: 1\n-dash\nFrom x\n\nB: \xc2\xa02');
  });

  test('takes CR LF', () => {
    expect(textOf(splitClearSigned(bytesOf(GOOD.replaceAll('\n', '\r\n'))).text)).toBe(
      'Origin: Debian\nSHA256:\n abc 1 x',
    );
  });

  test('takes what an OpenPGP implementation made', async () => {
    const { privateKey } = await openpgp.generateKey({
      type: 'ecc',
      userIDs: [{ name: 'x' }],
      format: 'object',
    });
    const text = 'Origin: X\n-dashed: 1\nSHA256:\n a 1 b\n';
    const signed = await openpgp.sign({
      message: await openpgp.createCleartextMessage({ text }),
      signingKeys: privateKey,
    });
    expect(`${textOf(splitClearSigned(bytesOf(signed as string)).text)}\n`).toBe(`${text}\n`);
  });

  test.each([
    ['text before the message', `Origin: Evil\n${GOOD}`],
    ['an empty line before the message', `\n${GOOD}`],
    ['text behind the signature', `${GOOD}Origin: Evil\n`],
    ['a second message behind the first', GOOD + GOOD],
    [
      'a second signature block',
      GOOD.replace(
        '-----END PGP SIGNATURE-----\n',
        '-----BEGIN PGP SIGNATURE-----\n\nBB\n-----END PGP SIGNATURE-----\n',
      ),
    ],
    ['a header that is none', GOOD.replace('Hash: SHA256', 'Origin: Evil')],
    ['a line that is not dash-escaped', GOOD.replace('SHA256:\n', '-SHA256:\n')],
    ['a message that begins again', GOOD.replace('SHA256:\n', '-----BEGIN PGP SIGNED MESSAGE-----\n')],
    ['a NUL', GOOD.replace('SHA256:\n', 'SHA256:\0\n')],
    ['no signature', GOOD.slice(0, GOOD.indexOf('-----BEGIN PGP SIGNATURE'))],
    ['a signature cut short', GOOD.slice(0, -10)],
    ['nothing', ''],
  ])('%s is a ProtocolError', (_, file) => {
    expect(() => splitClearSigned(Buffer.from(file, 'latin1'))).toThrow(ProtocolError);
  });

  test('arbitrary edits give a result or a ProtocolError', () => {
    const int = randomInts(3);
    const lines = GOOD.split('\n');
    for (let round = 0; round < 2000; round += 1) {
      const edited = [...lines];
      for (let edits = 1 + int(3); edits > 0; edits -= 1) {
        edited.splice(int(edited.length), int(3), ...(int(2) ? [lines[int(lines.length)] as string] : []));
      }
      try {
        splitClearSigned(Buffer.from(edited.join('\n'), 'latin1'));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });
});

test('isClearSigned() tells an InRelease from a Release', () => {
  expect(isClearSigned(bytesOf(GOOD))).toBe(true);
  expect(isClearSigned(bytesOf('Origin: Debian\n'))).toBe(false);
  expect(isClearSigned(bytesOf(''))).toBe(false);
});

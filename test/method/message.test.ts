import { describe, expect, test } from 'bun:test';
import {
  decodeMessage,
  encodeMessage,
  fieldOf,
  MESSAGE_MAX_BYTES,
  type Message,
  MessageFramer,
} from '../../src/method/message.ts';
import { random } from '../bencode/random.ts';

const ACQUIRE = '600 URI Acquire\nURI: debtorrent+http://ftp.de.debian.org/debian/a\nFilename: /tmp/a\n\n';
const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('MessageFramer', () => {
  test('gives each message once it is whole, however it was cut', () => {
    const all = bytes(`601 Configuration\nConfig-Item: a=1\nConfig-Item: b=2\n\n\n${ACQUIRE}`);
    const whole = new MessageFramer().push(all);
    expect(whole.map((message) => (message as Message).code)).toEqual([601, 600]);
    for (let size = 1; size < 40; size += 1) {
      const framer = new MessageFramer();
      const found = [];
      for (let at = 0; at < all.length; at += size) found.push(...framer.push(all.subarray(at, at + size)));
      expect(found).toEqual(whole);
    }
  });

  test('keeps bytes as they are, so that any file name comes through', () => {
    const name = Buffer.from([0x2f, 0xe4, 0xff, 0x80]).toString('latin1');
    const [message] = new MessageFramer().push(bytes(encodeMessage(600, 'URI Acquire', { Filename: name })));
    expect(fieldOf(message as Message, 'filename')).toBe(name);
  });

  test('leaves out what is too long, says so once, and goes on with the next', () => {
    const framer = new MessageFramer();
    const found = [];
    for (let sent = 0; sent < MESSAGE_MAX_BYTES + 200_000; sent += 65_536) {
      found.push(...framer.push(Buffer.alloc(65_536, 'x')));
    }
    found.push(...framer.push(bytes('\n')), ...framer.push(bytes(`\n${ACQUIRE}`)));
    expect(found).toMatchObject([{ garbled: expect.stringContaining('longer') }, { code: 600 }]);
  });

  test('a line that is no field spoils its own message only', () => {
    const found = new MessageFramer().push(bytes(`600 URI Acquire\n no field\n\nhello\n\n${ACQUIRE}`));
    expect(found).toMatchObject([
      { garbled: expect.any(String) },
      { garbled: expect.any(String) },
      { code: 600 },
    ]);
  });

  test('never throws, whatever comes, and always gets to the next message', () => {
    const { int } = random(7);
    const alphabet = '600 URI Acquire\nURI: x\n\n\0\xff:%';
    for (let round = 0; round < 3000; round += 1) {
      const framer = new MessageFramer();
      const text = Array.from({ length: int(80) }, () => alphabet[int(alphabet.length)]).join('');
      const noise = int(3) === 0 ? `${ACQUIRE.slice(0, int(ACQUIRE.length))}${text}` : text;
      framer.push(bytes(noise));
      expect(framer.push(bytes(`\n\n${ACQUIRE}`)).at(-1)).toMatchObject({ code: 600, words: 'URI Acquire' });
    }
  });
});

describe('encodeMessage()', () => {
  test('what it writes is read as it was, for any values on one line', () => {
    const { int } = random(11);
    for (let round = 0; round < 1000; round += 1) {
      const value = () =>
        Array.from({ length: int(30) }, () => String.fromCharCode(33 + int(94), 160 + int(96))).join(' ');
      const fields = Object.fromEntries(Array.from({ length: int(6) }, (_, i) => [`Field-${i}`, value()]));
      const text = encodeMessage(100 + int(900), 'Some Words', fields);
      const message = decodeMessage(text.slice(0, -2)) as Message;
      expect(Object.fromEntries(message.fields)).toEqual(fields);
      expect(encodeMessage(message.code, message.words, Object.fromEntries(message.fields))).toBe(text);
    }
  });

  test('no value can begin a line of its own', () => {
    const text = encodeMessage(400, 'URI Failure', { Message: 'bad\n\n201 URI Done\r\nURI: x', URI: 'u' });
    expect(text).toBe('400 URI Failure\nMessage: bad 201 URI Done URI: x\nURI: u\n\n');
  });

  test('fields without a value are left out', () => {
    expect(encodeMessage(200, 'URI Start', { URI: 'u', Size: undefined })).toBe('200 URI Start\nURI: u\n\n');
  });
});

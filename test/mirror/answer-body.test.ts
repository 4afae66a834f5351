import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { AnswerBody } from '../../src/mirror/answer-body.ts';
import type { BodyLength } from '../../src/mirror/answer-head.ts';

/** What comes out when `text` comes in parts of so many bytes. */
function taken(length: BodyLength, text: string, partBytes = text.length) {
  const body = new AnswerBody(length);
  let payload = '';
  let behind = '';
  for (let at = 0; at < text.length; at += Math.max(1, partBytes)) {
    const rest = body.push(Buffer.from(text.slice(at, at + partBytes), 'latin1'), (part) => {
      payload += Buffer.from(part).toString('latin1');
    });
    behind += Buffer.from(rest).toString('latin1');
  }
  return { payload, behind, ended: body.hasEnded, left: body.leftBytes, mayEnd: body.endsWithConnection };
}

const CHUNKED = '5\r\nhello\r\n1;a="b"\r\n \r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nHTTP/1.1';

describe('AnswerBody.push()', () => {
  test.each([1, 2, 3, 7, 1000])('takes chunks out of parts of %d bytes', (partBytes) => {
    expect(taken('chunked', CHUNKED, partBytes)).toEqual({
      payload: 'hello 0123456789',
      behind: 'HTTP/1.1',
      ended: true,
      left: 0,
      mayEnd: true,
    });
  });

  test.each([1, 2, 1000])('takes so many bytes out of parts of %d', (partBytes) => {
    expect(taken(5, 'hello, world', partBytes)).toMatchObject({
      payload: 'hello',
      behind: ', world',
      ended: true,
    });
    expect(taken(50, 'hello', partBytes)).toMatchObject({
      payload: 'hello',
      ended: false,
      left: 45,
      mayEnd: false,
    });
  });

  test('takes all there is until the connection ends', () => {
    expect(taken('until-close', 'hello', 2)).toEqual({
      payload: 'hello',
      behind: '',
      ended: false,
      left: 0,
      mayEnd: true,
    });
  });

  test('a body of nothing has ended before anything came', () => {
    expect(new AnswerBody(0).hasEnded).toBe(true);
    expect(taken(0, 'x')).toMatchObject({ payload: '', behind: 'x' });
  });

  test('chunks that do not end leave the body open', () => {
    for (let to = 0; to < CHUNKED.indexOf('HTTP'); to += 1)
      expect(taken('chunked', CHUNKED.slice(0, to))).toMatchObject({ ended: false, mayEnd: false });
  });

  test.each([
    'x\r\n',
    '\r\n',
    '-1\r\n',
    '5\r\nhelloX\r\n',
    'fffffffffffff\r\n',
    `1;${'x'.repeat(5000)}`,
    `0\r\n${'a: b\r\n'.repeat(200)}`,
  ])('refuses %j', (text) => {
    expect(() => taken('chunked', text, 100)).toThrow(ProtocolError);
  });
});

import { describe, expect, test } from 'bun:test';
import { encode } from '../../src/bencode/encode.ts';
import type { BInputDict } from '../../src/bencode/value.ts';
import { decodeKrpc, MAX_NODES_HEARD, MAX_VALUES_HEARD } from '../../src/discovery/krpc.ts';
import { ProtocolError } from '../../src/lib/errors.ts';

const ID = new Uint8Array(20).fill(0x61);
const HASH = new Uint8Array(20).fill(0x62);
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const query = (q: string, a: BInputDict, more: BInputDict = {}) => ({
  t: 'aa',
  y: 'q',
  q,
  a: { id: ID, ...a },
  ...more,
});
const answer = (r: BInputDict, more: BInputDict = {}) => ({ t: 'aa', y: 'r', r: { id: ID, ...r }, ...more });
const decode = (message: BInputDict) => decodeKrpc(encode(message));

describe('decodeKrpc() reads', () => {
  test("BEP 5's own examples", () => {
    const ping = decodeKrpc(bytes('d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe'));
    expect(ping).toEqual({
      kind: 'query',
      transaction: bytes('aa'),
      method: 'ping',
      id: bytes('abcdefghij0123456789'),
      readOnly: false,
      fields: {},
    });
    const nodes = decodeKrpc(bytes('d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re'));
    expect(nodes).toMatchObject({ kind: 'answer', nodes: [] });
    const values = decodeKrpc(
      bytes('d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re'),
    );
    expect(values).toMatchObject({ values: [bytes('axje.u'), bytes('idhtnm')], token: bytes('aoeusnth') });
    const error = decodeKrpc(bytes('d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee'));
    expect(error).toEqual({ kind: 'error', transaction: bytes('aa'), code: 201 });
  });

  test('an announcement with a port, and with the one that it comes from', () => {
    const own = { info_hash: HASH, token: 'x', port: 4001 };
    expect(decode(query('announce_peer', own))).toMatchObject({ fields: { port: 4001, implied_port: 0 } });
    const implied = { info_hash: HASH, token: 'x', implied_port: 1 };
    expect(decode(query('announce_peer', implied))).toMatchObject({ fields: { port: 0, implied_port: 1 } });
  });

  test('who is read-only (BEP 43), and our own address (BEP 42)', () => {
    expect(decode(query('ping', {}, { ro: 1 }))).toMatchObject({ readOnly: true });
    expect(decode(answer({}, { ip: bytes('\x01\x02\x03\x04\x1a\xe1') }))).toMatchObject({
      ourAddress: Uint8Array.of(1, 2, 3, 4),
    });
    expect(decode(answer({}, { ip: new Uint8Array(18) }))).toMatchObject({ ourAddress: undefined });
  });

  test('some nodes and values of many, and none that are of another length', () => {
    const heard = decode(
      answer({
        nodes: new Uint8Array(26 * 40),
        values: [
          new Uint8Array(5),
          new Uint8Array(18),
          ...Array.from({ length: 60 }, () => new Uint8Array(6)),
        ],
      }),
    );
    if (heard.kind !== 'answer') throw new Error('no answer');
    expect([heard.nodes.length, heard.values.length]).toEqual([MAX_NODES_HEARD, MAX_VALUES_HEARD]);
  });
});

describe('decodeKrpc() refuses', () => {
  const refused: [string, BInputDict][] = [
    ['a query without arguments', { t: 'aa', y: 'q', q: 'ping' }],
    ['an id that is a number', { t: 'aa', y: 'q', q: 'ping', a: { id: 1 } }],
    ['a short id', { t: 'aa', y: 'q', q: 'ping', a: { id: 'short' } }],
    ['a target that is a list', query('find_node', { target: [] })],
    ['an info-hash that is a number', query('get_peers', { info_hash: 5 })],
    ['a token that is a number', query('announce_peer', { info_hash: HASH, token: 7, port: 1 })],
    ['no token', query('announce_peer', { info_hash: HASH, port: 1 })],
    ['port 0', query('announce_peer', { info_hash: HASH, token: 'x', port: 0 })],
    ['port 65536', query('announce_peer', { info_hash: HASH, token: 'x', port: 65536 })],
    ['an unknown method', query('put', { v: 'x' })],
    ['an answer without its body', { t: 'aa', y: 'r' }],
    ['nodes that are a number', answer({ nodes: 9 })],
    ['values that are a dictionary', answer({ values: {} })],
    ['a transaction that is a number', { t: 1, y: 'q', q: 'ping', a: { id: ID } }],
    ['a transaction of 21 bytes', { t: 'x'.repeat(21), y: 'q', q: 'ping', a: { id: ID } }],
    ['another kind', { t: 'aa', y: 'z' }],
    ['an error that is none', { t: 'aa', y: 'e', e: 'text' }],
  ];
  test.each(refused)('%s', (_name, message) => {
    expect(() => decode(message)).toThrow(ProtocolError);
  });

  test('anything else, by a ProtocolError and nothing else', () => {
    let seed = 7;
    const draw = (below: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    const sound = encode(answer({ nodes: new Uint8Array(52), values: [new Uint8Array(6)], token: 'x' }));
    for (let i = 0; i < 3_000; i += 1) {
      const torn = Uint8Array.from(sound);
      for (let n = draw(4); n >= 0; n -= 1) torn[draw(torn.length)] = draw(256);
      try {
        decodeKrpc(torn.subarray(0, draw(4) === 0 ? draw(torn.length) : torn.length));
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

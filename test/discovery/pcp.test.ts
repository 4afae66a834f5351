import { describe, expect, test } from 'bun:test';
import {
  decodePcpAnswer,
  encodeNatPmpAddress,
  encodeNatPmpMap,
  encodePcpMap,
} from '../../src/discovery/pcp.ts';
import { ProtocolError } from '../../src/lib/errors.ts';

const nonce = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
const REQUEST = {
  transport: 'TCP',
  nonce,
  localAddress: '192.168.1.5',
  localPort: 9989,
  outerPort: 9989,
  lifetimeSeconds: 7_200,
} as const;
const zeros = (count: number) => '00'.repeat(count);

describe('PCP and NAT-PMP', () => {
  test('a MAP request is that of RFC 6887 §7.1 and §11.1', () => {
    const header = `0201000000001c20${zeros(10)}ffffc0a80105`;
    const map = `0102030405060708090a0b0c060000002705${'2705'}${zeros(10)}ffff00000000`;
    expect(encodePcpMap(REQUEST).toHex()).toBe(header + map);
    expect(encodePcpMap({ ...REQUEST, transport: 'UDP' })[36]).toBe(17);
  });

  test('requests of NAT-PMP are those of RFC 6886 §3.2 to §3.4', () => {
    expect(encodeNatPmpAddress().toHex()).toBe('0000');
    expect(encodeNatPmpMap(REQUEST).toHex()).toBe('000200002705270500001c20');
    expect(encodeNatPmpMap({ ...REQUEST, transport: 'UDP' }).toHex()).toBe('000100002705270500001c20');
    expect(encodeNatPmpMap({ ...REQUEST, lifetimeSeconds: 0 }).toHex()).toBe('000200002705000000000000');
  });

  test('answers are read, and refusals told', () => {
    const mapped = `0281000000000e10${zeros(16)}${nonce.toHex()}0600000027059c40${zeros(10)}ffffc6336407`;
    const decode = (hex: string) => decodePcpAnswer(Uint8Array.fromHex(hex), REQUEST);
    expect(decode(mapped)).toEqual({
      kind: 'mapped',
      outerAddress: '198.51.100.7',
      outerPort: 40_000,
      lifetimeSeconds: 3_600,
    });
    expect(() => decode(mapped.replace('02810000', '02810002'))).toThrow('refused: not authorised');
    expect(() => decode(mapped.replace('02810000', '028100ff'))).toThrow('refused: result 255');
    expect(decode('028100010000000000000000')).toEqual({ kind: 'other-version' });
    expect(decode('0080000100000009')).toEqual({ kind: 'other-version' });
    expect(decode('0080000000000009c6336407')).toEqual({ kind: 'address', outerAddress: '198.51.100.7' });
    expect(decode('008200000000000927059c4000000e10')).toEqual({
      kind: 'mapped',
      outerPort: 40_000,
      lifetimeSeconds: 3_600,
    });
    expect(() => decode('008200030000000927059c4000000e10')).toThrow(
      'refused: the router has no address itself',
    );
    expect(() => decode('008200000000000927069c4000000e10')).toThrow('an answer to another');
  });

  test('whatever comes is an answer or a ProtocolError', () => {
    let state = 12_345;
    const next = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    };
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = Uint8Array.from({ length: next() % 70 }, () => next() & 255);
      if (round % 2)
        bytes.set([round % 4 === 1 ? 0 : 2, 0x80 + (next() % 3), 0, next() % 4].slice(0, bytes.length));
      try {
        decodePcpAnswer(bytes, REQUEST);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

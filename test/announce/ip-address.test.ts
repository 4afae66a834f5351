import { describe, expect, test } from 'bun:test';
import { isIP } from 'node:net';
import { formatIp, parseIp } from '../../src/announce/ip-address.ts';
import { randomBytes, seeded } from './samples.ts';

describe('parseIp()', () => {
  const good: Record<string, string> = {
    '192.0.2.1': 'c0000201',
    '0.0.0.0': '00000000',
    '::': '00'.repeat(16),
    '::1': `${'00'.repeat(15)}01`,
    '2001:DB8::a': '20010db800000000000000000000000a',
    '1:2:3:4:5:6:7:8': '00010002000300040005000600070008',
    '1::': `0001${'00'.repeat(14)}`,
    '64:ff9b::192.0.2.1': '0064ff9b0000000000000000c0000201',
    '::ffff:192.0.2.1': 'c0000201',
    '::ffff:c000:201': 'c0000201',
  };
  for (const [text, hex] of Object.entries(good)) {
    test(`reads ${text}`, () => {
      expect(parseIp(text)?.toHex()).toBe(hex);
    });
  }

  const bad = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.4 ',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
  ];
  bad.push(
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    '1.2.3.4::',
    'fe80::1%eth0',
    '::1.2.3',
    'localhost',
  );
  for (const text of bad) {
    test(`refuses ${text || 'nothing'}`, () => {
      expect(parseIp(text)).toBeUndefined();
    });
  }

  test('agrees with the platform on arbitrary text that looks like an address', () => {
    const draw = seeded(1);
    const parts = ['::', ':', '.', '0', '1', 'ff', 'abcd', '255', '256', '1.2.3.4', '12345'];
    for (let round = 0; round < 20_000; round += 1) {
      const text = Array.from({ length: 1 + draw(12) }, () => parts[draw(parts.length)]).join('');
      expect(parseIp(text) !== undefined).toBe(isIP(text) !== 0);
    }
  });
});

describe('formatIp()', () => {
  const texts = [
    '192.0.2.1',
    '::',
    '::1',
    '1::',
    '2001:db8::a',
    '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1::1',
    'fe80::1:0:0:1',
  ];
  for (const text of texts) {
    test(`writes ${text} as RFC 5952 has it`, () => {
      expect(formatIp(parseIp(text) as Uint8Array)).toBe(text);
    });
  }

  test('is read back by parseIp(), whatever the bytes', () => {
    const draw = seeded(2);
    for (let round = 0; round < 2000; round += 1) {
      const bytes = randomBytes(draw, draw(2) ? 16 : 4).map((byte) => (draw(3) ? byte : 0));
      expect(parseIp(formatIp(bytes))).toEqual(bytes);
    }
  });

  test('refuses 5 bytes', () => {
    expect(() => formatIp(new Uint8Array(5))).toThrow(RangeError);
  });
});

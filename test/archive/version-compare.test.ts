import { describe, expect, test } from 'bun:test';
import { compareVersions } from '../../src/archive/version-compare.ts';
import { randomInts } from './samples.ts';

const ASCENDING = [
  '0~~',
  '0~',
  '0',
  '0a',
  '0+',
  '1.0~rc1-1',
  '1.0-1~bpo12+1',
  '1.0-1',
  '1.0-1ubuntu1',
  '1.0-1+b1',
  '1.0-1+deb12u2',
  '1.0-1.1',
  '1.0a-1',
  '1.0+dfsg-1',
  '1.0.1-1',
  '1.2',
  '1.10',
  '1:0.1',
  '2:0',
];

describe('compareVersions()', () => {
  test('orders these as dpkg does', () => {
    for (const [i, a] of ASCENDING.entries()) {
      for (const [j, b] of ASCENDING.entries())
        expect([a, b, Math.sign(compareVersions(a, b))]).toEqual([a, b, Math.sign(i - j)]);
    }
  });

  test.each([
    ['1.0', '1.00'],
    ['1.0', '0:1.0'],
    ['1.0', '1.0-0'],
    ['1.0-', '1.0'],
  ])('%s is the same as %s', (a, b) => expect(compareVersions(a, b)).toBe(0));

  test('a number of any length counts by its value', () => {
    expect(compareVersions('1.99999999999999999998', '1.99999999999999999999')).toBeLessThan(0);
  });

  test('says what dpkg --compare-versions says, of hundreds of odd versions', () => {
    const int = randomInts(11);
    const alphabet = ['0', '1', '9', '10', 'a', 'Z', '.', '+', '~', '~~', '-', '00'];
    const version = () =>
      `${int(4) === 0 ? `${int(3)}:` : ''}${int(10)}${Array.from({ length: int(6) }, () => alphabet[int(alphabet.length)]).join('')}${int(2)}`;
    const pairs = Array.from({ length: 150 }, () => [version(), version()] as const);
    const script = pairs
      .map(
        ([a, b]) =>
          `dpkg --compare-versions '${a}' lt '${b}' && echo -1 || { dpkg --compare-versions '${a}' gt '${b}' && echo 1 || echo 0; }`,
      )
      .join('\n');
    const { stdout } = Bun.spawnSync(['sh', '-c', script]);
    const said = stdout.toString().trim().split('\n').map(Number);
    expect(pairs.map(([a, b]) => [a, b, Math.sign(compareVersions(a, b)) + 0])).toEqual(
      pairs.map(([a, b], i) => [a, b, said[i] as number]),
    );
  });
});

import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findUpgradesHere } from '../../src/archive/upgrades.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

interface Stanza {
  readonly name: string;
  readonly version: string;
  readonly architecture?: string;
  /** Installed: dpkg's; listed: Phased-Update-Percentage. */
  readonly state?: string;
}

const installed = ({ name, version, architecture = 'amd64', state = 'install ok installed' }: Stanza) =>
  `Package: ${name}\nStatus: ${state}\nArchitecture: ${architecture}\nVersion: ${version}\n`;
const listed = ({ name, version, architecture = 'amd64', state }: Stanza) =>
  `Package: ${name}\nArchitecture: ${architecture}\nVersion: ${version}\n${state === undefined ? '' : `Phased-Update-Percentage: ${state}\n`}Filename: pool/${name}_${version}_${architecture}.deb\nSize: 10\nSHA256: ${'ab'.repeat(32)}\n`;

async function upgradesOf(have: readonly Stanza[], ...lists: (readonly Stanza[])[]): Promise<string[]> {
  using directory = tempDir('upgrades');
  const status = join(directory.path, 'status');
  writeFileSync(status, [{ name: 'dpkg', version: '1.21' }, ...have].map(installed).join('\n'));
  const paths = lists.map((stanzas, i) => {
    const path = join(directory.path, `Packages-${i}`);
    const text = stanzas.map(listed).join('\n');
    writeFileSync(path, i === 0 ? text : Bun.gzipSync(text));
    return path;
  });
  return (await findUpgradesHere(status, paths)).map(({ list, path }) => `${list} ${path}`);
}

const HELLO = { name: 'hello', version: '1.0-1' };

describe('findUpgradesHere()', () => {
  test('finds the newest version of what is installed, in whichever list', async () => {
    const newer = [
      { ...HELLO, version: '1.0-2' },
      { name: 'other', version: '9' },
    ];
    const newest = [
      { ...HELLO, version: '1.0-3' },
      { ...HELLO, version: '1.0-2+b1' },
    ];
    expect(await upgradesOf([HELLO], newer, newest)).toEqual(['1 pool/hello_1.0-3_amd64.deb']);
  });

  test.each<[string, Stanza, Stanza]>([
    ['what is as new or newer here', HELLO, HELLO],
    ['what is held', { ...HELLO, state: 'hold ok installed' }, { ...HELLO, version: '2' }],
    ['what is removed', { ...HELLO, state: 'deinstall ok config-files' }, { ...HELLO, version: '2' }],
    ['what is half installed', { ...HELLO, state: 'install ok half-configured' }, { ...HELLO, version: '2' }],
    ['what is being phased in', HELLO, { ...HELLO, version: '2', state: '40' }],
    ['another architecture', HELLO, { ...HELLO, version: '2', architecture: 'i386' }],
    [
      'another architecture than all',
      { ...HELLO, architecture: 'all' },
      { ...HELLO, version: '2', architecture: 'i386' },
    ],
  ])('leaves out %s', async (_, have, offered) => {
    expect(await upgradesOf([have], [offered])).toEqual([]);
  });

  test.each<[string, Stanza, Stanza]>([
    [
      'a foreign architecture that is installed',
      { ...HELLO, architecture: 'i386' },
      { ...HELLO, version: '2', architecture: 'i386' },
    ],
    ['what is for all from now on', HELLO, { ...HELLO, version: '2', architecture: 'all' }],
    ['what was for all', { ...HELLO, architecture: 'all' }, { ...HELLO, version: '2' }],
    ['what is phased in wholly', HELLO, { ...HELLO, version: '2', state: '100' }],
  ])('finds %s', async (_, have, offered) => {
    expect(await upgradesOf([have], [offered])).toHaveLength(1);
  });
});

/** deb822 parsing of bookworm main's Packages: the fields that a catalogue is made of, in chunks as they are unpacked. */
import { ControlScanner, type ControlSink } from '../../src/archive/control.ts';
import { aptLists } from '../lib/apt-lists.ts';
import { type Figure, timeOf } from './figure.ts';

const FIELDS = ['Filename', 'Size', 'SHA256'];
const CHUNK_BYTES = 64 * 1024;

export async function controlFigures(): Promise<Figure[]> {
  const [list] = aptLists();
  if (!list) return [];
  const { packages } = list;
  let stanzas = 0;
  const sink: ControlSink = {
    onField() {},
    onStanza() {
      stanzas += 1;
    },
  };
  const ms = await timeOf(() => {
    stanzas = 0;
    const scanner = new ControlScanner(FIELDS, sink);
    for (let at = 0; at < packages.length; at += CHUNK_BYTES)
      scanner.push(packages.subarray(at, at + CHUNK_BYTES));
    scanner.end();
  });
  return [
    { name: `deb822: ${stanzas} stanzas, ${FIELDS.join(', ')}`, value: ms, unit: 'ms' },
    { name: 'deb822: the same', value: packages.length / 1000 / ms, unit: 'MB/s' },
  ];
}

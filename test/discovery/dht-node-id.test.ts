import { expect, test } from 'bun:test';
import { isNodeIdAt, nodeIdAt } from '../../src/discovery/dht-node-id.ts';

/** The example vectors of BEP 42. */
const VECTORS: [address: string, id: string][] = [
  ['124.31.75.21', '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
  ['21.75.31.124', '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
  ['65.23.51.170', 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
  ['84.124.73.14', '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
  ['43.213.53.83', 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
];
const bytesOf = (address: string) => Uint8Array.from(address.split('.'), Number);

test.each(VECTORS)('isNodeIdAt() takes the id of %s, and not at the next address', (address, hex) => {
  const id = Uint8Array.fromHex(hex);
  expect(isNodeIdAt(id, bytesOf(address))).toBe(true);
  const other = bytesOf(address);
  other[3] = (other[3] as number) ^ 1;
  expect(isNodeIdAt(id, other)).toBe(false);
});

test.each(VECTORS)('nodeIdAt() binds 21 bits to %s and leaves the others to chance', (address, hex) => {
  const random = Uint8Array.fromHex(hex);
  const id = nodeIdAt(bytesOf(address), random);
  expect(id.toHex()).toBe(hex);
  const others = Uint8Array.from(random);
  others[10] = 0xff;
  expect(nodeIdAt(bytesOf(address), others)[10]).toBe(0xff);
  expect(isNodeIdAt(nodeIdAt(bytesOf(address), others), bytesOf(address))).toBe(true);
});

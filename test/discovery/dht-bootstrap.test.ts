import { expect, test } from 'bun:test';
import { resolveNodes } from '../../src/discovery/dht-bootstrap.ts';

test('resolveNodes() takes addresses as they are, names over IPv4, and leaves out what has no address', async () => {
  const nodes = [
    { host: 'name.invalid', port: 1 },
    { host: '192.0.2.1', port: 2 },
    { host: 'localhost', port: 3 },
  ];
  expect(await resolveNodes(nodes)).toEqual([
    { host: '192.0.2.1', port: 2 },
    { host: '127.0.0.1', port: 3 },
  ]);
});

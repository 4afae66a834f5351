import { expect, test } from 'bun:test';
import { listensOf } from '../../src/config/listens.ts';
import { formatHostPort, parseHostPort } from '../../src/lib/host-port.ts';

const at = (text: string) => parseHostPort(text, { port: 1 }) as { host: string; port: number };

test.each([
  ['127.0.0.1:9988', undefined, ['127.0.0.1:9988']],
  ['127.0.0.1:9988', '0.0.0.0:3142', ['127.0.0.1:9988', '0.0.0.0:3142']],
  ['127.0.0.1:3142', '0.0.0.0:3142', ['0.0.0.0:3142']],
  ['0.0.0.0:3142', '192.0.2.7:3142', ['0.0.0.0:3142']],
  ['[::]:3142', '0.0.0.0:3142', ['[::]:3142']],
  ['[::1]:3142', '0.0.0.0:3142', ['[::1]:3142', '0.0.0.0:3142']],
  ['127.0.0.1:3142', '192.0.2.7:3142', ['127.0.0.1:3142', '192.0.2.7:3142']],
  ['127.0.0.1:0', '127.0.0.1:0', ['127.0.0.1:0', '127.0.0.1:0']],
])('listen %s and findable %s: the sockets %j', (listen, findable, expected) => {
  const listens = listensOf({
    listen: at(listen),
    findable: findable === undefined ? undefined : at(findable),
  });
  expect(listens.map(formatHostPort)).toEqual(expected);
});

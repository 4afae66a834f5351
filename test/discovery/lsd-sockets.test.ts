/** On loopback, which carries multicast for everybody; the real interfaces' turn is in test/system/lan.test.ts. */
import { expect, test } from 'bun:test';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { LocalInterface } from '../../src/discovery/local-interfaces.ts';
import type { LsdPort } from '../../src/discovery/lsd.ts';
import { openLsdSockets } from '../../src/discovery/lsd-sockets.ts';
import { eventually } from '../fixtures/eventually.ts';

const LO: LocalInterface = {
  name: 'lo',
  addresses: [{ family: 4, address: '127.0.0.1', prefixBits: 8 }],
};

interface Station extends Disposable {
  readonly port: LsdPort;
  readonly heard: string[];
}

function station(listenHost = '::', interfaces = () => [LO]): Station {
  const heard: string[] = [];
  const open = openLsdSockets(listenHost, interfaces);
  const port = open((datagram, host) => heard.push(`${new TextDecoder().decode(datagram)} of ${host}`));
  port.refresh();
  return { port, heard, [Symbol.dispose]: () => port[Symbol.dispose]() };
}

/** Says it until `hears` has it: the sockets may not be open yet. */
async function reaches(from: Station, text: string, hears: Station): Promise<void> {
  await eventually(`${text} is heard`, () => {
    from.port.send(() => [new TextEncoder().encode(text)]);
    return hears.heard.includes(`${text} of 127.0.0.1`);
  });
}

test('two programs of one machine share the port, and hear each other and themselves', async () => {
  using a = station();
  using b = station('0.0.0.0');
  await reaches(a, `a-${process.pid}`, b);
  await reaches(b, `b-${process.pid}`, a);
  await reaches(a, `self-${process.pid}`, a);
  expect(a.port.interfaces).toEqual(['lo']);
});

test('what is said before the sockets are open is said when they are', async () => {
  using hearer = station();
  await reaches(hearer, `open-${process.pid}`, hearer);
  using a = station();
  a.port.send((group) => [new TextEncoder().encode(`first-${process.pid} to ${group}`)]);
  const expected = `first-${process.pid} to 239.192.152.143:6771 of 127.0.0.1`;
  await eventually('it is heard', () => hearer.heard.includes(expected));
});

test('what is sent to this machine alone is not heard', async () => {
  using a = station();
  await reaches(a, `before-${process.pid}`, a);
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.send(`alone-${process.pid}`, 6771, '127.0.0.1');
  await reaches(a, `after-${process.pid}`, a);
  expect(a.heard.filter((text) => text.startsWith('alone'))).toEqual([]);
  socket.close();
});

test('nothing is announced where we could not be dialled', () => {
  using a = station('192.0.2.1');
  expect(a.port.interfaces).toEqual([]);
  using b = station('127.0.0.1');
  expect(b.port.interfaces).toEqual(['lo']);
});

test('deaf until the next refresh', async () => {
  using a = station();
  using b = station();
  await reaches(b, `one-${process.pid}`, a);
  a.port.deafen();
  a.heard.length = 0;
  await reaches(b, `two-${process.pid}`, b);
  expect(a.heard).toEqual([]);
  expect(a.port.refresh()).toBe(false);
  await reaches(b, `three-${process.pid}`, a);
});

test('interfaces come and go', async () => {
  let there = [LO];
  using a = station('::', () => there);
  using b = station();
  await reaches(b, `here-${process.pid}`, a);
  there = [];
  expect(a.port.refresh()).toBe(false);
  expect(a.port.interfaces).toEqual([]);
  expect(a.port.isOnSegment('127.0.0.1')).toBe(false);
  there = [LO];
  expect(a.port.refresh()).toBe(true);
  await reaches(b, `again-${process.pid}`, a);
  await reaches(a, `and-back-${process.pid}`, b);
});

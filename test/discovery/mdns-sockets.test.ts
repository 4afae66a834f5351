/** On loopback, which carries multicast for everybody; a real segment's turn is in test/system/mdns.test.ts. */
import { expect, test } from 'bun:test';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { LocalInterface } from '../../src/discovery/local-interfaces.ts';
import type { MdnsPort } from '../../src/discovery/mdns.ts';
import { openMdnsSockets } from '../../src/discovery/mdns-sockets.ts';
import { eventually } from '../fixtures/eventually.ts';

const LO: LocalInterface = {
  name: 'lo',
  addresses: [{ family: 4, address: '127.0.0.1', prefixBits: 8 }],
};

interface Station extends Disposable {
  readonly port: MdnsPort;
  readonly heard: string[];
}

function station(listenHost = '0.0.0.0', interfaces = () => [LO]): Station {
  const heard: string[] = [];
  const open = openMdnsSockets(listenHost, interfaces);
  const port = open((datagram, host) => heard.push(`${new TextDecoder().decode(datagram)} of ${host}`));
  port.refresh();
  return { port, heard, [Symbol.dispose]: () => port[Symbol.dispose]() };
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** Says it until `hears` has it: the sockets may not be open yet. */
async function reaches(from: Station, text: string, hears: Station): Promise<void> {
  await eventually(`${text} is heard`, () => {
    const [segment] = from.port.segments;
    if (segment) void from.port.send(segment, bytes(text));
    return hears.heard.includes(`${text} of 127.0.0.1`);
  });
}

test('two programs of one machine share the port, and hear each other', async () => {
  using a = station();
  using b = station('127.0.0.1');
  await reaches(a, `a-${process.pid}`, b);
  await reaches(b, `b-${process.pid}`, a);
  expect(a.port.segments).toEqual([{ name: 'lo', addresses: ['127.0.0.1'] }]);
});

test('what is said comes from port 5353, or nobody would take it for an answer', async () => {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind({ address: '224.0.0.251', port: 5353 });
  await once(socket, 'listening');
  socket.addMembership('224.0.0.251', '127.0.0.1');
  const ports = new Set<number>();
  socket.on('message', (datagram, { port }) => {
    if (datagram.toString() === `port-${process.pid}`) ports.add(port);
  });
  using a = station();
  await eventually('it is heard', () => {
    const [segment] = a.port.segments;
    if (segment) void a.port.send(segment, bytes(`port-${process.pid}`));
    return ports.size > 0;
  });
  socket.close();
  expect([...ports]).toEqual([5353]);
});

test('what is sent before the sockets are open has left when send() resolves, and so has the last word', async () => {
  using hearer = station();
  await reaches(hearer, `open-${process.pid}`, hearer);
  {
    using a = station();
    const [segment] = a.port.segments;
    if (segment) await a.port.send(segment, bytes(`last-${process.pid}`));
  }
  await eventually('it is heard', () => hearer.heard.includes(`last-${process.pid} of 127.0.0.1`));
});

test('interfaces where the service is not to be had are no segments; those that come later are news', () => {
  let all: LocalInterface[] = [LO];
  using a = station('192.0.2.7', () => all);
  expect(a.port.segments).toEqual([]);
  const eth0: LocalInterface = {
    name: 'eth0',
    addresses: [
      { family: 4, address: '192.0.2.7', prefixBits: 24 },
      { family: 6, address: '2001:db8::7', prefixBits: 64 },
    ],
  };
  all = [LO, eth0];
  expect(a.port.refresh()).toEqual([{ name: 'eth0', addresses: ['192.0.2.7'] }]);
  expect(a.port.refresh()).toEqual([]);
  expect(a.port.segmentOf('192.0.2.200')?.name).toBe('eth0');
  expect(a.port.segmentOf('198.51.100.1')).toBeUndefined();
});

test('a closed one says nothing, and does not fail', async () => {
  const a = station();
  const [segment] = a.port.segments;
  a[Symbol.dispose]();
  if (segment) await a.port.send(segment, bytes('nothing'));
});

/**
 * Our local discovery and libtorrent's (Debian's python3-libtorrent), on machines of one bridge: ours hears its
 * announces, and it dials what ours announces. Ours runs in this very process, on the bridge's device only.
 */
import { expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { localInterfaces } from '../../src/discovery/local-interfaces.ts';
import { Lsd } from '../../src/discovery/lsd.ts';
import { openLsdSockets } from '../../src/discovery/lsd-sockets.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { formatHostPort } from '../../src/lib/host-port.ts';
import { atEnd } from '../fixtures/at-end.ts';
import { eventually } from '../fixtures/eventually.ts';
import { type Machine, Network } from '../fixtures/network.ts';
import { PLAIN_ENV, run } from '../fixtures/run.ts';

const INFO_HASH = 'b3d5ab0ebd164fc000776e9f18808cdbf76bb51a';
/** Debian's own: only it has Debian's modules. */
const PYTHON = '/usr/bin/python3';
const PROGRAM = join(import.meta.dir, '../fixtures/libtorrent-lsd.py');

/** A session of libtorrent on `machine`, in the swarm. */
async function libtorrent({ prefix, address }: Machine): Promise<AsyncDisposable> {
  if ((await run([PYTHON, '-c', 'import libtorrent'])).code !== 0)
    throw new Error("this needs Debian's package python3-libtorrent");
  const child = Bun.spawn([...prefix, PYTHON, PROGRAM, `${address}:6881`, INFO_HASH], {
    cwd: '/',
    env: PLAIN_ENV,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const forget = atEnd(() => child.kill('SIGKILL'));
  void child.exited.then(forget);
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe('ready\n');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

/** Our local discovery at the network's own address, in the swarm, announcing `port`; what it found so far. */
function ours(network: Network, port: number): Disposable & { readonly found: string[] } {
  const found: string[] = [];
  const onBridge = () =>
    localInterfaces().filter(({ addresses }) => addresses.some(({ address }) => address === network.address));
  const lsd = new Lsd({
    port,
    clock: systemClock,
    open: openLsdSockets(network.address, onBridge),
    found: (infoHash, addresses) => found.push(`${infoHash} ${addresses.map(formatHostPort)}`),
  });
  lsd.setSwarms([INFO_HASH]);
  return { found, [Symbol.dispose]: () => lsd[Symbol.dispose]() };
}

/** Who connects, and the info-hash of the BitTorrent handshake that they send. */
async function door(network: Network) {
  const callers: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes: Buffer) => {
      callers.push(`${socket.remoteAddress} ${bytes.subarray(28, 48).toString('hex')}`);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, network.address, resolve));
  const { port } = server.address() as { port: number };
  return { port, callers, [Symbol.dispose]: () => void server.close() };
}

test.each(['libtorrent', 'ours'])('%s starts first: each finds the other', async (first) => {
  await using network = await Network.open();
  const machine = await network.machine();
  using listening = await door(network);
  using stack = new DisposableStack();
  const node = first === 'ours' ? stack.use(ours(network, listening.port)) : undefined;
  await using _session = await libtorrent(machine);
  const { found } = node ?? stack.use(ours(network, listening.port));
  const theirs = `${INFO_HASH} ${machine.address}:6881`;
  await eventually('ours has heard libtorrent', () => found.includes(theirs), 60_000);
  const caller = `${machine.address} ${INFO_HASH}`;
  await eventually('libtorrent dials us', () => listening.callers.includes(caller), 60_000);
});

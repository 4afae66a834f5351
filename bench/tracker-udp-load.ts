/**
 * UDP announces to a tracker from one process, for tracker.ts: sockets on loopback addresses of their own, each with so
 * many announces on their way; what isn't answered within a second is sent again as new. Prints one line of JSON.
 *
 *   tracker-udp-load.ts HOST:PORT SECONDS SOCKETS WINDOW FIRST-HASH HASHES PORTS
 *
 * The swarms are sha1("FIRST-HASH"), …; with PORTS 0 the ports of peers are random, else it announces each swarm with
 * 1 … PORTS once and ends.
 */

import { encodeUdpRequest } from '../src/announce/udp.ts';
import { decodeUdpAnswer } from '../src/announce/udp-answer.ts';

const [at = '', ...numbers] = process.argv.slice(2);
const [host = '', port = ''] = at.split(':');
const [seconds = 5, sockets = 8, window = 32, firstHash = 0, hashes = 1000, ports = 0] = numbers.map(Number);

export function infoHashOf(i: number): Uint8Array {
  return new Uint8Array(Bun.SHA1.hash(String(i)) as unknown as Uint8Array);
}

const infoHashes = Array.from({ length: hashes }, (_, i) => infoHashOf(firstHash + i));
const until = performance.now() + seconds * 1000;
let answers = 0;
let failures = 0;

/** One socket: its swarms are its own, so that all are announced by few addresses each. */
async function load(number: number): Promise<void> {
  const own = infoHashes.filter((_, i) => i % sockets === number);
  const total = ports > 0 ? own.length * ports : Number.POSITIVE_INFINITY;
  const done = Promise.withResolvers<void>();
  let template: Uint8Array | undefined;
  let sent = 0;
  let answered = 0;
  const next = (): Uint8Array => {
    const bytes = (template as Uint8Array).slice();
    const i = sent % own.length;
    const peerPort = ports > 0 ? 1 + Math.floor(sent / own.length) : 1 + Math.floor(Math.random() * 100);
    bytes.set(own[i] as Uint8Array, 16);
    bytes[71] = sent % 3;
    bytes[96] = (peerPort + 1024) >>> 8;
    bytes[97] = peerPort + 1024;
    sent += 1;
    return bytes;
  };
  let batch: (Uint8Array | number | string)[] = [];
  const socket = await Bun.udpSocket({
    // A /24 of its own.
    hostname: `127.0.${number + 1}.1`,
    socket: {
      data(_, bytes) {
        if (bytes[3] === 0) {
          const answer = decodeUdpAnswer(bytes, 4);
          if (answer.action !== 'connect') return;
          template = encodeUdpRequest({
            action: 'announce',
            connectionId: answer.connectionId,
            transactionId: 1,
            announce: {
              infoHash: infoHashes[0] as Uint8Array,
              peerId: new Uint8Array(20),
              port: 1,
              uploadedBytes: 0,
              downloadedBytes: 0,
              leftBytes: 1,
              numWant: 50,
            },
          });
          for (let i = 0; i < window && sent < total; i += 1) queue();
          return;
        }
        if (bytes[3] === 1) answers += 1;
        else failures += 1;
        answered += 1;
        if (answered >= total) done.resolve();
        else if (sent < total && performance.now() < until) queue();
      },
    },
  });
  const queue = () => {
    if (batch.length === 0) setImmediate(flush);
    batch.push(next(), Number(port), host);
  };
  const flush = () => {
    const whole = batch;
    batch = [];
    if (whole.length > 0) socket.sendMany(whole);
  };
  const connect = encodeUdpRequest({ action: 'connect', transactionId: 1 });
  socket.send(connect, Number(port), host);
  let before = -1;
  const timer = setInterval(() => {
    if (performance.now() >= until) return done.resolve();
    if (before === answered) {
      if (!template) socket.send(connect, Number(port), host);
      else for (let i = 0; i < window && (sent < total || ports > 0); i += 1) queue();
    }
    before = answered;
  }, 1000);
  await done.promise;
  clearInterval(timer);
  socket.close();
}

const started = performance.now();
await Promise.all(Array.from({ length: sockets }, (_, number) => load(number)));
console.log(JSON.stringify({ answers, failures, seconds: (performance.now() - started) / 1000 }));
process.exit(0);

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { once } from 'node:events';
import { connect } from 'node:net';
import { announceUrl, decodeAnnounceAnswer, peersOf } from '../../src/announce/http.ts';
import { percentEncode } from '../../src/announce/query.ts';
import { decodeScrapeAnswer, scrapeUrl } from '../../src/announce/scrape.ts';
import { UnavailableError } from '../../src/lib/errors.ts';
import { HttpDoor } from '../../src/tracker/http.ts';
import { type RunningTracker, startTracker } from '../../src/tracker/server.ts';
import { Tracker, type TrackerStats } from '../../src/tracker/tracker.ts';
import { eventually } from '../fixtures/eventually.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { seededDraw } from './samples.ts';

let tracker: RunningTracker;
beforeAll(async () => {
  tracker = await startTracker({ listen: { host: '127.0.0.1', port: 0 }, draw: seededDraw(1) });
});
afterAll(() => tracker[Symbol.asyncDispose]());

/** Sends raw bytes and gives all that comes until the tracker closes. */
function raw(text: string): Promise<{ head: string; body: Uint8Array }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ head: string; body: Uint8Array }>();
  const parts: Uint8Array[] = [];
  const socket = connect(tracker.address.port, '127.0.0.1', () => socket.write(text, 'latin1'));
  socket.on('data', (data: Buffer) => parts.push(data));
  socket.on('error', reject);
  socket.on('close', () => {
    const all = Buffer.concat(parts);
    const end = all.indexOf('\r\n\r\n');
    resolve({ head: all.toString('latin1', 0, end), body: new Uint8Array(all.subarray(end + 4)) });
  });
  return promise;
}

const get = (target: string) => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
const base = {
  peerId: new TextEncoder().encode('-DB0100-abcdefghijkl'),
  uploadedBytes: 0,
  downloadedBytes: 0,
};
const target = (infoHash: Uint8Array, port: number) =>
  announceUrl('/announce', { ...base, infoHash, port, leftBytes: 1 });
const hash = (from: number) => Uint8Array.from({ length: 20 }, (_, i) => (from + i) & 255);

async function announce(path: string) {
  const { head, body } = await get(path);
  expect(head).toStartWith('HTTP/1.1 200');
  return decodeAnnounceAnswer(body);
}

async function peersFor(path: string) {
  const answer = await announce(path);
  if ('failure' in answer) throw new Error(answer.failure);
  return peersOf(answer, 100);
}

describe('startTracker() over a raw socket', () => {
  test('introduces two peers; the address is that of the socket', async () => {
    expect(await peersFor(target(hash(0), 4001))).toEqual([]);
    expect(await peersFor(target(hash(0), 4002))).toEqual([{ host: '127.0.0.1', port: 4001 }]);
  });

  test('does not believe ip=, ipv4=, ipv6=, X-Forwarded-For or Forwarded', async () => {
    const spoofed = `${target(hash(1), 4001)}&ip=192.0.2.66&ipv4=192.0.2.66&ipv6=2001:db8::66`;
    await raw(
      `GET ${spoofed} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.66\r\nForwarded: for=192.0.2.66\r\nConnection: close\r\n\r\n`,
    );
    expect(await peersFor(target(hash(1), 4002))).toEqual([{ host: '127.0.0.1', port: 4001 }]);
  });

  test('keeps info-hashes of all 256 byte values apart, escaped in either case', async () => {
    for (let from = 2; from < 256; from += 20) {
      const path = target(hash(from), 4001);
      await announce(path.replaceAll(/%../g, (encoded) => encoded.toLowerCase()));
      expect(await peersFor(target(hash(from), 4002))).toEqual([{ host: '127.0.0.1', port: 4001 }]);
      const { body } = await get(scrapeUrl('/announce', [hash(from), hash(from + 1)]) as string);
      const counts = new Map(
        decodeScrapeAnswer(body).map((entry) => [entry.infoHash.toHex(), entry.incomplete]),
      );
      expect(counts.get(hash(from).toHex())).toBe(2);
      expect(counts.get(hash(from + 1).toHex())).toBe(0);
    }
  });

  test('says what is wrong with a request as "failure reason", with status 200', async () => {
    expect(await announce('/announce')).toEqual({ failure: 'info_hash is missing' });
    expect(await announce('/announce?info_hash=abc')).toEqual({ failure: 'info_hash has 3 bytes, not 20' });
    expect(await announce(target(hash(0), 0))).toEqual({ failure: 'port is not within 1…65535' });
    expect(await announce('/scrape')).toHaveProperty('failure');
  });

  test('answers ten requests in one write in order', async () => {
    const requests = Array.from({ length: 10 }, (_, i) => {
      const close = i === 9 ? 'Connection: close\r\n' : '';
      return `GET ${target(hash(77), 5000 + i)} HTTP/1.1\r\nHost: x\r\n${close}\r\n`;
    });
    const { head, body } = await raw(requests.join(''));
    const all = Buffer.from(`${head}\r\n\r\n${Buffer.from(body).toString('latin1')}`).toString();
    expect(all.match(/HTTP\/1\.1 200/g)?.length).toBe(10);
    const counts = [...all.matchAll(/10:incompletei(\d+)e/g)].map(([, count]) => Number(count));
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('refuses other methods, other paths and long URLs', async () => {
    expect(
      (await raw('POST /announce HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
        .head,
    ).toContain(' 405 ');
    expect((await get('/elsewhere')).head).toContain(' 404 ');
    expect((await get(`/announce?x=${'a'.repeat(9000)}`)).head).toContain(' 414 ');
  });

  test('takes the longest scrape that the protocol allows', async () => {
    const { body } = await get(
      `/scrape?${Array.from({ length: 74 }, (_, i) => `info_hash=${percentEncode(hash(3 * i))}`).join('&')}`,
    );
    expect(decodeScrapeAnswer(body).length).toBe(74);
  });

  test('/stats.json counts and names nobody, / and /stats are for people', async () => {
    const stats = JSON.parse(Buffer.from((await get('/stats.json')).body).toString()) as TrackerStats;
    expect(Object.values(stats).every((value) => typeof value === 'number')).toBe(true);
    expect(stats.announces).toBe(tracker.stats().announces);
    for (const path of ['/', '/stats']) {
      const { head, body } = await get(path);
      expect(head).toContain('text/html');
      expect(Buffer.from(body).toString()).toContain('/announce');
    }
  });

  test('says so when the port is taken', async () => {
    const second = startTracker({ listen: tracker.address });
    expect(second).rejects.toThrow(UnavailableError);
    expect(second).rejects.toThrow(
      `could not listen on 127.0.0.1:${tracker.address.port}: the port is taken`,
    );
    await second.catch(() => {});
  });

  test('is gone after its disposal', async () => {
    const other = await startTracker({ listen: { host: '127.0.0.1', port: 0 } });
    const { port } = other.address;
    await other[Symbol.asyncDispose]();
    const again = await startTracker({ listen: { host: '127.0.0.1', port } });
    expect(again.address.port).toBe(port);
    await again[Symbol.asyncDispose]();
  });
});

describe('HttpDoor', () => {
  /** A door whose time a test lets pass, and a client that remembers what came and whether it was closed. */
  function setUp(maxConnections?: number) {
    const clock = new VirtualClock();
    const tracker = new Tracker({ clock, draw: seededDraw(1) });
    const listen = { host: '127.0.0.1', port: 0 };
    const door = new HttpDoor({ tracker, listen, clock, ...(maxConnections && { maxConnections }) });
    const dial = async () => {
      const socket = connect(door.address.port, '127.0.0.1');
      const closed = Promise.withResolvers<void>();
      let text = '';
      socket.on('data', (data: Buffer) => {
        text += data.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => closed.resolve());
      await once(socket, 'connect');
      return { socket, closed: closed.promise, text: () => text };
    };
    return { clock, door, dial };
  }

  test('closes who has not sent a whole request within 10 s, however it trickles', async () => {
    const { clock, door, dial } = setUp();
    using _ = door;
    const slow = await dial();
    const steady = await dial();
    for (let second = 0; second < 9; second += 1) {
      slow.socket.write('G');
      steady.socket.write('GET /announced HTTP/1.1\r\n\r\n');
      await eventually('the answer', async () => steady.text().split('404').length === second + 2);
      await clock.run(1000);
    }
    expect(door.connectionCount).toBe(2);
    await clock.run(3000);
    await slow.closed;
    expect(slow.text()).toBe('');
    expect(door.connectionCount).toBe(1);
    await clock.run(11_000);
    await steady.closed;
  });

  test('takes a new connection in the place of the one that waits longest when there are too many', async () => {
    const { door, dial } = setUp(3);
    using _ = door;
    const first = await dial();
    const second = await dial();
    await eventually('two connections', async () => door.connectionCount === 2);
    first.socket.write('GET /announced HTTP/1.1\r\n\r\n');
    await eventually('the answer', async () => first.text() !== '');
    await dial();
    const fourth = await dial();
    await second.closed;
    fourth.socket.write('GET /announced HTTP/1.1\r\n\r\n');
    await eventually('the answer', async () => fourth.text() !== '');
    expect(door.connectionCount).toBe(3);
  });

  test('answers no more than 64 KiB of a long pipeline in a turn: others have theirs', async () => {
    let answered = 0;
    class CountingTracker extends Tracker {
      override stats(): TrackerStats {
        answered += 1;
        return super.stats();
      }
    }
    const clock = new VirtualClock();
    const counting = new CountingTracker({ clock, draw: seededDraw(1) });
    using door = new HttpDoor({ tracker: counting, listen: { host: '127.0.0.1', port: 0 }, clock });
    const client = connect(door.address.port, '127.0.0.1');
    await once(client, 'connect');
    const requests = 2_000;
    client.on('data', () => {});
    client.write('GET /stats HTTP/1.1\r\n\r\n'.repeat(requests));
    let most = 0;
    for (let before = 0; answered < requests; before = answered) {
      const { promise, resolve } = Promise.withResolvers<void>();
      setImmediate(resolve);
      await promise;
      most = Math.max(most, answered - before);
    }
    expect(most).toBeWithin(1, 150);
    client.destroy();
  });

  test('answers all of a long pipeline to a client that reads late, in order', async () => {
    const { door, dial } = setUp();
    using _ = door;
    const client = await dial();
    client.socket.pause();
    // Answers of several megabytes, more than sockets take.
    const requests = 2000;
    client.socket.write('GET /stats HTTP/1.1\r\n\r\n'.repeat(requests));
    client.socket.write('GET /stats.json HTTP/1.1\r\nConnection: close\r\n\r\n');
    client.socket.resume();
    await client.closed;
    expect(client.text().match(/HTTP\/1\.1 200/g)?.length).toBe(requests + 1);
    expect(client.text()).toEndWith('}');
  });

  test('drops who reads nothing of its answers for 10 s', async () => {
    const { clock, door, dial } = setUp();
    using _ = door;
    const client = await dial();
    client.socket.pause();
    client.socket.write('GET /stats HTTP/1.1\r\n\r\n'.repeat(4000));
    await eventually('it is known', async () => door.connectionCount === 1);
    await eventually('it is dropped', async () => {
      await clock.run(11_000);
      return door.connectionCount === 0;
    });
    client.socket.destroy();
  });
});

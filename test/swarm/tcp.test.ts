import { afterEach, describe, expect, test } from 'bun:test';
import type { Link, LinkListener } from '../../src/swarm/link.ts';
import { dialTcp, listenTcp } from '../../src/swarm/tcp.ts';
import { eventually } from '../fixtures/eventually.ts';
import { freePort } from '../fixtures/free-port.ts';
import { errorOf } from '../fixtures/world.ts';

const HOST = '127.0.0.1';

class End {
  readonly link: Link;
  bytes = 0;
  sum = 0;
  drained = 0;
  readonly closed: string[] = [];

  constructor(link: Link) {
    this.link = link;
    link.attach({
      data: (chunk) => {
        this.bytes += chunk.length;
        for (let i = 0; i < chunk.length; i += 997) this.sum = (this.sum + (chunk[i] ?? 0)) | 0;
      },
      drained: () => {
        this.drained += 1;
      },
      closed: (reason) => this.closed.push(reason),
    });
  }
}

const listeners: LinkListener[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close();
});

async function pair(): Promise<[End, End]> {
  const accepted = Promise.withResolvers<End>();
  const listener = listenTcp({ host: HOST, port: 0 }, (link) => accepted.resolve(new End(link)));
  listeners.push(listener);
  const dialled = new End(await dialTcp(listener.address, 2_000));
  return [dialled, await accepted.promise];
}

describe('TCP links', () => {
  test('carry bytes both ways and know the other’s address', async () => {
    const [a, b] = await pair();
    a.link.send(new Uint8Array(1000));
    b.link.send(new Uint8Array(50));
    await eventually('all is there', () => b.bytes === 1000 && a.bytes === 50);
    expect(a.link.remote.host).toBe(HOST);
    expect(b.link.remote.host).toBe(HOST);
    a.link.close('done');
  });

  test('small messages of one turn arrive together, before and after large ones in order', async () => {
    const [a, b] = await pair();
    const got: number[] = [];
    let chunks = 0;
    b.link.attach({
      data: (chunk) => {
        chunks += 1;
        got.push(...chunk);
      },
      drained: () => {},
      closed: () => {},
    });
    for (let i = 0; i < 100; i += 1) a.link.send(new Uint8Array([i]));
    await eventually('all is there', () => got.length === 100);
    expect(chunks).toBe(1);
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i));

    a.link.send(new Uint8Array([1]));
    a.link.send(new Uint8Array(3000).fill(2));
    for (let i = 0; i < 10; i += 1) a.link.send(new Uint8Array(900).fill(3));
    await eventually('all is there', () => got.length === 100 + 1 + 3000 + 9000);
    expect(got.slice(100)).toEqual([1, ...new Array(3000).fill(2), ...new Array(9000).fill(3)]);
    a.link.close('done');
  });

  test('what is said just before closing is sent', async () => {
    const [a, b] = await pair();
    a.link.send(new Uint8Array(20));
    a.link.close('done');
    await eventually('closed', () => b.closed.length === 1);
    expect(b.bytes).toBe(20);
  });

  test('a large chunk is free again as soon as it has been looked at', async () => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const listener = listenTcp({ host: HOST, port: 0 }, (link) =>
      link.attach({
        data: (chunk) => {
          bytes += chunk.length;
          chunks.push(chunk);
        },
        drained: () => {},
        closed: () => {},
      }),
    );
    listeners.push(listener);
    const dialled = new End(await dialTcp(listener.address, 2_000));
    dialled.link.send(new Uint8Array(4 * 1024 * 1024));
    await eventually('all is there', () => bytes === 4 * 1024 * 1024);
    const kept = chunks.reduce((sum, { length }) => sum + length, 0);
    expect(kept).toBeLessThan(chunks.length * 32 * 1024);
    dialled.link.close('done');
  });

  test('what the other end says at once is not lost before anybody attaches', async () => {
    const listener = listenTcp({ host: HOST, port: 0 }, (link) => {
      new End(link).link.send(new Uint8Array(68));
    });
    listeners.push(listener);
    const ends = await Promise.all(
      Array.from({ length: 20 }, async () => new End(await dialTcp(listener.address, 2_000))),
    );
    await eventually('all were greeted', () => ends.every(({ bytes }) => bytes === 68));
    for (const { link } of ends) link.close('done');
  });

  /** What a link of which so much is awaited reads of so many packets, sent one by one when `next` resolves. */
  async function trickle(
    packets: number,
    awaitedBytes: number,
    next: (hasAll: () => boolean) => Promise<unknown>,
  ) {
    const link = Promise.withResolvers<Link>();
    const end = { bytes: 0, reads: 0 };
    const listener = listenTcp({ host: HOST, port: 0 }, (accepted) => {
      accepted.attach({
        awaitedBytes,
        data: (chunk) => {
          end.bytes += chunk.length;
          end.reads += 1;
        },
        drained: () => {},
        closed: () => {},
      });
      link.resolve(accepted);
    });
    listeners.push(listener);
    const { link: sender } = new End(await dialTcp(listener.address, 2_000));
    for (let i = 0; i < packets; i += 1) {
      sender.send(new Uint8Array(1448));
      await next(() => end.bytes === (i + 1) * 1448);
    }
    const received = await link.promise;
    await eventually('all is there', () => end.bytes === packets * 1448);
    sender.close('done');
    received.close('done');
    return end;
  }

  test('what comes slowly while much is awaited is read in gulps', async () => {
    const end = await trickle(300, 1_000_000, () => Bun.sleep(1));
    expect(end.reads).toBeLessThan(100);
  });

  test('what comes while little is awaited is read at once', async () => {
    const end = await trickle(40, 1_000, (hasAll) => eventually('it is there', hasAll));
    expect(end.reads).toBe(40);
  });

  test('a pause holds while gulps are waited for, and drains nothing', async () => {
    let bytes = 0;
    let duringPause = 0;
    let drained = 0;
    const listener = listenTcp({ host: HOST, port: 0 }, (link) =>
      link.attach({
        awaitedBytes: 1_000_000,
        data: (chunk) => {
          const before = bytes;
          bytes += chunk.length;
          if (before < 50_000 && bytes >= 50_000) {
            link.pause();
            const atPause = bytes;
            setTimeout(() => {
              duringPause = bytes - atPause;
              link.resume();
            }, 200);
          }
        },
        drained: () => {
          drained += 1;
        },
        closed: () => {},
      }),
    );
    listeners.push(listener);
    const { link: sender } = new End(await dialTcp(listener.address, 2_000));
    for (let i = 0; i < 250; i += 1) {
      sender.send(new Uint8Array(1448));
      await Bun.sleep(1);
    }
    await eventually('all is there', () => bytes === 250 * 1448);
    expect([duringPause, drained]).toEqual([0, 0]);
    sender.close('done');
  });

  test('queue what the system does not take, say how much, and when it has gone', async () => {
    const [a, b] = await pair();
    b.link.pause();
    const chunk = new Uint8Array(1024 * 1024);
    let sent = 0;
    while (a.link.queuedBytes === 0 && sent < 200) {
      a.link.send(chunk);
      sent += 1;
    }
    expect(a.link.queuedBytes).toBeGreaterThan(0);
    chunk.fill(7); // the sender may use its buffer again
    b.link.resume();
    await eventually('all is there', () => b.bytes === sent * chunk.length);
    expect(b.sum).toBe(0);
    await eventually('drained', () => a.drained > 0 && a.link.queuedBytes === 0);
    a.link.close('done');
  });

  test('closing tells both ends once, and nothing comes afterwards', async () => {
    const [a, b] = await pair();
    a.link.close('enough');
    a.link.close('again');
    a.link.send(new Uint8Array(10));
    expect(a.closed).toEqual(['enough']);
    await eventually('the other end knows', () => b.closed.length > 0);
    b.link.close('too');
    expect(b.closed).toHaveLength(1);
    expect(b.bytes).toBe(0);
  });

  test('one that is closed before anybody attaches says so afterwards', async () => {
    const accepted = Promise.withResolvers<Link>();
    const listener = listenTcp({ host: HOST, port: 0 }, (link) => accepted.resolve(link));
    listeners.push(listener);
    const dialled = new End(await dialTcp(listener.address, 2_000));
    const link = await accepted.promise;
    link.close('early');
    const end = new End(link);
    await eventually('it is told', () => end.closed.length === 1);
    expect(end.closed).toEqual(['early']);
    await eventually('the other end knows', () => dialled.closed.length === 1);
  });

  test('a refused dial rejects', async () => {
    const port = await freePort();
    expect(await errorOf(dialTcp({ host: HOST, port }, 2_000))).toBeInstanceOf(Error);
  });

  test('an address that is taken throws', () => {
    const listener = listenTcp({ host: HOST, port: 0 }, () => {});
    listeners.push(listener);
    expect(() => listenTcp(listener.address, () => {})).toThrow();
  });
});

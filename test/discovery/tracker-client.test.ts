import { describe, expect, test } from 'bun:test';
import { encodeCompactPeers } from '../../src/announce/compact-peers.ts';
import { encodeAnnounceAnswer } from '../../src/announce/http.ts';
import { encodeScrapeAnswer } from '../../src/announce/scrape.ts';
import type { UdpAnnounce } from '../../src/announce/udp.ts';
import {
  TrackerClient,
  type TrackerClientOptions,
  type TrackerList,
} from '../../src/discovery/tracker-client.ts';
import type { HostPort } from '../../src/lib/host-port.ts';
import { startTracker } from '../../src/tracker/server.ts';
import { eventually } from '../fixtures/eventually.ts';
import { HandClock, PlayedTracker, PlayedUdpTracker } from './playground.ts';

const A = 'aa'.repeat(20);
const B = `00ff${'7e25'.repeat(9)}`;
const MINUTE = 60_000;

interface Found {
  readonly infoHash: string;
  readonly peers: HostPort[];
}

class Stage implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly client: TrackerClient;
  readonly #found: Found[] = [];
  #waiting: (() => void) | undefined;

  constructor(urls: readonly string[], more: Partial<TrackerClientOptions> = {}) {
    this.client = new TrackerClient({
      lists: urls.map((url) => ({ tiers: [[url]], isConfigured: true })),
      peerId: new Uint8Array(20).fill(0x2d),
      port: 9989,
      clock: this.clock,
      draw: () => 0.5,
      found: (infoHash, peers) => {
        this.#found.push({ infoHash, peers });
        this.#waiting?.();
      },
      ...more,
    });
  }

  async found(): Promise<Found> {
    while (this.#found.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = resolve;
      await promise;
    }
    return this.#found.shift() as Found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client[Symbol.asyncDispose]();
  }
}

const udpAnswer = (peers: readonly HostPort[]) => {
  const answer = { intervalSeconds: 900, complete: 1, incomplete: 2, ...encodeCompactPeers(peers) };
  return { action: 'announce', answer } as const;
};

const peer = { host: '127.0.0.1', port: 4001 };

describe('TrackerClient', () => {
  test('announces started, hands on the peers, and announces again after the interval without an event', async () => {
    await using tracker = await PlayedTracker.start();
    tracker.playsStopped = true;
    const stage = new Stage([tracker.url], { totals: () => ({ uploaded: 7, downloaded: 8 }) });
    stage.client.setSwarms([B]);

    const first = await tracker.asked();
    expect(first.request).toMatchObject({
      event: 'started',
      port: 9989,
      uploadedBytes: 7,
      downloadedBytes: 8,
    });
    expect(first.request.infoHash.toHex()).toBe(B);
    expect(first.request.leftBytes).toBeGreaterThan(0);
    first.give([peer], 1200);
    expect(await stage.found()).toEqual({ infoHash: B, peers: [peer] });
    expect(await stage.clock.nextMs()).toBe(20 * MINUTE);

    stage.clock.advance(20 * MINUTE);
    const second = await tracker.asked();
    expect(second.request.event).toBeUndefined();
    second.give([]);
    await stage.clock.nextMs();

    const stopping = stage.client[Symbol.asyncDispose]();
    const last = await tracker.asked();
    expect(last.request.event).toBe('stopped');
    last.give([]);
    await stopping;
    expect(tracker.unread).toBe(0);
  });

  test('announces each swarm at each tracker, and says stopped for one that is left', async () => {
    await using one = await PlayedTracker.start();
    await using two = await PlayedTracker.start();
    one.playsStopped = true;
    two.playsStopped = true;
    const stage = new Stage([one.url, two.url, one.url, 'ftp://127.0.0.1:1']);
    stage.client.setSwarms([A, B]);
    for (const tracker of [one, two]) {
      const asked = [await tracker.asked(), await tracker.asked()];
      expect(asked.map(({ request }) => request.infoHash.toHex()).toSorted()).toEqual([B, A]);
      for (const { give } of asked) give([peer]);
    }
    for (let i = 0; i < 4; i += 1) await stage.found();

    stage.client.setSwarms([A]);
    for (const tracker of [one, two]) {
      const { request, give } = await tracker.asked();
      expect([request.event, request.infoHash.toHex()]).toEqual(['stopped', B]);
      give([]);
    }
    stage.client.setSwarms([A]);
    expect(one.unread + two.unread).toBe(0);
    const stopping = stage.client[Symbol.asyncDispose]();
    for (const tracker of [one, two]) (await tracker.asked()).give([]);
    await stopping;
  });

  test('setNamed() adds lists for their own swarms, keeps the same ones, and says stopped to those left', async () => {
    await using given = await PlayedTracker.start();
    await using named = await PlayedTracker.start();
    given.playsStopped = true;
    named.playsStopped = true;
    await using stage = new Stage([given.url]);
    const list = () => ({ tiers: [[named.url]], isConfigured: false, swarms: new Set([A]) });
    stage.client.setNamed([list()]);
    stage.client.setSwarms([A, B]);
    const asked = [await given.asked(), await given.asked()];
    const first = await named.asked();
    for (const one of [...asked, first]) one.give([]);
    expect(first.request).toMatchObject({ event: 'started' });
    expect(first.request.infoHash.toHex()).toBe(A);
    await stage.clock.nextMs();
    stage.client.setNamed([list()]);
    stage.client.setSwarms([A, B]);
    expect([given.unread, named.unread]).toEqual([0, 0]);
    stage.client.setNamed([]);
    stage.client.setSwarms([A, B]);
    const last = await named.asked();
    expect(last.request.event).toBe('stopped');
    last.give([]);
    expect(given.unread).toBe(0);
  });

  test('tries again later after a failure, still with started', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).response.writeHead(503).end('busy');
    expect(await stage.clock.nextMs()).toBe(15_000);
    stage.clock.advance(15_000);
    const second = await tracker.asked();
    expect(second.request.event).toBe('started');
    second.response.end('d14:failure reason4:nope' + 'e');
    expect(await stage.clock.nextMs()).toBe(30_000);
    stage.clock.advance(30_000);
    (await tracker.asked()).response.end('<html>');
    expect(await stage.clock.nextMs()).toBe(60_000);
    stage.clock.advance(60_000);
    const torn = (await tracker.asked()).response.writeHead(200, { 'content-length': 1000 });
    torn.write('d8:', () => torn.destroy());
    expect(await stage.clock.nextMs()).toBe(120_000);
  });

  test('announceNow() waits for what the tracker allows and is heard then', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).give([peer]);
    await stage.found();
    await stage.clock.nextMs();
    stage.client.announceNow();
    expect(await stage.clock.nextMs()).toBe(15_000);
    stage.clock.advance(15_000);
    const { request, give } = await tracker.asked();
    expect(request.event).toBeUndefined();
    give([]);
  });

  test('strangerCame() is a reason to ask a configured tracker soon, in that swarm, a few times', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    stage.client.strangerCame(A);
    (await tracker.asked()).give([], 1200);
    // One came while that was on its way: the answer may have been made before.
    expect(await stage.clock.nextMs()).toBe(15_000);
    for (let asked = 1; asked <= 3; asked += 1) {
      stage.client.strangerCame(B);
      for (let i = 0; i < 1_000; i += 1) stage.client.strangerCame(A);
      expect(await stage.clock.nextMs()).toBe(15_000);
      stage.clock.advance(15_000);
      (await tracker.asked()).give([], 1200);
      expect(await stage.clock.nextMs()).toBe(20 * MINUTE);
    }
    stage.client.strangerCame(A);
    expect(await stage.clock.nextMs()).toBe(20 * MINUTE);
    stage.clock.advance(5 * MINUTE);
    stage.client.strangerCame(A);
    (await tracker.asked()).give([], 1200);
    await stage.clock.nextMs();
  });

  test('strangerCame() is no reason to ask a tracker that fails, or one of a .dtorrent', async () => {
    await using tracker = await PlayedTracker.start();
    await using ofFile = new Stage([], { lists: [{ tiers: [[tracker.url]], isConfigured: false }] });
    ofFile.client.setSwarms([A]);
    (await tracker.asked()).give([], 1200);
    await ofFile.clock.nextMs();
    ofFile.client.strangerCame(A);
    expect(await ofFile.clock.nextMs()).toBe(20 * MINUTE);
    await using failing = new Stage(['http://127.0.0.1:1/announce']);
    failing.client.setSwarms([A]);
    const retryMs = await failing.clock.nextMs();
    failing.clock.advance(retryMs);
    const laterMs = await failing.clock.nextMs();
    failing.client.strangerCame(A);
    expect(await failing.clock.nextMs()).toBe(laterMs);
  });

  test('completed() is said once, with nothing left', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).give([peer]);
    await stage.found();
    await stage.clock.nextMs();
    stage.client.completed(A);
    stage.client.completed(A);
    const { request, give } = await tracker.asked();
    expect([request.event, request.leftBytes]).toEqual(['completed', 0]);
    give([]);
    await stage.clock.nextMs();
    expect(tracker.unread).toBe(0);
  });

  test('drops addresses that a stranger must not make us dial', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).give([
      { host: '169.254.169.254', port: 80 },
      { host: '224.0.0.1', port: 80 },
      { host: '0.0.0.0', port: 80 },
      { host: '192.0.2.1', port: 0 },
      { host: '192.0.2.7', port: 9989 },
      { host: 'fe80::1', port: 9989 },
      { host: '2001:db8::7', port: 9989 },
    ]);
    const { peers } = await stage.found();
    expect(peers.map(({ host }) => host).toSorted()).toEqual(['192.0.2.7', '2001:db8::7']);
  });

  test('uses at most 200 peers of an answer', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).give(
      Array.from({ length: 5000 }, (_, i) => ({ host: `10.0.${i >> 8}.${i & 255}`, port: 1 })),
    );
    expect((await stage.found()).peers.length).toBe(200);
  });

  test('refuses an answer of more than 1 MiB', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).response.end(new Uint8Array(2 ** 20 + 1).fill(0x64));
    expect(await stage.clock.nextMs()).toBe(15_000);
  });

  test('follows a redirect, and not in a ring', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    const redirect = await tracker.asked();
    const query = `?info_hash=${'%aa'.repeat(20)}&peer_id=${'-'.repeat(20)}&port=9989`;
    redirect.response.writeHead(302, { location: `/other${query}` }).end();
    const other = await tracker.asked();
    expect(other.path).toBe('/other');
    other.give([peer]);
    await stage.found();
    await stage.clock.nextMs();

    stage.clock.advance(15 * MINUTE);
    for (let i = 0; i < 4; i += 1) {
      const { response } = await tracker.asked();
      response.writeHead(302, { location: `/ring${query}` }).end();
    }
    expect(await stage.clock.nextMs()).toBe(15_000);
    expect(tracker.unread).toBe(0);
  });

  test('goes to the tracker itself whatever http_proxy says', async () => {
    await using tracker = await PlayedTracker.start();
    const before = process.env.http_proxy;
    process.env.http_proxy = 'http://127.0.0.1:1';
    try {
      await using stage = new Stage([tracker.url]);
      stage.client.setSwarms([A]);
      (await tracker.asked()).give([peer]);
      await stage.found();
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
  });

  test('has a few requests in flight, not all, and gets all done', async () => {
    await using tracker = await PlayedTracker.start();
    await using stage = new Stage([tracker.url]);
    const hashes = Array.from({ length: 30 }, (_, i) => i.toString(16).padStart(40, '0'));
    stage.client.setSwarms(hashes);
    const asked = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => tracker.asked()));
    expect(tracker.unread).toBe(0);
    for (const { give } of asked) give([peer]);
    for (let i = 8; i < 30; i += 1) (await tracker.asked()).give([peer]);
    const seen = new Set<string>();
    for (let i = 0; i < 30; i += 1) seen.add((await stage.found()).infoHash);
    expect(seen.size).toBe(30);
  });

  test('is disposed of in about two seconds when the tracker hangs', async () => {
    await using tracker = await PlayedTracker.start();
    tracker.playsStopped = true;
    const stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).give([peer]);
    await stage.found();
    const stopping = stage.client[Symbol.asyncDispose]();
    expect((await tracker.asked()).request.event).toBe('stopped');
    await stopping;
    stage.client.setSwarms([B]);
    stage.client.announceNow();
    expect(tracker.unread).toBe(0);
  });

  test('two nodes meet at a real tracker, and one that left is not named', async () => {
    await using tracker = await startTracker({ listen: { host: '127.0.0.1', port: 0 } });
    const url = `http://127.0.0.1:${tracker.address.port}/announce`;
    await using first = new Stage([url], { port: 4001 });
    first.client.setSwarms([B]);
    await first.clock.nextMs();
    {
      await using second = new Stage([url], { port: 4002 });
      second.client.setSwarms([A, B]);
      expect(await second.found()).toEqual({ infoHash: B, peers: [{ host: '127.0.0.1', port: 4001 }] });
    }
    expect(tracker.stats()).toMatchObject({ swarms: 1, peers: 1, refused: 0 });
  });

  test('announces over UDP, started and stopped, with the same id', async () => {
    using tracker = await PlayedUdpTracker.start();
    const stage = new Stage([tracker.url]);
    stage.client.setSwarms([B]);
    const first = await tracker.asked();
    expect(first.request).toMatchObject({ action: 'announce', announce: { event: 'started', port: 9989 } });
    expect(Buffer.from((first.request as UdpAnnounce).urlData ?? []).toString()).toBe('/announce');
    first.answer(udpAnswer([peer]));
    expect(await stage.found()).toEqual({ infoHash: B, peers: [peer] });
    expect(stage.client.status()).toEqual([{ url: tracker.url, state: 'working', peers: 3 }]);
    const stopping = stage.client[Symbol.asyncDispose]();
    const last = await tracker.asked();
    expect(last.request).toMatchObject({ announce: { event: 'stopped', numWant: 0 } });
    last.answer(udpAnswer([]));
    await stopping;
    expect(tracker.connects).toBe(1);
  });

  test('is disposed of in about two seconds when a UDP tracker has gone silent', async () => {
    using tracker = await PlayedUdpTracker.start();
    const stage = new Stage([tracker.url]);
    stage.client.setSwarms([A, B]);
    for (const _ of [A, B]) (await tracker.asked()).answer(udpAnswer([peer]));
    for (const _ of [A, B]) await stage.found();
    await stage.client[Symbol.asyncDispose]();
    expect(tracker.unread).toBe(2);
  });

  describe('a list of tiers', () => {
    const listOf = (...tiers: string[][]): TrackerList => ({ tiers, isConfigured: false });

    test('the next tracker is asked when one fails; one that answers is enough', async () => {
      await using one = await PlayedTracker.start();
      await using two = await PlayedTracker.start();
      await using three = await PlayedTracker.start();
      await using stage = new Stage([], { lists: [listOf([one.url], [two.url], [three.url])] });
      stage.client.setSwarms([A]);
      (await one.asked()).response.writeHead(503).end();
      const asked = await two.asked();
      expect(asked.request.event).toBe('started');
      asked.give([peer], 1800);
      await stage.found();
      expect(await stage.clock.nextMs()).toBe(30 * MINUTE);
      expect(stage.client.status().map(({ state }) => state)).toEqual(['failing', 'working', 'unused']);

      // BEP 12: the next announce begins with the first tier again.
      stage.clock.advance(30 * MINUTE);
      const again = await one.asked();
      expect(again.request.event).toBe('started');
      again.give([peer]);
      await stage.found();
      await stage.clock.nextMs();
      expect(one.unread + two.unread + three.unread).toBe(0);
      expect(stage.client.status().map(({ state }) => state)).toEqual(['working', 'working', 'unused']);
    });

    test('inside a tier the one that answered last is asked first', async () => {
      await using one = await PlayedTracker.start();
      await using two = await PlayedTracker.start();
      // The draw leaves the order as it is.
      await using stage = new Stage([], { lists: [listOf([one.url, two.url])], draw: () => 0.999 });
      stage.client.setSwarms([A]);
      (await one.asked()).response.destroy();
      (await two.asked()).give([peer]);
      await stage.found();
      stage.clock.advance(await stage.clock.nextMs());
      (await two.asked()).give([peer]);
      await stage.found();
      expect(one.unread).toBe(0);
    });

    test('when none answers each waits for its own retry', async () => {
      await using one = await PlayedTracker.start();
      await using two = await PlayedTracker.start();
      await using stage = new Stage([], { lists: [listOf([one.url], [two.url])] });
      stage.client.setSwarms([A]);
      (await one.asked()).response.writeHead(500).end();
      (await two.asked()).response.writeHead(500).end();
      expect(await stage.clock.nextMs()).toBe(15_000);
      stage.clock.advance(15_000);
      (await one.asked()).response.writeHead(500).end();
      (await two.asked()).response.writeHead(500).end();
      expect(await stage.clock.nextMs()).toBe(30_000);
    });

    test('lists are independent of each other, and one may be for some swarms only', async () => {
      await using one = await PlayedTracker.start();
      await using two = await PlayedTracker.start();
      const lists = [
        { tiers: [[one.url]], isConfigured: true },
        { tiers: [[one.url, two.url]], isConfigured: false, swarms: new Set([B]) },
      ];
      await using stage = new Stage([], { lists });
      stage.client.setSwarms([A, B]);
      const asked = [await one.asked(), await one.asked(), await two.asked()];
      expect(asked.map(({ request }) => request.infoHash.toHex())).toEqual([A, B, B]);
      for (const { give } of asked) give([]);
      await stage.clock.nextMs();
      expect(one.unread + two.unread).toBe(0);
    });

    test('of a long list fifty are tried', async () => {
      await using tracker = await PlayedTracker.start();
      const urls = Array.from({ length: 1_000 }, (_, i) => [`${tracker.url}?${i}`]);
      await using stage = new Stage([], { lists: [listOf(...urls)] });
      stage.client.setSwarms([A]);
      for (let i = 0; i < 50; i += 1) (await tracker.asked()).response.writeHead(500).end();
      expect(await stage.clock.nextMs()).toBe(15_000);
      expect(tracker.unread).toBe(0);
    });
  });

  describe('a tracker with both families', () => {
    const both = { resolve: async () => ['127.0.0.1', '::1'] };

    test('is asked over both, each peers of its own', async () => {
      await using tracker = await PlayedTracker.start('::');
      await using stage = new Stage([tracker.url.replace('127.0.0.1', 'tracker.example.org')], both);
      stage.client.setSwarms([A]);
      const asked = [await tracker.asked(), await tracker.asked()];
      expect(new Set(asked.map(({ from }) => from.replace('::ffff:', '')))).toEqual(
        new Set(['127.0.0.1', '::1']),
      );
      for (const { give } of asked) give([peer]);
      await stage.found();
      await stage.found();
    });

    test('works when one of them does not', async () => {
      await using tracker = await PlayedTracker.start();
      await using stage = new Stage([tracker.url.replace('127.0.0.1', 'tracker.example.org')], both);
      stage.client.setSwarms([A]);
      (await tracker.asked()).give([peer]);
      await stage.found();
      expect(stage.client.status()[0]?.state).toBe('working');
    });

    test('with IPv4 only, IPv6 is looked for again in an hour', async () => {
      await using tracker = await PlayedTracker.start();
      const url = tracker.url.replace('127.0.0.1', 'tracker.example.org');
      await using stage = new Stage([url], { resolve: async () => ['127.0.0.1'] });
      stage.client.setSwarms([A]);
      (await tracker.asked()).give([peer], 3_600);
      await stage.found();
      expect(await stage.clock.nextMs()).toBe(60 * MINUTE);
    });
  });

  test('scrapes a tracker that counts nobody in its announces, for the status', async () => {
    await using tracker = await PlayedTracker.start();
    tracker.playsScrape = true;
    await using stage = new Stage([tracker.url]);
    stage.client.setSwarms([A]);
    (await tracker.asked()).give([peer]);
    await stage.found();
    const scrape = await tracker.scraped();
    const infoHash = Uint8Array.fromHex(A);
    scrape.end(encodeScrapeAnswer([{ infoHash, complete: 0, downloaded: 0, incomplete: 7 }]));
    await eventually('it is counted', () => stage.client.status()[0]?.peers === 7);
    expect(stage.client.status()).toEqual([{ url: tracker.url, state: 'working', peers: 7 }]);
  });

  test('hands on the address that the tracker saw (BEP 24)', async () => {
    await using tracker = await PlayedTracker.start();
    const { promise, resolve } = Promise.withResolvers<string>();
    await using stage = new Stage([tracker.url], {
      sawUs: (address, from) => resolve(`${address.join('.')} says ${from}`),
    });
    stage.client.setSwarms([A]);
    (await tracker.asked()).response.end(
      encodeAnnounceAnswer({
        intervalSeconds: 900,
        externalIp: Uint8Array.of(192, 0, 2, 7),
        ...encodeCompactPeers([]),
      }),
    );
    expect(await promise).toBe('192.0.2.7 says 127.0.0.1');
  });
});

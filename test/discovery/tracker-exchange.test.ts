import { describe, expect, test } from 'bun:test';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeScrapeAnswer } from '../../src/announce/scrape.ts';
import { isTrackerUrl, TrackerExchange } from '../../src/discovery/tracker-exchange.ts';
import { ProtocolError, UnavailableError } from '../../src/lib/errors.ts';
import { errorOf } from '../fixtures/world.ts';
import { HandClock, PlayedUdpTracker } from './playground.ts';

const A = new Uint8Array(20).fill(0xaa);
const B = new Uint8Array(20).fill(0xbb);
const COUNTS = { complete: 1, downloaded: 2, incomplete: 3 };
const { signal } = new AbortController();

async function answering(answer: (path: string, response: ServerResponse) => void) {
  const server = createServer(({ url = '' }, response) => answer(url, response));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('isTrackerUrl()', () => {
  test.each([
    'http://tracker.example.org/announce',
    'https://tracker.example.org:8443/announce?key=1',
    'udp://tracker.example.org:6969',
    'udp://[2001:db8::1]:6969/announce',
  ])('takes %s', (url) => expect(isTrackerUrl(url)).toBe(true));

  test.each([
    'udp://tracker.example.org/announce',
    'ws://tracker.example.org/announce',
    'wss://tracker.example.org',
    'file:///etc/passwd',
    'tracker.example.org:6969',
    '',
    `http://tracker.example.org/${'x'.repeat(2_048)}`,
  ])('refuses %s', (url) => expect(isTrackerUrl(url)).toBe(false));
});

describe('TrackerExchange scrape()', () => {
  test('asks over HTTP for all at once, and takes nothing that it has not asked for', async () => {
    const paths: string[] = [];
    using tracker = await answering((path, response) => {
      paths.push(path);
      response.end(
        encodeScrapeAnswer([
          { infoHash: A, ...COUNTS },
          { infoHash: new Uint8Array(20).fill(1), ...COUNTS },
        ]),
      );
    });
    using exchange = new TrackerExchange(new HandClock());
    expect(await exchange.scrape(tracker.url, 4, [A, B], signal)).toEqual([{ infoHash: A, ...COUNTS }]);
    expect(paths).toEqual([`/scrape?info_hash=${'%AA'.repeat(20)}&info_hash=${'%BB'.repeat(20)}`]);
  });

  test('asks over UDP, and takes no more than it has asked for', async () => {
    using tracker = await PlayedUdpTracker.start();
    using exchange = new TrackerExchange(new HandClock());
    const asking = exchange.scrape(tracker.url, 4, [A, B], signal);
    const { request, answer } = await tracker.asked();
    expect(request).toMatchObject({ action: 'scrape' });
    answer({ action: 'scrape', counts: [COUNTS, { ...COUNTS, complete: 9 }, COUNTS] });
    expect(await asking).toEqual([
      { infoHash: A, ...COUNTS },
      { infoHash: B, ...COUNTS, complete: 9 },
    ]);
  });

  test('says why where there is nothing to be had', async () => {
    using tracker = await answering((_, response) => response.end('<html>'));
    using exchange = new TrackerExchange(new HandClock());
    expect(await errorOf(exchange.scrape(tracker.url, 4, [A], signal))).toBeInstanceOf(ProtocolError);
    const elsewhere = tracker.url.replace('announce', 'meet');
    expect(await errorOf(exchange.scrape(elsewhere, 4, [A], signal))).toBeInstanceOf(UnavailableError);
    expect(await errorOf(exchange.scrape(tracker.url, 6, [A], signal))).toBeInstanceOf(UnavailableError);
    const many = Array.from({ length: 75 }, () => A);
    expect(await errorOf(exchange.scrape(tracker.url, 4, many, signal))).toBeInstanceOf(RangeError);
  });
});

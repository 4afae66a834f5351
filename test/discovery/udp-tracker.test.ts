import { describe, expect, test } from 'bun:test';
import type { UdpAnnounce } from '../../src/announce/udp.ts';
import { type UdpQuestion, UdpTrackers } from '../../src/discovery/udp-tracker.ts';
import { UnavailableError } from '../../src/lib/errors.ts';
import { errorOf } from '../fixtures/world.ts';
import { HandClock, PlayedUdpTracker } from './playground.ts';

const QUESTION: UdpQuestion = {
  action: 'announce',
  announce: {
    infoHash: new Uint8Array(20).fill(0xaa),
    peerId: new Uint8Array(20).fill(0x2d),
    port: 9989,
    uploadedBytes: 1,
    downloadedBytes: 2,
    leftBytes: 1,
    event: 'started',
  },
  urlData: new Uint8Array(0),
};
const none = new Uint8Array(0);
const ANSWER = {
  action: 'announce',
  answer: { intervalSeconds: 900, complete: 1, incomplete: 2, peers: none, peers6: none },
} as const;

class Stage implements Disposable {
  readonly clock = new HandClock();
  readonly trackers = new UdpTrackers(this.clock);

  ask(tracker: PlayedUdpTracker, question: UdpQuestion = QUESTION, signal = new AbortController().signal) {
    return this.trackers.ask(
      { host: '127.0.0.1', family: 4, reach: 'loopback' },
      tracker.port,
      question,
      signal,
    );
  }

  [Symbol.dispose](): void {
    this.trackers[Symbol.dispose]();
  }
}

describe('UdpTrackers', () => {
  test('connects, announces under the id given, and gives the answer', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const asking = stage.ask(tracker);
    const { request, answer } = await tracker.asked();
    expect((request as UdpAnnounce).connectionId).toEqual(tracker.connectionId);
    expect((request as UdpAnnounce).announce).toMatchObject({ port: 9989, event: 'started', leftBytes: 1 });
    answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
  });

  test('over IPv6, too', async () => {
    using tracker = await PlayedUdpTracker.start('::1');
    using stage = new Stage();
    const { signal } = new AbortController();
    const asking = stage.trackers.ask(
      { host: '::1', family: 6, reach: 'loopback' },
      tracker.port,
      QUESTION,
      signal,
    );
    (await tracker.asked()).answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
  });

  test('uses a connection id for a minute, with all that ask meanwhile, and gets another then', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const both = [stage.ask(tracker), stage.ask(tracker)];
    for (const _ of both) (await tracker.asked()).answer(ANSWER);
    await Promise.all(both);
    expect(tracker.connects).toBe(1);

    stage.clock.advance(59_000);
    const third = stage.ask(tracker);
    (await tracker.asked()).answer(ANSWER);
    await third;
    expect(tracker.connects).toBe(1);

    stage.clock.advance(1_000);
    const fourth = stage.ask(tracker);
    (await tracker.asked()).answer(ANSWER);
    await fourth;
    expect(tracker.connects).toBe(2);
  });

  test('asks again after 2.5 and 7.5 s, and gives up after 17.5', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const asking = errorOf(stage.ask(tracker));
    for (const waitMs of [2_500, 5_000, 10_000]) {
      await tracker.asked();
      expect(await stage.clock.nextMs()).toBe(waitMs);
      stage.clock.advance(waitMs);
    }
    const error = await asking;
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toBe('no answer');
    expect(tracker.unread).toBe(0);
  });

  test('whoever asks after that does so by another socket: the machine may have another address by now', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const silent = errorOf(stage.ask(tracker));
    const before = await tracker.asked();
    for (const waitMs of [2_500, 5_000, 10_000]) {
      await stage.clock.nextMs();
      stage.clock.advance(waitMs);
    }
    await silent;
    const asking = stage.ask(tracker);
    let after = await tracker.asked();
    while (after.port === before.port) after = await tracker.asked();
    after.answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
    expect(tracker.connects).toBe(2);
  });

  test('a tracker that is silent to an id it gave before is asked for another', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const first = stage.ask(tracker);
    (await tracker.asked()).answer(ANSWER);
    await first;
    tracker.connectionId = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1);
    const second = stage.ask(tracker);
    expect(((await tracker.asked()).request as UdpAnnounce).connectionId).not.toEqual(tracker.connectionId);
    await stage.clock.nextMs();
    stage.clock.advance(2_500);
    const { request, answer } = await tracker.asked();
    expect((request as UdpAnnounce).connectionId).toEqual(tracker.connectionId);
    answer(ANSWER);
    expect(await second).toMatchObject(ANSWER);
  });

  test('a lost connect is sent again, too', async () => {
    using tracker = await PlayedUdpTracker.start();
    tracker.playsConnect = true;
    using stage = new Stage();
    const asking = stage.ask(tracker);
    await tracker.asked();
    expect(await stage.clock.nextMs()).toBe(2_500);
    stage.clock.advance(2_500);
    (await tracker.asked()).answer({ action: 'connect', connectionId: tracker.connectionId });
    (await tracker.asked()).answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
  });

  test('an answer that comes late is one', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const asking = stage.ask(tracker);
    const first = await tracker.asked();
    stage.clock.advance(await stage.clock.nextMs());
    await tracker.asked();
    first.answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
  });

  test('renews a connection id that the tracker has forgotten, once', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const first = stage.ask(tracker);
    (await tracker.asked()).answer(ANSWER);
    await first;
    const second = stage.ask(tracker);
    (await tracker.asked()).answer({ action: 'error', failure: 'Connection ID missmatch.' });
    (await tracker.asked()).answer({ action: 'error', failure: 'go\x1b[2Jaway' });
    expect(tracker.connects).toBe(2);
    expect(await errorOf(second)).toMatchObject({ message: String.raw`it says: go\u{1b}[2Jaway` });
  });

  test('passes over garbage, answers to others and answers to something else', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const asking = stage.ask(tracker);
    const { send, answer, request } = await tracker.asked();
    send(new Uint8Array(0));
    send(new Uint8Array(7));
    send(new Uint8Array(1_000).fill(0xff));
    // An announce's answer to another transaction.
    send(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, ...new Uint8Array(12)));
    // Peers cut short.
    const transaction = new DataView(new ArrayBuffer(4));
    transaction.setUint32(0, request.transactionId);
    send(Uint8Array.of(0, 0, 0, 1, ...new Uint8Array(transaction.buffer), ...new Uint8Array(13)));
    answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
  });

  test('a tracker that answers everything wrongly is asked three times, not for ever', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const asking = errorOf(stage.ask(tracker));
    for (let i = 0; i < 3; i += 1) (await tracker.asked()).answer({ action: 'scrape', counts: [] });
    expect((await asking).message).toBe('no answer');
    expect(tracker.unread).toBe(0);
  });

  test('hears nobody but the tracker', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stranger = await PlayedUdpTracker.start('127.0.0.2');
    using stage = new Stage();
    const asking = stage.ask(tracker);
    const asked = await tracker.asked();
    stranger.sendTo(asked.port, { action: 'error', failure: 'me' }, asked.request.transactionId);
    // What comes after it on the same machine has come after it.
    asked.answer(ANSWER);
    expect(await asking).toMatchObject(ANSWER);
  });

  test('knows at once of a port where nobody listens', async () => {
    using stage = new Stage();
    const tracker = await PlayedUdpTracker.start();
    const { port } = tracker;
    tracker[Symbol.dispose]();
    const error = await errorOf(
      stage.trackers.ask(
        { host: '127.0.0.1', family: 4, reach: 'loopback' },
        port,
        QUESTION,
        new AbortController().signal,
      ),
    );
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('ends with the signal, and when it is disposed of', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const abort = new AbortController();
    const one = errorOf(stage.ask(tracker, QUESTION, abort.signal));
    await tracker.asked();
    abort.abort(new Error('leaving'));
    expect((await one).message).toBe('leaving');
    const two = errorOf(stage.ask(tracker));
    await tracker.asked();
    stage.trackers[Symbol.dispose]();
    expect((await two).message).toBe('stopping');
  });

  test('closes its socket when there was nothing to ask for a minute, and makes another', async () => {
    using tracker = await PlayedUdpTracker.start();
    using stage = new Stage();
    const first = stage.ask(tracker);
    const { port, answer } = await tracker.asked();
    answer(ANSWER);
    await first;
    stage.clock.advance(60_000);
    const second = stage.ask(tracker);
    const again = await tracker.asked();
    expect(again.port).not.toBe(port);
    again.answer(ANSWER);
    await second;
  });
});

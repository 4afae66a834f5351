import { describe, expect, test } from 'bun:test';
import { announceUrl, decodeAnnounceAnswer, peersOf } from '../../src/announce/http.ts';
import { decodeDict } from '../../src/bencode/decode.ts';
import { respond } from '../../src/tracker/respond.ts';
import { Tracker } from '../../src/tracker/tracker.ts';
import { SetClock, seededDraw } from './samples.ts';

const from = { address: Uint8Array.of(192, 0, 2, 1) };
const announce = {
  infoHash: new Uint8Array(20),
  peerId: new Uint8Array(20),
  uploadedBytes: 0,
  downloadedBytes: 0,
};
const target = (port: number) => announceUrl('/announce', { ...announce, port, leftBytes: 1 });
const trackerOf = () => new Tracker({ clock: new SetClock(), draw: seededDraw(1) });

describe('respond()', () => {
  test('keeps an error of our own from strangers', () => {
    const broken = trackerOf();
    broken.announce = () => {
      throw new TypeError('secret');
    };
    const { body } = respond(broken, { method: 'GET', target: target(1) }, from);
    expect(decodeAnnounceAnswer(body)).toEqual({ failure: 'the tracker failed' });
    expect(broken.stats().refused).toBe(1);
  });

  test('gives a list of peers without ids to a client that cannot read compact ones', () => {
    const tracker = trackerOf();
    respond(tracker, { method: 'GET', target: target(1) }, from);
    const listed = target(2).replace('compact=1', 'compact=0&no_peer_id=1');
    const { body } = respond(tracker, { method: 'GET', target: listed }, from);
    expect(decodeDict(body, { maxBytes: 1000, maxDepth: 5 }).peers).toEqual([
      { ip: new Uint8Array(Buffer.from('192.0.2.1')), port: 1 },
    ]);
    const answer = decodeAnnounceAnswer(body);
    expect('failure' in answer ? answer : peersOf(answer, 9)).toEqual([{ host: '192.0.2.1', port: 1 }]);
  });

  test('gives what is no request of ours 404, and other methods 405', () => {
    const statusOf = (method: string, path: string) =>
      respond(trackerOf(), { method, target: path }, from).status;
    expect(statusOf('GET', '/announced')).toBe(404);
    expect(statusOf('HEAD', '/announce')).toBe(405);
    expect(statusOf('GET', '/stats')).toBe(200);
  });
});

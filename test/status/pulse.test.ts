import { describe, expect, test } from 'bun:test';
import { Pulse, SAMPLES_MAX, STEP_MS } from '../../src/status/pulse.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';
import { idle } from './fixtures.ts';

function watched() {
  const clock = new VirtualClock();
  const node = { session: idle.session, peers: [{ address: '192.0.2.7:1', bytesDown: 0, bytesUp: 0 }] };
  const pulse = new Pulse({ clock, session: () => node.session, peers: () => node.peers });
  return { clock, node, pulse };
}

describe('Pulse', () => {
  test('gives bytes a second, over the last steps and for each peer', async () => {
    const { clock, node, pulse } = watched();
    expect(pulse.rates()).toEqual(idle.rates);
    await clock.run(STEP_MS);
    node.session = { ...idle.session, fromPeers: 8000, uploaded: 2000 };
    node.peers = [{ address: '192.0.2.7:1', bytesDown: 8000, bytesUp: 0 }];
    await clock.run(STEP_MS);
    expect(pulse.history.map(({ fromPeers, uploaded }) => [fromPeers, uploaded])).toEqual([
      [0, 0],
      [4000, 1000],
    ]);
    expect(pulse.rates()).toMatchObject({ fromPeers: 2000, uploaded: 500, fromMirror: 0 });
    expect(pulse.ofPeer('192.0.2.7:1')).toMatchObject({ down: 2000, up: 0 });
    pulse[Symbol.dispose]();
  });

  test('forgets peers that have gone, and moments that are long past', async () => {
    const { clock, node, pulse } = watched();
    await clock.run(STEP_MS);
    node.peers = [{ address: '192.0.2.7:1', bytesDown: 4000, bytesUp: 4000 }];
    await clock.run(STEP_MS);
    expect(pulse.ofPeer('192.0.2.7:1').up).toBeGreaterThan(0);
    node.peers = [];
    await clock.run(STEP_MS * SAMPLES_MAX * 2);
    expect(pulse.ofPeer('192.0.2.7:1')).toEqual({ down: 0, up: 0 });
    expect(pulse.history.length).toBe(SAMPLES_MAX);
    pulse[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });

  test('has no negative rate where a peer comes back under its old address', async () => {
    const { clock, node, pulse } = watched();
    node.peers = [{ address: '192.0.2.7:1', bytesDown: 9000, bytesUp: 0 }];
    await clock.run(STEP_MS);
    node.peers = [{ address: '192.0.2.7:1', bytesDown: 10, bytesUp: 0 }];
    await clock.run(STEP_MS);
    expect(pulse.ofPeer('192.0.2.7:1').down).toBeGreaterThanOrEqual(0);
    pulse[Symbol.dispose]();
  });
});

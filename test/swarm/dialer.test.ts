import { describe, expect, test } from 'bun:test';
import { Dialer, type DialerHost } from '../../src/swarm/dialer.ts';
import type { Link } from '../../src/swarm/link.ts';
import type { Provenance } from '../../src/swarm/provenance.ts';
import { MemoryNetwork } from '../fixtures/memory-network.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

/** 0 to 1, the same each time. */
function seededDraw(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const AT = { host: '198.51.100.7', port: 9989 };

/** A dialer on an empty network; what it dialled, and what became of it. */
function scene(changes: Partial<DialerHost> = {}) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork(clock);
  const connected: { link: Link; infoHash: string; provenance: Provenance; atMs: number }[] = [];
  const start = clock.nowMs();
  const dialler: Dialer = new Dialer({
    clock,
    dial: network.node('10.0.0.1').dial,
    swarms: () => ['s1', 's2', 's3'],
    draw: seededDraw(1),
    wants: () => true,
    mayDial: () => true,
    connected: (link, infoHash, provenance) => {
      link.attach({ data: () => {}, drained: () => {}, closed: () => {} });
      connected.push({ link, infoHash, provenance, atMs: clock.nowMs() - start });
    },
    ...changes,
  });
  const listen = (host = AT.host, onLink: (link: Link) => void = () => {}) =>
    network.node(host).listen({ host, port: AT.port }, (link) => {
      link.attach({ data: () => {}, drained: () => {}, closed: () => {} });
      onLink(link);
    });
  return { clock, network, dialler, connected, listen };
}

/** Ends a connection as a node does that learns nothing, or something, from it. */
function end(dialler: Dialer, link: Link | undefined, useful: boolean): void {
  if (!link) throw new Error('not connected');
  link.close('done');
  dialler.ended(link, useful);
}

describe('Dialer with an address given by hand', () => {
  test('dials at once, with growing pauses, and for ever', async () => {
    const { clock, network, dialler, connected, listen } = scene();
    dialler.give(AT);
    await clock.run(1);
    expect(network.dials).toHaveLength(1);
    await clock.run(10_000);
    expect(network.dials.length).toBeWithin(4, 8);
    await clock.run(3_600_000);
    const many = network.dials.length;
    expect(many).toBeWithin(100, 140);
    await clock.run(24 * 3_600_000);
    listen();
    await clock.run(31_000);
    expect(connected).toHaveLength(1);
    expect(connected[0]).toMatchObject({ infoHash: 's1', provenance: 'given' });
    dialler.stop();
    expect(clock.pending).toBe(0);
  });

  test('a dead address is not tried once more for each swarm', async () => {
    const { clock, network, dialler } = scene({
      swarms: () => Array.from({ length: 20 }, (_, i) => `s${i}`),
    });
    dialler.give(AT);
    await clock.run(400);
    expect(network.dials).toHaveLength(1);
    await clock.run(5_000);
    expect(network.dials.length).toBeLessThan(6);
    dialler.stop();
  });

  test('one that closes without a word is asked in each of our swarms, quickly; then it is left alone for a while', async () => {
    const { clock, dialler, connected, listen } = scene();
    listen();
    dialler.give(AT);
    for (const infoHash of ['s1', 's2', 's3']) {
      await clock.run(30);
      expect(connected.at(-1)?.infoHash).toBe(infoHash);
      end(dialler, connected.at(-1)?.link, false);
    }
    await clock.run(300);
    expect(connected).toHaveLength(3);
    await clock.run(300);
    expect(connected).toHaveLength(4);
    dialler.stop();
  });

  test('one that was a peer is dialled again soon, in the swarm that it knew', async () => {
    const { clock, dialler, connected, listen } = scene();
    listen();
    dialler.give(AT);
    await clock.run(1);
    end(dialler, connected.at(-1)?.link, false);
    await clock.run(30);
    expect(connected.at(-1)?.infoHash).toBe('s2');
    for (let i = 0; i < 5; i += 1) {
      end(dialler, connected.at(-1)?.link, true);
      await clock.run(510);
      expect(connected).toHaveLength(3 + i);
      expect(connected.at(-1)?.infoHash).toBe('s2');
    }
    dialler.stop();
  });

  test('is hopeful for a moment after the address was given, not while connected, not later', async () => {
    const { clock, network, dialler, listen } = scene();
    expect(dialler.hopefulUntilMs()).toBeUndefined();
    network.deaf.add(AT.host);
    dialler.give(AT);
    expect((dialler.hopefulUntilMs() ?? 0) - clock.nowMs()).toBe(250);
    await clock.run(251);
    expect(dialler.hopefulUntilMs()).toBeUndefined();
    network.deaf.clear();
    listen();
    await clock.run(30_000);
    expect(dialler.hopefulUntilMs()).toBeUndefined();
    dialler.stop();
  });

  test('new swarms are a reason to try at once', async () => {
    let swarms: string[] = [];
    const { clock, network, dialler, connected, listen } = scene({ swarms: () => swarms });
    listen();
    dialler.give(AT);
    await clock.run(60_000);
    expect(network.dials).toEqual([]);
    swarms = ['s9'];
    dialler.swarmsChanged();
    await clock.run(1);
    expect(connected[0]?.infoHash).toBe('s9');
    dialler.stop();
  });

  test('one that may not be dialled now is dialled when it may', async () => {
    let may = false;
    const { clock, dialler, connected, listen } = scene({ mayDial: () => may });
    listen();
    dialler.give(AT);
    await clock.run(60_000);
    expect(connected).toEqual([]);
    may = true;
    await clock.run(31_000);
    expect(connected).toHaveLength(1);
    dialler.stop();
  });
});

describe('Dialer with addresses of strangers', () => {
  test('dials in a swarm it was named for', async () => {
    const { clock, dialler, connected, listen } = scene();
    listen();
    dialler.found(AT, 's2', 'tracker');
    await clock.run(1);
    expect(connected).toMatchObject([{ infoHash: 's2', provenance: 'tracker' }]);
    dialler.stop();
  });

  test('forgets one that fails a few times', async () => {
    const { clock, network, dialler } = scene();
    dialler.found(AT, 's1', 'tracker');
    await clock.run(24 * 3_600_000);
    expect(network.dials.length).toBeWithin(3, 6);
    expect(clock.pending).toBe(0);
    dialler.found(AT, 's1', 'tracker');
    await clock.run(1);
    expect(network.dials.length).toBeWithin(4, 7);
    dialler.stop();
  });

  test('forgets those of swarms that we have left, and keeps no timer for them', async () => {
    const { clock, network, dialler } = scene();
    dialler.found(AT, 'left long ago', 'tracker');
    await clock.run(60_000);
    expect(network.dials).toEqual([]);
    expect(clock.pending).toBe(0);
    dialler.stop();
  });

  test('dials at most twenty at a time, and remembers at most a thousand', async () => {
    const { clock, network, dialler } = scene();
    for (let i = 0; i < 3_000; i += 1) {
      const host = `203.0.${i >> 8}.${i & 255}`;
      network.deaf.add(host);
      dialler.found({ host, port: 1 }, 's1', 'tracker');
    }
    await clock.run(1);
    expect(network.dials).toHaveLength(20);
    await clock.run(4_000);
    expect(network.dials).toHaveLength(40);
    await clock.run(400_000);
    expect(new Set(network.dials).size).toBe(1_000);
    dialler.stop();
  });

  test('dials none while enough are connected, but given ones all the same', async () => {
    const { clock, dialler, connected, listen } = scene({ wants: () => false });
    listen();
    listen('203.0.113.1');
    dialler.found(AT, 's1', 'tracker');
    dialler.give({ host: '203.0.113.1', port: AT.port });
    await clock.run(5_000);
    expect(connected.map(({ provenance }) => provenance)).toEqual(['given']);
    dialler.stop();
  });

  test('one that turned out to be ourselves is forgotten', async () => {
    const { clock, network, dialler, connected, listen } = scene();
    listen();
    dialler.found(AT, 's1', 'tracker');
    await clock.run(1);
    const link = connected[0]?.link as Link;
    dialler.forget(link);
    end(dialler, link, false);
    await clock.run(600_000);
    expect(network.dials).toHaveLength(1);
    dialler.stop();
  });

  test('a connection that comes when it has stopped is closed', async () => {
    const { clock, network, dialler, connected, listen } = scene();
    network.shape(AT.host, { latencyMs: 100 });
    listen();
    dialler.found(AT, 's1', 'tracker');
    await clock.run(1);
    dialler.stop();
    await clock.run(1_000);
    expect(connected).toEqual([]);
    expect(network.openEnds).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

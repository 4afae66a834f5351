import { describe, expect, test } from 'bun:test';
import { Dialer, type DialerHost } from '../../src/swarm/dialer.ts';
import type { Link } from '../../src/swarm/link.ts';
import { LocalNetwork } from '../../src/swarm/local-network.ts';
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
    local: new LocalNetwork(),
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

describe('Dialer with many addresses at once', () => {
  const refusing = Array.from({ length: 200 }, (_, i) => ({ host: `198.51.${i % 100}.${i}`, port: 9989 }));

  test('dials 20 strangers in a row and 10 a second after that, however soon they refuse', async () => {
    const { clock, network, dialler } = scene();
    for (const at of refusing) dialler.found(at, 's1', 'tracker');
    await clock.run(1);
    expect(network.dials).toHaveLength(20);
    await clock.run(5_000);
    expect(network.dials.length).toBeWithin(65, 72);
    await clock.run(15_000);
    expect(network.dials.length).toBeWithin(200, 222);
    dialler.stop();
  });

  test('near ones don’t wait for strangers, nor do those that may not be dialled use their turns up', async () => {
    const { clock, network, dialler } = scene({ mayDial: ({ host }) => !host.startsWith('198.51.1') });
    for (const at of refusing) dialler.found(at, 's1', 'tracker');
    await clock.run(1);
    dialler.found({ host: '192.168.1.9', port: 9989 }, 's1', 'lan');
    await clock.run(1);
    expect(network.dials.at(-1)).toContain('192.168.1.9');
    expect(network.dials).toHaveLength(21);
    dialler.stop();
  });
});

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

describe('Dialer and those who dial us', () => {
  const peerId = 'ab'.repeat(20);
  const ID = 'cd'.repeat(20);

  /** A link from `host` that we did not dial. */
  function incoming(network: MemoryNetwork, host: string): Link {
    const [ours] = network.pair({ host: '10.0.0.1', port: 1 }, { host, port: 40_000 });
    ours.attach({ data: () => {}, drained: () => {}, closed: () => {} });
    return ours;
  }

  test('one counts as given only with the peer id that answered at that address, from its host, with its port', async () => {
    const { clock, network, dialler, connected, listen } = scene();
    listen();
    dialler.give(AT);
    const before = incoming(network, AT.host);
    expect(dialler.recognise(before, AT.port, ID)).toBe('inbound');
    await clock.run(1);
    dialler.answered(connected[0]?.link as Link, ID);
    expect(dialler.recognise(incoming(network, AT.host), AT.port, ID)).toBe('given');
    expect(dialler.recognise(incoming(network, AT.host), AT.port, peerId)).toBe('inbound');
    expect(dialler.recognise(incoming(network, AT.host), AT.port + 1, ID)).toBe('inbound');
    expect(dialler.recognise(incoming(network, '203.0.113.9'), AT.port, ID)).toBe('inbound');
    dialler.stop();
  });

  test('one that a tracker named counts as that, and is not dialled while it is connected', async () => {
    const { clock, network, dialler } = scene({ wants: () => false });
    dialler.found(AT, 's1', 'tracker');
    const link = incoming(network, AT.host);
    expect(dialler.recognise(link, AT.port, ID)).toBe('tracker');
    expect(dialler.expects(AT.host)).toBe('tracker');
    expect(dialler.expects('203.0.113.9')).toBe('inbound');
    await clock.run(60_000);
    expect(network.dials).toEqual([]);
    dialler.stop();
  });

  test('an address given by hand is not dialled while the connection that replaced it is there, and soon after', async () => {
    const { clock, network, dialler, connected, listen } = scene();
    listen();
    dialler.give(AT);
    await clock.run(1);
    const [dialled, kept] = [connected[0]?.link as Link, incoming(network, AT.host)];
    expect(dialler.replace(dialled, kept)).toBe('given');
    end(dialler, dialled, true);
    await clock.run(3_600_000);
    expect(network.dials).toHaveLength(1);
    end(dialler, kept, true);
    await clock.run(600);
    expect(network.dials).toHaveLength(2);
    dialler.stop();
  });
});

describe('Dialer with what peers name', () => {
  test('tries it twice, then forgets it', async () => {
    const { clock, network, dialler } = scene();
    dialler.found(AT, 's1', 'pex', 'source');
    await clock.run(3_600_000);
    expect(network.dials).toHaveLength(2);
    expect(clock.pending).toBe(0);
  });

  test('the best of those that named it counts', async () => {
    const { clock, dialler, connected, listen } = scene({ wants: () => false });
    listen();
    dialler.found(AT, 's1', 'pex', 'source');
    dialler.found(AT, 's1', 'dht');
    dialler.found(AT, 's1', 'tracker');
    dialler.found(AT, 's1', 'pex', 'another');
    expect(dialler.expects(AT.host)).toBe('tracker');
    dialler.give(AT);
    await clock.run(1);
    expect(connected[0]?.provenance).toBe('given');
    dialler.stop();
  });

  test('makes room for what others name, and remembers a hundred of one source, four hundred in all', () => {
    const { dialler } = scene({ wants: () => false });
    const known = (first: number) => {
      let count = 0;
      for (let i = 0; i < 2_000; i += 1)
        if (dialler.expects(`${first}.0.${i >> 8}.${i & 255}`) !== 'inbound') count += 1;
      return count;
    };
    const name = (first: number, count: number, provenance: Provenance, source?: string) => {
      for (let i = 0; i < count; i += 1)
        dialler.found({ host: `${first}.0.${i >> 8}.${i & 255}`, port: 1 }, 's1', provenance, source);
    };
    name(20, 2_000, 'pex', 'one');
    expect(known(20)).toBe(100);
    for (let source = 1; source < 9; source += 1) name(20 + source, 100, 'pex', `source ${source}`);
    expect([20, 21, 22, 23, 24, 25].map(known)).toEqual([100, 100, 100, 100, 0, 0]);
    name(50, 2_000, 'dht');
    expect(known(50)).toBe(1_000);
    expect(known(20)).toBe(0);
    dialler.stop();
  });

  test('whoever names many addresses does not choose our peers: the others have their share', async () => {
    const { clock, dialler, connected, network } = scene({
      wants: () => connected.length < 17,
    });
    const open = (host: string) =>
      network
        .node(host)
        .listen({ host, port: 1 }, (link) =>
          link.attach({ data: () => {}, drained: () => {}, closed: () => {} }),
        );
    const name = (first: number, count: number, provenance: Provenance) => {
      for (let i = 0; i < count; i += 1) {
        const host = `${first}.0.${i >> 8}.${i & 255}`;
        open(host);
        dialler.found({ host, port: 1 }, 's1', provenance, 'source');
      }
    };
    name(20, 100, 'pex');
    name(30, 50, 'tracker');
    await clock.run(10_000);
    const fromTracker = connected.filter(({ provenance }) => provenance === 'tracker').length;
    expect(fromTracker).toBeGreaterThanOrEqual(connected.length / 2);
    dialler.stop();
  });
});

describe('Dialer and public addresses in a subnet of our own', () => {
  const neighbours = () => {
    const clock = new VirtualClock();
    return scene({ local: new LocalNetwork(clock, () => ['203.0.113.7/24']) });
  };
  const nameAll = async (provenance: Provenance) => {
    const { clock, network, dialler } = neighbours();
    for (let port = 1; port <= 50; port += 1) dialler.found({ host: '203.0.113.9', port }, 's1', provenance);
    await clock.run(60_000);
    dialler.stop();
    return new Set(network.dials).size;
  };

  test.each(['dht', 'open-tracker'] as const)('whom %s names is dialled like any stranger', async (from) => {
    expect(await nameAll(from)).toBe(3);
  });

  test.each(['lan', 'tracker', 'pex'] as const)('whom %s names is near', async (from) => {
    expect(await nameAll(from)).toBe(50);
  });
});

import { describe, expect, test } from 'bun:test';
import { Lsd } from '../../src/discovery/lsd.ts';
import { decodeLsdMessage, encodeLsdMessages } from '../../src/discovery/lsd-message.ts';
import { formatHostPort } from '../../src/lib/host-port.ts';
import { MemorySegment } from '../fixtures/memory-segment.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const A = 'aa'.repeat(20);
const B = 'bb'.repeat(20);
const SECOND = 1_000;
const MINUTE = 60_000;

/** Nodes on one segment; each tells whom it found, as "swarm's first letter host:port …". */
class Scene implements Disposable {
  readonly clock = new VirtualClock();
  readonly segment = new MemorySegment(this.clock);
  readonly #nodes: Lsd[] = [];
  readonly #draw: () => number;

  constructor(seed = 1) {
    this.#draw = seededDraw(seed);
  }

  node(host: string, swarms: readonly string[] = [A]) {
    const found: string[] = [];
    const lsd = new Lsd({
      port: 9989,
      clock: this.clock,
      draw: this.#draw,
      open: this.segment.openPort(host),
      found: (infoHash, addresses, isNew) => {
        const text = [infoHash[0], ...addresses.map(formatHostPort)].join(' ');
        found.push(isNew ? text : `${text} again`);
      },
    });
    this.#nodes.push(lsd);
    lsd.setSwarms(swarms);
    return { lsd, found };
  }

  /** Somebody says this, as if from `host`. */
  say(host: string, infoHashes: readonly string[], port = 6881, cookie?: string): void {
    for (const datagram of encodeLsdMessages('x', { port, infoHashes, cookie }))
      this.segment.send(host, datagram);
  }

  sentBy(host: string) {
    return this.segment.sent.filter((sent) => sent.host === host);
  }

  [Symbol.dispose](): void {
    for (const node of this.#nodes) node[Symbol.dispose]();
    expect(this.clock.pending).toBe(0);
  }
}

function seededDraw(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function swarmsOf({ text }: { readonly text: string }): readonly string[] {
  return decodeLsdMessage(new TextEncoder().encode(text)).infoHashes;
}

describe('Lsd', () => {
  test.each(['first', 'second'])(
    'two nodes find each other within a second, the %s by what the other says',
    async (which) => {
      using scene = new Scene();
      const first = scene.node('10.0.0.1');
      await scene.clock.run(2 * MINUTE);
      expect(first.found).toEqual([]);
      const second = scene.node('10.0.0.2');
      await scene.clock.run(1_100);
      const found = which === 'first' ? first.found : second.found;
      expect(found).toContain(which === 'first' ? 'a 10.0.0.2:9989' : 'a 10.0.0.1:9989');
    },
  );

  test('they find each other when the first announces got lost', async () => {
    using scene = new Scene();
    scene.segment.loses = (_, nth) => nth <= 2;
    const nodes = [scene.node('10.0.0.1'), scene.node('10.0.0.2')];
    await scene.clock.run(4 * SECOND);
    for (const { found } of nodes) expect(found).not.toEqual([]);
  });

  test('says each swarm at once, again after a second or two, and then every five minutes or so', async () => {
    using scene = new Scene();
    const startMs = scene.clock.nowMs();
    scene.node('10.0.0.1', [A, B]);
    await scene.clock.run(16 * MINUTE);
    const times = scene.segment.sent.map(({ atMs }) => atMs - startMs);
    expect(times).toHaveLength(5);
    const gaps = times.map((time, i) => time - (times[i - 1] ?? 0));
    expect(gaps[0]).toBeLessThanOrEqual(20);
    expect(gaps[1]).toBeWithin(1_000, 2_001);
    for (const gap of gaps.slice(2)) expect(gap).toBeWithin(270_000, 330_001);
    for (const sent of scene.segment.sent) expect(swarmsOf(sent)).toEqual([A, B]);
  });

  test('announceNow() says all swarms again, at most twice a minute', async () => {
    using scene = new Scene();
    const { lsd } = scene.node('10.0.0.1', [A, B]);
    await scene.clock.run(10_000);
    const before = scene.segment.sent.length;
    for (let i = 0; i < 100; i += 1) lsd.announceNow();
    await scene.clock.run(29_000);
    expect(scene.segment.sent.slice(before).map(swarmsOf)).toEqual([
      [A, B],
      [A, B],
    ]);
  });

  test('a swarm joined later is said at once, and whoever was heard in it before is found at once', async () => {
    using scene = new Scene();
    const { lsd, found } = scene.node('10.0.0.1', [A]);
    await scene.clock.run(MINUTE);
    scene.say('10.0.0.7', [B]);
    await scene.clock.run(MINUTE);
    expect(found).toEqual([]);
    const before = scene.segment.sent.length;
    lsd.setSwarms([A, B]);
    await scene.clock.run(100);
    expect(found).toEqual(['b 10.0.0.7:6881']);
    const later = scene.segment.sent.slice(before);
    expect(later.map(swarmsOf)).toEqual([[B]]);
  });

  test('a swarm left is said no more, and nobody is found in it', async () => {
    using scene = new Scene();
    const { lsd, found } = scene.node('10.0.0.1', [A, B]);
    await scene.clock.run(3 * SECOND);
    lsd.setSwarms([A]);
    scene.segment.sent.length = 0;
    await scene.clock.run(6 * MINUTE);
    expect(scene.segment.sent.map(swarmsOf)).toEqual([[A]]);
    scene.say('10.0.0.7', [B]);
    await scene.clock.run(SECOND);
    expect(found).toEqual([]);
  });

  test('all addresses of one program are handed on together, IPv4 first and link-local last', async () => {
    using scene = new Scene();
    const { found } = scene.node('10.0.0.1');
    for (const host of ['fe80::7%eth0', 'fd00::7', '10.0.9.7', '10.0.0.7']) scene.say(host, [A], 9989, 'ab');
    scene.say('10.0.0.8', [A], 9989, 'cd');
    await scene.clock.run(SECOND);
    expect(found).toEqual([
      'a 10.0.0.7:9989 10.0.9.7:9989 [fd00::7]:9989 [fe80::7%eth0]:9989',
      'a 10.0.0.8:9989',
    ]);
  });

  test('one that is heard again and again is found again only every half minute, and answered once', async () => {
    using scene = new Scene();
    const { found } = scene.node('10.0.0.1');
    await scene.clock.run(MINUTE);
    scene.segment.sent.length = 0;
    for (let i = 0; i < 60; i += 1) {
      scene.say('10.0.0.7', [A]);
      await scene.clock.run(SECOND);
    }
    expect(found).toEqual(['a 10.0.0.7:6881', 'a 10.0.0.7:6881 again']);
    expect(scene.sentBy('10.0.0.1')).toHaveLength(1);
  });

  test('one that was started again is found and answered at once', async () => {
    using scene = new Scene();
    const { found } = scene.node('10.0.0.1');
    await scene.clock.run(MINUTE);
    scene.segment.sent.length = 0;
    scene.say('10.0.0.7', [A], 6881, 'one');
    await scene.clock.run(20 * SECOND);
    scene.say('10.0.0.7', [A], 6881, 'two');
    await scene.clock.run(2 * SECOND);
    expect(found).toHaveLength(2);
    expect(scene.sentBy('10.0.0.1')).toHaveLength(2);
  });

  test('its own messages are not taken for a neighbour’s, another node’s at the same address are', async () => {
    using scene = new Scene();
    const { found, lsd } = scene.node('10.0.0.1');
    await scene.clock.run(6 * MINUTE);
    expect(found).toEqual([]);
    scene.say('10.0.0.1', [A], 9990);
    await scene.clock.run(SECOND);
    expect(found).toEqual(['a 10.0.0.1:9990']);
    expect(lsd.status()).toEqual({ interfaces: ['eth0'], neighbours: 1 });
  });

  test('what comes from elsewhere than the segment, or is no announce, is passed over', async () => {
    using scene = new Scene();
    const { found, lsd } = scene.node('10.0.0.1');
    scene.say('203.0.113.5', [A]);
    scene.segment.send('10.0.0.5', new TextEncoder().encode('M-SEARCH * HTTP/1.1\r\n\r\n'));
    scene.segment.send('10.0.0.5', new Uint8Array(65_000));
    await scene.clock.run(SECOND);
    expect(found).toEqual([]);
    expect(lsd.status().neighbours).toBe(0);
  });

  test('neighbours that fall silent are forgotten after fifteen minutes', async () => {
    using scene = new Scene();
    const { lsd, found } = scene.node('10.0.0.1');
    scene.say('10.0.0.7', [A, B]);
    await scene.clock.run(15 * MINUTE);
    expect(lsd.status().neighbours).toBe(1);
    await scene.clock.run(MINUTE);
    expect(lsd.status().neighbours).toBe(0);
    found.length = 0;
    lsd.setSwarms([A, B]);
    await scene.clock.run(SECOND);
    expect(found).toEqual([]);
  });

  test('another interface: all swarms are said on it, at most twice a minute however often it comes and goes', async () => {
    using scene = new Scene();
    scene.node('10.0.0.1');
    const port = scene.segment.ports.get('10.0.0.1');
    if (!port) throw new Error('no port');
    await scene.clock.run(MINUTE);
    scene.segment.sent.length = 0;
    port.plugged = ['eth0', 'wlan0'];
    await scene.clock.run(20 * SECOND);
    expect(scene.segment.sent).toHaveLength(2);
    for (let i = 0; i < 20; i += 1) {
      port.plugged = i % 2 === 0 ? ['eth0'] : ['eth0', 'wlan0'];
      await scene.clock.run(15 * SECOND);
    }
    expect(scene.segment.sent.length).toBeLessThanOrEqual(2 + 2 * 11);
  });

  test('without a network nothing is said, and as soon as there is one everything', async () => {
    using scene = new Scene();
    const { lsd } = scene.node('10.0.0.1', []);
    const port = scene.segment.ports.get('10.0.0.1');
    if (!port) throw new Error('no port');
    port.plugged = [];
    await scene.clock.run(20 * SECOND);
    lsd.setSwarms([A]);
    await scene.clock.run(20 * SECOND);
    expect(scene.segment.sent).toEqual([]);
    port.plugged = ['eth0'];
    await scene.clock.run(20 * SECOND);
    expect(scene.segment.sent).toHaveLength(2);
  });

  test('a house of 100 that boots in one second doesn’t shout, and everybody finds somebody', async () => {
    using scene = new Scene();
    const nodes: ReturnType<Scene['node']>[] = [];
    for (let i = 0; i < 100; i += 1) {
      nodes.push(scene.node(`10.0.0.${i}`));
      await scene.clock.run(10);
    }
    await scene.clock.run(30 * SECOND);
    for (const { found } of nodes) expect(new Set(found).size).toBeGreaterThan(60);
    expect(scene.segment.sent.length).toBeLessThan(100 * 6);
    const before = scene.segment.sent.length;
    nodes.push(scene.node('10.0.1.1'));
    await scene.clock.run(10 * SECOND);
    expect(nodes.filter(({ found }) => found.includes('a 10.0.1.1:9989')).length).toBeGreaterThan(60);
    expect(scene.segment.sent.length - before).toBe(2);
    await scene.clock.run(2 * MINUTE);
    expect(scene.segment.sent.length - before).toBeLessThan(10);
    await scene.clock.run(4 * MINUTE);
    expect(new Set(nodes.at(-1)?.found).size).toBeGreaterThan(60);
  });
});

describe('Lsd in a flood', () => {
  test('of one address takes it for one neighbour, and hears the others', async () => {
    using scene = new Scene();
    const { found } = scene.node('10.0.0.1');
    await scene.clock.run(MINUTE);
    for (let i = 0; i < 600; i += 1) scene.say('10.0.0.66', [A], 6881, `${i}`);
    scene.say('10.0.0.7', [A]);
    await scene.clock.run(SECOND);
    expect(found.filter((text) => text.includes('10.0.0.66'))).toHaveLength(1);
    expect(found).toContain('a 10.0.0.7:6881');
  });

  test('of one host with many ports finds eight of them', async () => {
    using scene = new Scene();
    const { found } = scene.node('10.0.0.1');
    for (let port = 1; port <= 100; port += 1) scene.say('10.0.0.66', [A], port);
    await scene.clock.run(SECOND);
    expect(found).toHaveLength(8);
  });

  test('of made-up neighbours hands on a few, remembers 256, and answers no oftener than every five seconds', async () => {
    using scene = new Scene();
    const { lsd, found } = scene.node('10.0.0.1');
    await scene.clock.run(MINUTE);
    scene.segment.sent.length = 0;
    for (let i = 0; i < 6_000; i += 1) {
      scene.say(`10.1.${i >> 8}.${i & 255}`, [A, B]);
      if (i % 10 === 0) await scene.clock.run(100);
    }
    await scene.clock.run(SECOND);
    expect(found.length).toBeLessThanOrEqual(64 + 2 * 61);
    expect(lsd.status().neighbours).toBeLessThanOrEqual(256);
    expect(scene.sentBy('10.0.0.1').length).toBeLessThanOrEqual(60 / 5 + 2);
  });

  test('of more than 2,000 datagrams in a second stops listening for ten seconds, and then hears again', async () => {
    using scene = new Scene();
    const { found } = scene.node('10.0.0.1');
    await scene.clock.run(MINUTE);
    const port = scene.segment.ports.get('10.0.0.1');
    if (!port) throw new Error('no port');
    port.heard = 0;
    for (let i = 0; i < 10_000; i += 1) scene.say('10.0.0.66', [A]);
    await scene.clock.run(100);
    expect(port.isDeaf).toBe(true);
    expect(port.heard).toBeLessThanOrEqual(2_001);
    await scene.clock.run(10 * SECOND);
    scene.say('10.0.0.7', [A]);
    await scene.clock.run(100);
    expect(found).toContain('a 10.0.0.7:6881');
  });
});

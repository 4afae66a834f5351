import { describe, expect, test } from 'bun:test';
import type { Gateway } from '../../src/discovery/default-gateway.ts';
import {
  PortMapping,
  type PortMappingOptions,
  type PortMappingStatus,
} from '../../src/discovery/port-mapping.ts';
import { eventually } from '../fixtures/eventually.ts';
import { PlayedIgd, PlayedPcpRouter } from './played-router.ts';
import { HandClock } from './playground.ts';

const MINUTE = 60_000;
const LOOK_MS = 30_000;
const GATEWAY: Gateway = { address: '127.0.0.1', localAddress: '127.0.0.1', prefixBits: 8 };
/** Where nobody listens: the refusal comes at once. */
const NOBODY = { host: '127.0.0.1', port: 1 };

class Stage implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly mapping: PortMapping;
  readonly #seen: PortMappingStatus[] = [];
  #waiting: (() => void) | undefined;

  constructor(more: Partial<PortMappingOptions>) {
    this.mapping = new PortMapping({
      port: 9989,
      clock: this.clock,
      draw: () => 0.5,
      gateway: () => GATEWAY,
      pcpPort: NOBODY.port,
      ssdpTargets: [],
      changed: (status) => {
        this.#seen.push(status);
        this.#waiting?.();
      },
      ...more,
    });
  }

  /** The next status. */
  async next(): Promise<PortMappingStatus> {
    while (this.#seen.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = resolve;
      await promise;
    }
    return this.#seen.shift() as PortMappingStatus;
  }

  /** Until nothing is under way: it only looks from time to time. */
  async rests(): Promise<void> {
    await eventually('it rests', async () => (await this.clock.nextMs()) === LOOK_MS);
  }

  /** Lets timers run as they come due, until `done`. */
  async pass(done: Promise<unknown>): Promise<void> {
    let isDone = false;
    void done.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await Bun.sleep(1);
      if (this.clock.isWaiting) this.clock.advance(await this.clock.nextMs());
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.mapping[Symbol.asyncDispose]();
  }
}

const OUTER = { host: '198.51.100.7', port: 9989 };

describe('PortMapping', () => {
  for (const kind of ['PCP', 'NAT-PMP'] as const) {
    test(`${kind}: asks, renews every 20 minutes, and takes the port back at the end`, async () => {
      using router = await PlayedPcpRouter.start(kind);
      const stage = new Stage({ pcpPort: router.port });
      expect(await stage.next()).toEqual({ state: 'mapped', by: kind, outer: OUTER });
      expect(router.lifetimes.at(-1)).toBe(7_200);
      await stage.rests();
      const before = router.requests.length;
      stage.clock.advance(20 * MINUTE - 1);
      expect(await stage.clock.nextMs()).toBe(1);
      expect(router.requests.length).toBe(before);
      stage.clock.advance(1);
      await stage.rests();
      expect(router.requests.length).toBeGreaterThan(before);
      await stage.mapping[Symbol.asyncDispose]();
      expect(router.lifetimes.at(-1)).toBe(0);
    });
  }

  test('another outer port than ours is as good, and is asked for again', async () => {
    using router = await PlayedPcpRouter.start('PCP');
    router.outerPort = 40_000;
    await using stage = new Stage({ pcpPort: router.port });
    expect(await stage.next()).toMatchObject({ outer: { port: 40_000 } });
    stage.clock.advance(20 * MINUTE);
    await stage.rests();
    const asked = router.requests.map((bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint16(42));
    expect(asked).toEqual([9989, 40_000]);
  });

  test('a lifetime of a second, or of a century, changes the rhythm within bounds only', async () => {
    for (const [lifetimeSeconds, minutes] of [
      [1, 1],
      [600, 5],
      [2 ** 32 - 1, 20],
    ] as const) {
      using router = await PlayedPcpRouter.start('PCP');
      router.lifetimeSeconds = lifetimeSeconds;
      await using stage = new Stage({ pcpPort: router.port });
      await stage.next();
      await stage.rests();
      stage.clock.advance(minutes * MINUTE - 1);
      expect(await stage.clock.nextMs()).toBe(1);
    }
  });

  test('UPnP: maps, renews, and takes the port back', async () => {
    await using igd = await PlayedIgd.start();
    const stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
    expect(await stage.next()).toEqual({ state: 'mapped', by: 'UPnP', outer: OUTER });
    expect([...igd.mappings.values()]).toEqual([
      {
        transport: 'TCP',
        outerPort: 9989,
        localPort: 9989,
        localAddress: '127.0.0.1',
        lifetimeSeconds: 7_200,
      },
    ]);
    igd.mappings.clear(); // the router was restarted
    stage.clock.advance(20 * MINUTE);
    await stage.rests();
    expect(igd.mappings.size).toBe(1);
    await stage.mapping[Symbol.asyncDispose]();
    expect(igd.mappings.size).toBe(0);
  });

  test('UPnP: takes another port where ours is taken, and a permanent one where there is no other', async () => {
    await using igd = await PlayedIgd.start();
    igd.service = 'WANPPPConnection:1';
    igd.taken.add(9989);
    igd.onlyPermanent = true;
    const stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
    expect(await stage.next()).toMatchObject({ state: 'mapped', outer: { port: 9990 } });
    expect([...igd.mappings.values()]).toMatchObject([{ outerPort: 9990, lifetimeSeconds: 0 }]);
    await stage.mapping[Symbol.asyncDispose]();
    expect(igd.mappings.size).toBe(0);
  });

  test('UPnP: gives up when every port is taken', async () => {
    await using igd = await PlayedIgd.start();
    for (let port = 9_000; port < 11_000; port += 1) igd.taken.add(port);
    await using stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
    expect(await stage.next()).toMatchObject({ state: 'failed', reason: expect.stringContaining('718') });
    expect(igd.asked.filter((path) => path === '/control')).toHaveLength(4);
  });

  for (const kind of ['PCP', 'NAT-PMP', 'UPnP'] as const) {
    test(`${kind}: UDP goes with TCP where it is wanted, there and back`, async () => {
      using router = await PlayedPcpRouter.start(kind === 'UPnP' ? 'PCP' : kind);
      if (kind === 'UPnP') router.play = (request) => router.pcpAnswer(request, 2);
      await using igd = await PlayedIgd.start();
      const stage = new Stage({ pcpPort: router.port, ssdpTargets: [igd.ssdpTarget], withUdp: true });
      expect(await stage.next()).toMatchObject({ state: 'mapped', by: kind });
      if (kind === 'UPnP') expect([...igd.mappings.keys()]).toEqual(['TCP 9989', 'UDP 9989']);
      else expect(router.transports).toEqual(['TCP', 'UDP']);
      router.requests.length = 0;
      await stage.mapping[Symbol.asyncDispose]();
      if (kind === 'UPnP') expect(igd.mappings.size).toBe(0);
      else
        expect([router.transports.toSorted(), new Set(router.lifetimes)]).toEqual([
          ['TCP', 'UDP'],
          new Set([0]),
        ]);
    });
  }

  test('a refusal by PCP is followed by UPnP', async () => {
    using router = await PlayedPcpRouter.start('PCP');
    router.play = (request) => router.pcpAnswer(request, 2);
    await using igd = await PlayedIgd.start();
    await using stage = new Stage({ pcpPort: router.port, ssdpTargets: [igd.ssdpTarget] });
    expect(await stage.next()).toMatchObject({ state: 'mapped', by: 'UPnP' });
    expect(router.requests).toHaveLength(1);
  });

  test('where nobody answers it fails quietly, and asks again after ten minutes, twenty …', async () => {
    using router = await PlayedPcpRouter.start('PCP');
    router.play = () => undefined;
    await using stage = new Stage({ pcpPort: router.port });
    const failed = stage.next();
    await stage.pass(failed);
    expect(await failed).toMatchObject({ state: 'failed', reason: expect.stringContaining('neither PCP') });
    expect(router.requests).toHaveLength(4);
  });

  test('is disposed of while it asks somebody who never answers', async () => {
    using router = await PlayedPcpRouter.start('PCP');
    router.play = () => undefined;
    const stage = new Stage({ pcpPort: router.port });
    await stage.mapping[Symbol.asyncDispose]();
    expect(stage.mapping.status().state).toBe('asking');
  });

  test('is disposed of in about two seconds when the router has gone silent', async () => {
    using router = await PlayedPcpRouter.start('PCP');
    const stage = new Stage({ pcpPort: router.port });
    await stage.next();
    router.play = () => undefined;
    await stage.mapping[Symbol.asyncDispose]();
    expect(router.lifetimes.at(-1)).toBe(0);
  });

  test('with a public address, or no router, there is nothing to ask for', async () => {
    await using stage = new Stage({ gateway: () => undefined });
    expect(stage.mapping.status()).toEqual({ state: 'needless' });
  });

  test('askNow() asks again at once, but not while it asks, nor at the end', async () => {
    using router = await PlayedPcpRouter.start('PCP');
    const stage = new Stage({ pcpPort: router.port });
    stage.mapping.askNow();
    await stage.next();
    await stage.rests();
    expect(router.lifetimes).toEqual([7_200]);
    stage.mapping.askNow();
    stage.mapping.askNow();
    await eventually('it has asked once more', () => router.lifetimes.length === 2);
    await stage.rests();
    expect(router.lifetimes).toEqual([7_200, 7_200]);
    await stage[Symbol.asyncDispose]();
    stage.mapping.askNow();
    expect(router.lifetimes).toEqual([7_200, 7_200, 0]);
  });

  test('a machine that gets into a network, or into another one, asks there', async () => {
    using one = await PlayedPcpRouter.start('PCP');
    let gateway: Gateway | undefined;
    await using stage = new Stage({ pcpPort: one.port, gateway: () => gateway });
    expect((await stage.next()).state).toBe('needless');
    await stage.rests();
    expect(one.requests).toHaveLength(0);
    gateway = GATEWAY;
    stage.clock.advance(LOOK_MS);
    expect(await stage.next()).toMatchObject({ state: 'mapped' });
    await stage.rests();
    one.outerPort = 50_000;
    gateway = { ...GATEWAY, localAddress: '127.0.0.3' };
    stage.clock.advance(LOOK_MS);
    expect(await stage.next()).toMatchObject({ outer: { port: 50_000 } });
    await stage.rests();
    stage.clock.advance(LOOK_MS);
    await stage.rests();
    expect(one.requests).toHaveLength(2);
  });

  describe('routers that are not what they seem', () => {
    test('datagrams of any length end nothing', async () => {
      using router = await PlayedPcpRouter.start('PCP');
      let length = 0;
      router.play = () => new Uint8Array(length++).fill(length % 2 ? 0x80 : 0xff);
      await using stage = new Stage({ pcpPort: router.port });
      const failed = stage.next();
      await stage.pass(failed);
      expect((await failed).state).toBe('failed');
    });

    test('an answer to somebody else is passed over', async () => {
      using router = await PlayedPcpRouter.start('PCP');
      router.play = (request) => {
        const answer = router.pcpAnswer(request);
        answer[24] = (answer[24] as number) ^ 1;
        return answer;
      };
      await using stage = new Stage({ pcpPort: router.port });
      const failed = stage.next();
      await stage.pass(failed);
      expect((await failed).state).toBe('failed');
    });

    for (const [what, location] of [
      ['another host', 'http://192.0.2.1:80/root.xml'],
      ['a name', 'http://localhost:80/root.xml'],
      ['https', 'https://127.0.0.1/root.xml'],
      ['a file', 'file:///etc/passwd'],
      ['a login', 'http://admin:admin@127.0.0.1/root.xml'],
    ] as const) {
      test(`a place on ${what} is not gone to`, async () => {
        await using igd = await PlayedIgd.start();
        igd.location = location;
        await using stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
        const failed = stage.next();
        await stage.pass(failed);
        expect(await failed).toMatchObject({ state: 'failed' });
        expect(igd.asked).toEqual([]);
      });
    }

    test('who answers from outside our network is not gone to', async () => {
      await using igd = await PlayedIgd.start();
      const gateway = () => ({ address: '127.0.0.2', localAddress: '127.0.0.2', prefixBits: 32 });
      await using stage = new Stage({ ssdpTargets: [igd.ssdpTarget], gateway });
      const failed = stage.next();
      await stage.pass(failed);
      expect(await failed).toMatchObject({ state: 'failed' });
      expect(igd.asked).toEqual([]);
    });

    for (const control of [
      'http://192.0.2.1/control',
      'ftp://127.0.0.1/',
      '//192.0.2.1/control',
      'http://',
    ]) {
      test(`a control URL ${control} is not called`, async () => {
        await using igd = await PlayedIgd.start();
        igd.controlUrl = control;
        await using stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
        expect(await stage.next()).toMatchObject({ reason: 'it describes no Internet side of its own' });
        expect(igd.asked).toEqual(['/root.xml']);
      });
    }

    test('a redirect is not followed', async () => {
      await using igd = await PlayedIgd.start();
      igd.play = (_, response) => response.writeHead(302, { location: '/elsewhere' }).end();
      await using stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
      expect(await stage.next()).toMatchObject({ state: 'failed', reason: 'HTTP status 302' });
      expect(igd.asked).toEqual(['/root.xml']);
    });

    test('a description without end is cut', async () => {
      await using igd = await PlayedIgd.start();
      igd.play = (_, response) => {
        const pour = () => {
          while (response.write('<service>'.repeat(5_000)));
        };
        response.on('drain', pour);
        pour();
      };
      await using stage = new Stage({ ssdpTargets: [igd.ssdpTarget] });
      expect(await stage.next()).toMatchObject({ reason: 'an answer of more than 131072 bytes' });
    });
  });
});

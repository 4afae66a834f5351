import { describe, expect, test } from 'bun:test';
import { parseIp } from '../../src/announce/ip-address.ts';
import { Reachability, type ReachabilityOptions } from '../../src/swarm/reachability.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const HOUR = 60 * 60_000;
const OUTER = '203.0.113.7';

function stage(more: Partial<ReachabilityOptions> & { own?: string[] } = {}) {
  const clock = new VirtualClock();
  const { own = ['127.0.0.1', '192.168.1.5', 'fe80::5'] } = more;
  const reach = new Reachability({
    clock,
    listen: () => ({ host: '::', port: 9989 }),
    ownAddresses: () => own,
    ...more,
  });
  const saw = (address: string, ...from: string[]) => {
    for (const who of from) reach.sawUs(parseIp(address) as Uint8Array, who);
  };
  return { clock, reach, saw };
}

const mapped = (host: string, port = 9989) =>
  ({ state: 'mapped', by: 'PCP', outer: { host, port } }) as const;

describe('Reachability', () => {
  test('nothing is known at first, and nothing is claimed', () => {
    const { reach } = stage();
    reach.routerSays({ state: 'asking' });
    expect(reach.status()).toMatchObject({ state: 'unknown', addresses: [] });
  });

  test('a stranger who comes in is the proof, for two hours', async () => {
    const { clock, reach } = stage();
    reach.cameIn('198.51.100.1');
    expect(reach.status()).toMatchObject({ state: 'reachable', advice: 'Other machines come in over IPv4.' });
    reach.cameIn('2001:db8::1');
    expect(reach.status().advice).toBe('Other machines come in over IPv4 and IPv6.');
    await clock.run(2 * HOUR);
    expect(reach.status().state).not.toBe('reachable');
  });

  test('neighbours prove nothing: of the local network, of this machine, or behind the same router', () => {
    const { reach, saw } = stage();
    saw(OUTER, '198.51.100.1', '198.51.100.2');
    for (const from of ['192.168.1.9', '10.1.2.3', '127.0.0.1', 'fe80::1%eth0', '100.64.0.9', OUTER])
      reach.cameIn(from);
    expect(reach.status().state).not.toBe('reachable');
  });

  test('our address is what two groups of voters agree on', () => {
    const { reach, saw } = stage();
    saw(OUTER, '198.51.100.1', '198.51.100.1');
    expect(reach.status().addresses).toEqual([]);
    saw(OUTER, '198.51.100.2');
    expect(reach.status().addresses).toEqual([`${OUTER}:9989`]);
    saw('2001:db8::7', 'tracker.example.org', '2001:db8:1:2::1');
    expect(reach.status().addresses).toEqual([`${OUTER}:9989`, '[2001:db8::7]:9989']);
  });

  test("the DHT's nodes have voted among themselves; what peers agree on counts more", () => {
    let dht: string | undefined = OUTER;
    const { reach, saw } = stage({ dhtAddress: () => dht });
    expect(reach.status().addresses).toEqual([`${OUTER}:9989`]);
    saw('203.0.113.8', '198.51.100.1', '198.51.100.2');
    expect(reach.status().addresses).toEqual(['203.0.113.8:9989']);
    dht = '10.0.0.1';
    expect(stage({ dhtAddress: () => dht }).reach.status().addresses).toEqual([]);
  });

  test('one network has one vote, and who disagrees alone is not believed', () => {
    const { reach, saw } = stage();
    saw('198.51.100.99', ...Array.from({ length: 200 }, (_, i) => `2001:db8:0:1::${i.toString(16)}`));
    expect(reach.status().addresses).toEqual([]);
    saw(OUTER, '198.51.100.1', '198.51.100.2');
    expect(reach.status().addresses).toEqual([`${OUTER}:9989`]);
    saw('203.0.113.8', '198.51.100.3', '198.51.100.4');
    expect(reach.status().addresses).toEqual([]);
  });

  test('what cannot be our address outside is no vote, nor what the local network says', () => {
    const { reach, saw } = stage();
    for (const nonsense of [
      '192.168.1.5',
      '127.0.0.1',
      '0.0.0.0',
      '224.0.0.1',
      'fe80::1',
      '169.254.169.254',
      '10.0.0.1',
    ])
      saw(nonsense, '198.51.100.1', '198.51.100.2');
    saw(OUTER, '192.168.1.9', '10.0.0.9', '127.0.0.1');
    expect(reach.status().addresses).toEqual([]);
  });

  test('votes are counted for a day, and the oldest go first', async () => {
    const { clock, reach, saw } = stage();
    saw(OUTER, '198.51.100.1', '198.51.100.2');
    await clock.run(25 * HOUR);
    expect(reach.status().addresses).toEqual([]);
    saw(OUTER, '198.51.100.1', '198.51.100.2');
    saw('203.0.113.8', ...Array.from({ length: 64 }, (_, i) => `198.18.${i}.1`));
    expect(reach.status().addresses).toEqual(['203.0.113.8:9989']);
  });

  test('a private address and a router that maps nothing: not reachable, and what to do', () => {
    const { reach } = stage();
    reach.routerSays({ state: 'failed' });
    const { state, advice } = reach.status();
    expect(state).toBe('not reachable');
    expect(advice).toContain('forward TCP port 9989 of your router to 192.168.1.5:9989');
    expect(advice).toContain('UPnP or PCP');
  });

  test('a mapped port is hope and no proof, and names the address and port', () => {
    const { reach } = stage();
    expect(reach.outerPort).toBe(9989);
    reach.routerSays(mapped(OUTER, 40_000));
    expect(reach.outerPort).toBe(40_000);
    expect(reach.status()).toMatchObject({
      state: 'unknown',
      addresses: [`${OUTER}:40000`],
      mappedBy: 'PCP',
    });
    reach.cameIn('198.51.100.1');
    expect(reach.status()).toMatchObject({ state: 'reachable', addresses: [`${OUTER}:40000`] });
  });

  test('a router behind another one lets nobody in', () => {
    const { reach, saw } = stage();
    reach.routerSays(mapped('192.168.100.2'));
    expect(reach.status()).toMatchObject({ state: 'not reachable' });
    expect(reach.status().advice).toContain('behind yours');
    reach.routerSays(mapped('198.51.100.200'));
    expect(reach.status().state).toBe('unknown');
    saw(OUTER, '198.51.100.1', '198.51.100.2');
    expect(reach.status().state).toBe('not reachable');
  });

  test('a public address of our own is one; an hour of strangers none of whom comes in is an answer', async () => {
    const { clock, reach } = stage({ own: ['127.0.0.1', OUTER] });
    reach.routerSays({ state: 'needless' });
    expect(reach.status()).toMatchObject({ state: 'unknown', addresses: [`${OUTER}:9989`] });
    for (let i = 0; i < 10; i += 1) reach.wentOut(`198.51.100.${i}`);
    expect(reach.status().state).toBe('unknown');
    await clock.run(HOUR + 1);
    expect(reach.status()).toMatchObject({ state: 'not reachable' });
    expect(reach.status().advice).toContain('let TCP port 9989 through your firewall');
  });

  test('who lets in the local network only is told so', () => {
    const { reach } = stage({ isPrivate: true });
    expect(reach.status()).toMatchObject({ state: 'not reachable' });
    expect(stage({ listen: () => ({ host: '127.0.0.1', port: 1 }) }).reach.status().state).toBe(
      'not reachable',
    );
  });
});

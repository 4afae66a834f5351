import { describe, expect, test } from 'bun:test';
import { TrackerAddresses } from '../../src/discovery/tracker-addresses.ts';
import { UnavailableError } from '../../src/lib/errors.ts';
import { errorOf } from '../fixtures/world.ts';
import { HandClock } from './playground.ts';

function stage(names: Record<string, readonly string[] | undefined>) {
  const clock = new HandClock();
  const asked: string[] = [];
  const addresses = new TrackerAddresses(clock, async (name) => {
    asked.push(name);
    const found = names[name];
    if (!found) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
    return found;
  });
  const hosts = async (name: string) => (await addresses.of(name)).map(({ host }) => host);
  return { clock, asked, addresses, hosts, names };
}

describe('TrackerAddresses', () => {
  test('takes addresses as they are, with their family and reach, and asks nobody', async () => {
    const { addresses, asked } = stage({});
    expect(await addresses.of('192.168.1.1')).toEqual([{ host: '192.168.1.1', family: 4, reach: 'private' }]);
    expect(await addresses.of('[2001:db8::1]')).toEqual([
      { host: '2001:db8::1', family: 6, reach: 'public' },
    ]);
    expect(await addresses.of('::ffff:8.8.8.8')).toEqual([{ host: '8.8.8.8', family: 4, reach: 'public' }]);
    expect(await addresses.of('169.254.169.254')).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('asks anew after a minute, and at once after a failure', async () => {
    const { clock, asked, hosts, names } = stage({ a: ['8.8.8.8'] });
    await hosts('A');
    await hosts('a');
    expect(asked).toEqual(['a']);
    clock.advance(60_000);
    names.a = ['8.8.4.4'];
    expect(await hosts('a')).toEqual(['8.8.4.4']);
    const error = await errorOf(hosts('gone'));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toContain('ENOTFOUND');
    await errorOf(hosts('gone'));
    expect(asked).toEqual(['a', 'a', 'gone', 'gone']);
  });

  test('gives three addresses of each family', async () => {
    const four = ['8.8.8.1', '8.8.8.2', '8.8.8.3', '8.8.8.4'];
    const six = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4'];
    const { hosts } = stage({ many: [...six, ...four] });
    expect(await hosts('many')).toEqual([...four.slice(0, 3), ...six.slice(0, 3)]);
  });

  test('a public name never leads into the local network: not beside, not later', async () => {
    const { clock, hosts, names } = stage({ rebound: ['8.8.8.8', '192.168.1.1', '127.0.0.1'] });
    expect(await hosts('rebound')).toEqual(['8.8.8.8']);
    clock.advance(60_000);
    names.rebound = ['192.168.1.1'];
    expect((await errorOf(hosts('rebound'))).message).toContain('no address that may be asked');
  });

  test("a private name is the operator's own", async () => {
    const { hosts } = stage({ 'tracker.lan': ['10.0.0.1', 'fd00::1'] });
    expect(await hosts('tracker.lan')).toEqual(['10.0.0.1', 'fd00::1']);
  });

  test('asks the system', async () => {
    const found = await new TrackerAddresses(new HandClock()).of('localhost');
    expect(found.every(({ reach }) => reach === 'loopback')).toBe(true);
    expect(found.length).toBeGreaterThan(0);
  });
});

/** `debtorrent apt enable|disable|status` and the real apt: by way of us where we answer, without us where we don't. */
import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AptClient } from '../fixtures/apt-client.ts';
import { expectRight } from '../fixtures/archive.ts';
import { type Daemon, DEBTORRENT } from '../fixtures/daemon.ts';
import { freePort } from '../fixtures/free-port.ts';
import { makePatient } from '../fixtures/patient-probe.ts';
import { run, runWell } from '../fixtures/run.ts';
import { Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

/** An apt configuration of its own, and a place for the probe that apt's own user can reach. */
class Place implements Disposable {
  readonly #dir = tempDir('apt-enable');
  readonly conf = join(this.#dir.path, 'etc/apt.conf.d/30debtorrent');
  readonly probe = join(this.#dir.path, 'lib/apt-probe');
  readonly env: Readonly<Record<string, string>>;

  constructor(settings = '') {
    chmodSync(this.#dir.path, 0o755);
    mkdirSync(join(this.#dir.path, 'etc/apt.conf.d'), { recursive: true });
    const main = join(this.#dir.path, 'apt.conf');
    writeFileSync(main, `Dir::Etc "${this.#dir.path}/etc"; Dir::Etc::Parts "apt.conf.d";\n${settings}`);
    this.env = { APT_CONFIG: main };
  }

  debtorrent(...args: string[]) {
    return run([...DEBTORRENT, 'apt', ...args], { env: this.env });
  }

  async enable(url: string) {
    const ran = await this.debtorrent('enable', '--probe', this.probe, '--url', url);
    if (ran.code !== 0) throw new Error(ran.output);
    return ran;
  }

  async json(...args: string[]) {
    const { code, stdout, stderr } = await this.debtorrent(...args, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  async dump(name: string): Promise<string> {
    return (await runWell(['apt-config', 'dump', '--no-empty', '--format', '%v%n', name], { env: this.env }))
      .stdout;
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

const URL = 'http://127.0.0.1:9';

describe('debtorrent apt', () => {
  test('enable writes two files whole, for apt to run; again changes nothing; disable removes both', async () => {
    using place = new Place();
    const { conf, probe } = place;
    const first = await place.enable(URL);
    expect(first.stdout).toContain(`wrote ${probe}\nwrote ${conf}\n`);
    expect(statSync(conf).mode & 0o777).toBe(0o644);
    expect(statSync(probe).mode & 0o777).toBe(0o755);
    expect(await place.dump('Acquire::http::Proxy-Auto-Detect')).toBe(`${probe}\n`);
    expect(await place.dump('Acquire::https::Proxy-Auto-Detect')).toBe(`${probe}\n`);
    expect(await place.dump('Acquire::Max-Pipeline-Depth')).toBe('100\n');
    const before = [conf, probe].map((path) => statSync(path).ino);

    expect((await place.enable(URL)).stdout).toContain('nothing to do');
    expect([conf, probe].map((path) => statSync(path).ino)).toEqual(before);
    expect(readdirSync(join(conf, '..'))).toEqual(['30debtorrent']);

    // The daemon is elsewhere now.
    await place.enable('http://[::1]:3142');
    expect(readFileSync(probe, 'utf8')).toContain('proxy=http://[::1]:3142');

    expect((await place.debtorrent('disable')).stdout).toContain(`removed ${conf}\nremoved ${probe}\n`);
    expect([existsSync(conf), existsSync(probe)]).toEqual([false, false]);
    expect(await place.dump('Acquire::http::Proxy-Auto-Detect')).toBe('');
    expect((await place.debtorrent('disable', '--probe', probe)).stdout).toContain('nothing to do');
  });

  test('a probe of another place goes when enable is told a new one', async () => {
    using place = new Place();
    await place.enable(URL);
    const elsewhere = `${place.probe}-2`;
    await place.debtorrent('enable', '--probe', elsewhere);
    expect([existsSync(place.probe), existsSync(elsewhere)]).toEqual([false, true]);
    expect(await place.dump('Acquire::http::Proxy-Auto-Detect')).toBe(`${elsewhere}\n`);
  });

  test('touches no file that is not its own, and does nothing by halves then', async () => {
    using place = new Place();
    writeFileSync(place.conf, 'Acquire::http::Proxy "http://localhost:9988/";\n');
    for (const action of ['enable', 'disable', 'status']) {
      const ran = await place.debtorrent(action, '--probe', place.probe);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain(`won't touch ${place.conf}`);
    }
    expect(readFileSync(place.conf, 'utf8')).toBe('Acquire::http::Proxy "http://localhost:9988/";\n');
    expect(existsSync(place.probe)).toBe(false);
  });

  test('disable leaves the probe where an apt is at work, which may need it still', async () => {
    using dir = tempDir('lists');
    using place = new Place(`Dir::State::lists "${dir.path}";`);
    await place.enable(URL);
    const script = 'open(my $f, ">", $ARGV[0]); flock($f, 2); $| = 1; print "locked"; sleep 60';
    const apt = Bun.spawn(['perl', '-e', script, join(dir.path, 'lock')], { stdout: 'pipe' });
    try {
      await apt.stdout.getReader().read();
      const ran = await place.debtorrent('disable');
      expect(ran.stdout).toContain(`apt is at work (process ${apt.pid})`);
      expect([existsSync(place.conf), existsSync(place.probe)]).toEqual([false, true]);
    } finally {
      apt.kill();
      await apt.exited;
    }
    await place.debtorrent('disable', '--probe', place.probe);
    expect(existsSync(place.probe)).toBe(false);
  });

  test('names no probe to apt that its user can not run', async () => {
    using place = new Place();
    chmodSync(join(place.probe, '../..'), 0o700);
    const ran = await place.debtorrent('enable', '--probe', place.probe);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('give another --probe');
    expect([existsSync(place.conf), existsSync(place.probe)]).toEqual([false, false]);
  });

  test('status says what is in force, what beats it, and what holds without the daemon', async () => {
    using place = new Place(
      'Acquire::http::Proxy "http://corporate:3128"; Acquire::http::Proxy::intra.example.org "DIRECT";',
    );
    expect(await place.json('status')).toMatchObject({ enabled: false, inForce: false, daemon: null });
    await place.enable(URL);
    expect(await place.json('status')).toMatchObject({
      enabled: true,
      inForce: true,
      daemon: null,
      otherwise: 'http://corporate:3128',
      beatenBy: [{ what: 'Acquire::http::Proxy::intra.example.org', value: 'DIRECT' }],
    });
    // auto-apt-proxy's file sorts after ours.
    const theirs = join(place.conf, '../auto-apt-proxy.conf');
    writeFileSync(theirs, 'Acquire::http::Proxy-Auto-Detect "/usr/bin/auto-apt-proxy";\n');
    const report = await place.json('status');
    expect(report).toMatchObject({ enabled: true, inForce: false });
    expect(report.beatenBy[0]).toMatchObject({ what: theirs, value: '/usr/bin/auto-apt-proxy' });
    expect((await place.debtorrent('status')).stdout).toContain(theirs);
  });

  test('does not understand another action, or a URL that is none', async () => {
    using place = new Place();
    for (const args of [['start'], ['enable', '--url', 'ftp://x'], ['enable', '--probe', 'x']]) {
      expect((await place.debtorrent(...args)).code).toBe(2);
    }
  });
});

const NAMES = ['small-a', 'medium'];

/** An apt-get that goes by what `enable` wrote. */
function aptWith(scene: Scene, place: Place): AptClient {
  const options = ['http', 'https'].map((scheme) => `Acquire::${scheme}::Proxy-Auto-Detect=${place.probe}`);
  return scene.use(new AptClient({ repository: scene.archive, url: scene.mirror.url, options }));
}

async function fetchAll(client: AptClient) {
  const updated = await client.update();
  expect(updated.code).toBe(0);
  const got = await client.install(NAMES);
  expect(`${updated.output}${got.output}`).not.toMatch(/^(?:Err|W:|E:)/m);
  return got;
}

describe('apt-get with the probe', () => {
  const servedBy = async (daemon: Daemon) => {
    const { session } = await daemon.status();
    return session.fromMirror + session.fromStore;
  };

  test('goes by way of the daemon when it is alive, and without it when it is gone', async () => {
    await using scene = await Scene.open();
    using place = new Place();
    const daemon = await scene.daemon();
    await place.enable(daemon.proxyUrl);
    makePatient(place.probe);
    expectRight(scene.archive, await fetchAll(aptWith(scene, place)), NAMES);
    expect(await servedBy(daemon)).toBeGreaterThan(0);
    expect(await place.json('status')).toMatchObject({ daemon: daemon.proxyUrl });

    await daemon.stop();
    scene.mirror.clearLog();
    expectRight(scene.archive, await fetchAll(aptWith(scene, place)), NAMES);
    expect(scene.mirror.poolRequests.length).toBe(NAMES.length);
  });

  test('goes without a daemon that hangs', async () => {
    await using scene = await Scene.open();
    using place = new Place();
    const daemon = await scene.daemon();
    await place.enable(daemon.proxyUrl);
    process.kill(daemon.pid as number, 'SIGSTOP');
    try {
      expectRight(scene.archive, await fetchAll(aptWith(scene, place)), NAMES);
    } finally {
      process.kill(daemon.pid as number, 'SIGCONT');
    }
    expect(await servedBy(daemon)).toBe(0);
  });

  test('goes on when it is disabled while the daemon is down', async () => {
    await using scene = await Scene.open();
    using place = new Place();
    await place.enable(`http://127.0.0.1:${await freePort('127.0.0.1')}`);
    await place.debtorrent('disable');
    const client = scene.use(new AptClient({ repository: scene.archive, url: scene.mirror.url }));
    expectRight(scene.archive, await fetchAll(client), NAMES);
  });
});

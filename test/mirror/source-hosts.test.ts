import { expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SourceHosts } from '../../src/mirror/source-hosts.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

test('SourceHosts.has() knows hosts and ports of both kinds of files, and what is added and removed later', async () => {
  using dir = tempDir('sources');
  const parts = join(dir.path, 'sources.list.d');
  const clock = new VirtualClock();
  const hosts = new SourceHosts({ directory: dir.path, clock });
  expect(hosts.has('ftp.de.debian.org', 80)).toBe(false);

  mkdirSync(parts);
  writeFileSync(join(dir.path, 'sources.list'), 'deb http://Ftp.de.debian.org/debian bookworm main\n');
  writeFileSync(
    join(parts, 'own.sources'),
    'Types: deb\nURIs: https://apt.intern.example:8443/x http://[fd00::5]:81/\nSuites: sid\nComponents: main\n',
  );
  await clock.run(2_000);
  const known = [
    ['ftp.de.debian.org', 80],
    ['ftp.de.debian.org', 443],
    ['apt.intern.example', 8443],
    ['fd00::5', 81],
  ] as const;
  for (const [host, port] of known) expect([host, hosts.has(host, port)]).toEqual([host, true]);
  const unknown = [
    ['ftp.de.debian.org', 8080],
    ['apt.intern.example', 443],
    ['debian.org', 80],
    ['fd00::5', 80],
  ] as const;
  for (const [host, port] of unknown) expect([host, hosts.has(host, port)]).toEqual([host, false]);

  rmSync(join(parts, 'own.sources'));
  expect(hosts.has('apt.intern.example', 8443)).toBe(true);
  await clock.run(2_000);
  expect(hosts.has('apt.intern.example', 8443)).toBe(false);
  expect(hosts.has('ftp.de.debian.org', 80)).toBe(true);
});

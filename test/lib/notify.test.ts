/** Against a real datagram socket, which perl opens: it is on every Debian. */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { notify } from '../../src/lib/notify.ts';
import { tempDir } from '../fixtures/temp-dir.ts';

const RECEIVER = `
use Socket; $| = 1;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
my $name = $ARGV[0]; $name =~ s/^@/\\0/;
bind($s, pack_sockaddr_un($name)) or die $!;
print "bound\\n";
recv($s, my $got, 4096, 0); print $got;`;

/** What came at the socket. */
async function received(
  path: string,
  state: string,
): Promise<{ readonly sent: boolean; readonly got: string }> {
  const child = Bun.spawn(['perl', '-e', RECEIVER, path], {
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: 20_000,
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  expect(decoder.decode((await reader.read()).value)).toBe('bound\n');
  const sent = notify(path, state);
  return { sent, got: decoder.decode((await reader.read()).value) };
}

describe('notify()', () => {
  test('sends one datagram to a path', async () => {
    using dir = tempDir('notify');
    const path = join(dir.path, 'socket');
    expect(await received(path, 'READY=1\nSTATUS=serving')).toEqual({
      sent: true,
      got: 'READY=1\nSTATUS=serving',
    });
  });

  test('sends it to an abstract name, too', async () => {
    const name = `@debtorrent-test-${process.pid}`;
    expect(await received(name, 'WATCHDOG=1')).toEqual({ sent: true, got: 'WATCHDOG=1' });
  });

  test.each([
    ['where nobody is', '/nowhere/socket'],
    ['at a relative path', 'relative'],
    ['without a path', ''],
    ['at another kind of address', 'vsock:2:1234'],
    ['at a path that is too long', `/${'x'.repeat(200)}`],
  ])('%s: false, and nothing else happens', (_title, path) => {
    expect(notify(path, 'READY=1')).toBe(false);
  });
});

import { expect, test } from 'bun:test';
import { LoopGuard } from '../../src/proxy/loop-guard.ts';

test('LoopGuard.hasSeen() knows its own pseudonym in Via, and no other', () => {
  const guard = new LoopGuard({ pseudonym: 'debtorrent-1' });
  expect(guard.via).toBe('1.1 debtorrent-1');
  for (const via of [
    '1.1 debtorrent-1',
    '1.0 squid, 1.1 debtorrent-1',
    '1.1 debtorrent-1 (x),1.1 y',
    'HTTP/1.1   debtorrent-1',
  ]) {
    expect(guard.hasSeen(via)).toBe(true);
  }
  for (const via of [undefined, '', '1.1 debtorrent-12', '1.1 debtorrent-2', 'debtorrent-1']) {
    expect(guard.hasSeen(via)).toBe(false);
  }
});

test('LoopGuard makes up another pseudonym for each node', () => {
  expect(new LoopGuard().pseudonym).toMatch(/^debtorrent-[0-9a-f]{16}$/);
  expect(new LoopGuard().pseudonym).not.toBe(new LoopGuard().pseudonym);
});

test('LoopGuard.isOwnHost() knows the address listened on and the names of loopback, with that port only', () => {
  const guard = new LoopGuard();
  guard.listensOn('192.168.1.5', 9988);
  for (const host of [
    '192.168.1.5:9988',
    'localhost:9988',
    'LOCALHOST:9988',
    '127.0.0.1:9988',
    '[::1]:9988',
  ]) {
    expect(guard.isOwnHost(host)).toBe(true);
  }
  for (const host of ['192.168.1.5', '192.168.1.5:9989', 'localhost', 'ftp.de.debian.org:9988', '']) {
    expect(guard.isOwnHost(host)).toBe(false);
  }
  const onWeb = new LoopGuard();
  onWeb.listensOn('::', 80);
  expect(['[::1]', 'localhost', '[::]'].map((host) => onWeb.isOwnHost(host))).toEqual([true, true, true]);
});

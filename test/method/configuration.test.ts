import { describe, expect, test } from 'bun:test';
import { Configuration } from '../../src/method/configuration.ts';
import { decodeMessage, type Message } from '../../src/method/message.ts';

const configured = (...items: string[]) =>
  new Configuration(
    decodeMessage(['601 Configuration', ...items.map((i) => `Config-Item: ${i}`)].join('\n')) as Message,
  );

describe('Configuration', () => {
  test('reads items as apt writes them: names in any case, "%xx" decoded, the last one counts', () => {
    const found = configured('APT::Sandbox::User=root', 'apt::sandbox::USER=%5fapt', 'x%3dy=a=b', 'nothing');
    expect(found.sandboxUser).toBe('_apt');
    expect(found.get('x=y')).toBe('a=b');
    expect(found.get('nothing')).toBeUndefined();
  });

  test.each([
    ['http://127.0.0.1:9988', '127.0.0.1', 9988],
    ['http://[::1]:1234/', '::1', 1234],
    ['proxy.example.org', 'proxy.example.org', 9988],
    ['', '127.0.0.1', 9988],
    ['not a proxy', '127.0.0.1', 9988],
  ])('the daemon for Acquire::debtorrent::Proxy "%s"', (text, host, port) => {
    expect(configured(`Acquire::debtorrent::Proxy=${text}`).daemon).toEqual({ host, port });
  });

  test('DIRECT means: without the daemon', () => {
    expect(configured('Acquire::debtorrent::Proxy=DIRECT').daemon).toBe('none');
  });

  test('an empty sandbox user is none', () => {
    expect(configured('APT::Sandbox::User=').sandboxUser).toBeUndefined();
    expect(new Configuration().forcedHash).toBeUndefined();
  });

  test('limit and patience: of this method, else as for the method that would fetch without us', () => {
    const none = configured();
    expect([none.dlLimit('http'), none.timeoutMs('https')]).toEqual([0, undefined]);
    const http = configured('Acquire::http::Dl-Limit=70', 'Acquire::http::Timeout=120');
    expect([http.dlLimit('http'), http.dlLimit('https')]).toEqual([71_680, 71_680]);
    expect([http.timeoutMs('http'), http.timeoutMs('https')]).toEqual([120_000, 120_000]);
    const both = configured('Acquire::http::Dl-Limit=70', 'Acquire::https::Dl-Limit=0');
    expect([both.dlLimit('http'), both.dlLimit('https')]).toEqual([71_680, 0]);
    const ours = configured('Acquire::debtorrent::Dl-Limit=5', 'Acquire::http::Dl-Limit=70');
    expect(ours.dlLimit('http')).toBe(5120);
    const senseless = configured('Acquire::http::Dl-Limit=much', 'Acquire::http::Timeout=0');
    expect([senseless.dlLimit('http'), senseless.timeoutMs('http')]).toEqual([0, undefined]);
  });
});

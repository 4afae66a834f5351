import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type FetchOptions, fetchAnswer } from '../../src/discovery/fetch-answer.ts';
import type { Reach } from '../../src/discovery/reach.ts';
import { ProtocolError, UnavailableError } from '../../src/lib/errors.ts';
import { run } from '../fixtures/run.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { CERTIFICATE } from '../fixtures/tls-tracker.ts';
import { errorOf } from '../fixtures/world.ts';

type Play = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback, taken for one that is wherever its name says. */
class Stage implements AsyncDisposable {
  readonly #server;
  readonly requests: string[] = [];

  private constructor(play: Play) {
    this.#server = createServer((request, response) => {
      this.requests.push(`${request.headers.host?.replace(/:\d+$/, '')}${request.url}`);
      play(request, response);
    });
  }

  static async of(play: Play): Promise<Stage> {
    const stage = new Stage(play);
    const { promise, resolve } = Promise.withResolvers<void>();
    stage.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return stage;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  fetch(host: string, more: Partial<FetchOptions> = {}) {
    const of = async (name: string) => {
      const reach = name.split('.')[0] as Reach;
      const hosts = name.includes('half') ? ['127.0.0.2', '127.0.0.1'] : ['127.0.0.1'];
      return hosts.map((at) => ({ host: at, family: 4 as const, reach }));
    };
    const { signal } = new AbortController();
    return fetchAnswer(`http://${host}:${this.port}/announce`, {
      addresses: { of },
      family: 4,
      signal,
      ...more,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

const portOf = ({ headers }: IncomingMessage) => Number(headers.host?.split(':')[1]);

const redirectTo =
  (to: (port: number) => string): Play =>
  (request, response) => {
    const port = portOf(request);
    if (request.url === '/announce') response.writeHead(302, { location: to(port) }).end();
    else response.end('de');
  };

describe('fetchAnswer()', () => {
  test('goes to the address that was judged, under the name', async () => {
    await using stage = await Stage.of((_, response) => response.end('de'));
    const answer = await stage.fetch('public.example.org');
    expect([answer?.reach, answer?.body.toHex()]).toEqual(['public', Buffer.from('de').toString('hex')]);
    expect(stage.requests).toEqual(['public.example.org/announce']);
  });

  test('says so when there is no address of that family', async () => {
    await using stage = await Stage.of((_, response) => response.end('de'));
    expect(await stage.fetch('public.example.org', { family: 6 })).toBeUndefined();
    expect(stage.requests).toEqual([]);
  });

  test('takes the next address when one refuses', async () => {
    await using stage = await Stage.of((_, response) => response.end('de'));
    expect(await stage.fetch('public.half.example.org')).toBeDefined();
  });

  test('follows a redirect as far out as it leads, or further', async () => {
    for (const [from, to] of [
      ['public', 'public'],
      ['private', 'public'],
      ['private', 'private'],
      ['loopback', 'loopback'],
    ]) {
      await using stage = await Stage.of(redirectTo((port) => `http://${to}.b.example.org:${port}/there`));
      expect((await stage.fetch(`${from}.a.example.org`))?.reach).toBe(to as Reach);
      expect(stage.requests).toEqual([`${from}.a.example.org/announce`, `${to}.b.example.org/there`]);
    }
  });

  test('does not follow one further in: a tracker on the Internet names nothing of the local network', async () => {
    for (const [from, to] of [
      ['public', 'private'],
      ['public', 'loopback'],
      ['private', 'loopback'],
    ]) {
      await using stage = await Stage.of(redirectTo((port) => `http://${to}.b.example.org:${port}/there`));
      expect(await errorOf(stage.fetch(`${from}.a.example.org`))).toBeInstanceOf(ProtocolError);
      expect(stage.requests).toEqual([`${from}.a.example.org/announce`]);
    }
  });

  test('once outside, a redirect leads no further in than that', async () => {
    await using stage = await Stage.of((request, response) => {
      const port = portOf(request);
      const to = request.url === '/announce' ? 'public.b' : 'private.c';
      response.writeHead(302, { location: `http://${to}.example.org:${port}/there` }).end();
    });
    expect(await errorOf(stage.fetch('private.a.example.org'))).toBeInstanceOf(ProtocolError);
    expect(stage.requests).toHaveLength(2);
  });

  for (const location of ['udp://127.0.0.1:1', 'file:///etc/passwd', 'http://', 'gopher://x/']) {
    test(`refuses a redirect to ${location}`, async () => {
      await using stage = await Stage.of(redirectTo(() => location));
      expect(await errorOf(stage.fetch('public.a.example.org'))).toBeInstanceOf(ProtocolError);
    });
  }

  test('gives up on a ring of redirects', async () => {
    await using stage = await Stage.of((_, response) => {
      response.writeHead(302, { location: '/announce' }).end();
    });
    expect((await errorOf(stage.fetch('public.a.example.org'))).message).toBe('redirected too often');
    expect(stage.requests).toHaveLength(4);
  });

  test('gives up on a body that drips', async () => {
    const drips = new Set<Timer>();
    await using stage = await Stage.of((_, response) => {
      response.write('d');
      drips.add(setInterval(() => response.write('4:eggs'), 10));
    });
    const error = await errorOf(stage.fetch('public.a.example.org', { timeoutMs: 200 }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toBe('no whole answer in time');
    for (const drip of drips) clearInterval(drip);
  });

  test('gives up on a tracker that never answers, and on an endless body', async () => {
    await using silent = await Stage.of(() => {});
    expect((await errorOf(silent.fetch('public.a.example.org', { timeoutMs: 100 }))).message).toBe(
      'no whole answer in time',
    );
    await using endless = await Stage.of((_, response) => {
      const pour = () => {
        while (response.write(new Uint8Array(65_536).fill(0x64)));
      };
      response.on('drain', pour);
      pour();
    });
    expect((await errorOf(endless.fetch('public.a.example.org'))).message).toContain(
      'more than 1048576 bytes',
    );
  });

  test('takes a failure reason in another status, and nothing else of it', async () => {
    await using stage = await Stage.of((_, response) =>
      response.writeHead(403).end('d14:failure reason2:noe'),
    );
    expect(await stage.fetch('public.a.example.org')).toBeDefined();
    await using page = await Stage.of((_, response) => response.writeHead(404).end('<html>'));
    expect((await errorOf(page.fetch('public.a.example.org'))).message).toBe('HTTP status 404');
  });

  test('ends with the signal', async () => {
    await using stage = await Stage.of(() => {});
    const reason = new Error('leaving');
    const abort = new AbortController();
    const fetched = errorOf(stage.fetch('public.a.example.org', { signal: abort.signal }));
    abort.abort(reason);
    expect(await fetched).toBe(reason);
  });

  test('over https it is the name that the certificate must have, though the address is dialled', async () => {
    using directory = tempDir('tls');
    const certificate = join(directory.path, 'certificate.pem');
    writeFileSync(certificate, CERTIFICATE);
    const script = join(import.meta.dir, '../fixtures/tls-tracker.ts');
    const command = [process.execPath, script, 'tracker.example.org', 'other.example.org'];
    const trusting = await run(command, { env: { NODE_EXTRA_CA_CERTS: certificate } });
    expect(trusting.stdout.trim().split('\n')).toEqual([
      'dtracker.example.org',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ]);
    const wary = await run(command);
    expect(wary.stdout).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(wary.stdout).not.toContain('dtracker');
  });
});

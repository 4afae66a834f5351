import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { announceUrl, decodeAnnounceAnswer } from '../../src/announce/http.ts';
import { runTracker } from '../../src/commands/tracker.ts';
import { UnavailableError, UsageError } from '../../src/lib/errors.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { errorOf } from '../fixtures/world.ts';

const MAIN = join(import.meta.dir, '../../src/main.ts');

describe('runTracker()', () => {
  test('says the URL to announce to, answers there, and ends with 0 on SIGTERM', async () => {
    const child = Bun.spawn([process.execPath, MAIN, 'tracker', '--listen', '127.0.0.1:0'], {
      stderr: 'pipe',
    });
    try {
      const url = await announceUrlOf(child.stderr);
      const peer = { infoHash: new Uint8Array(20), peerId: new Uint8Array(20), port: 1 };
      const target = announceUrl(url, { ...peer, uploadedBytes: 0, downloadedBytes: 0 });
      const answer = await fetch(target, { proxy: false as unknown as string });
      expect(decodeAnnounceAnswer(await answer.bytes())).toMatchObject({ incomplete: 1 });
    } finally {
      child.kill('SIGTERM');
    }
    expect(await child.exited).toBe(0);
  });

  test('refuses what is no address, with an example', () => {
    expect(runTracker({ args: { listen: 'tracker.example.org:http' } })).rejects.toThrow(UsageError);
  });

  test('says what to do when the port is taken', async () => {
    using taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    const started = runTracker({ args: { listen: `127.0.0.1:${taken.port}` } });
    const error = await started.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(UnavailableError);
    expect((error as Error).message).toContain('the port is taken; choose another with --listen');
  });

  test('with --state-dir keeps its peers over SIGTERM, with --allow serves that swarm only', async () => {
    using directory = tempDir('tracker');
    const allowed = 'ab'.repeat(20);
    const flags = ['--listen', '127.0.0.1:0', '--state-dir', `${directory.path}/state`, '--allow', allowed];
    const announce = async (url: string, infoHash: Uint8Array, port: number) => {
      const target = announceUrl(url, {
        infoHash,
        peerId: infoHash,
        port,
        uploadedBytes: 0,
        downloadedBytes: 0,
      });
      const answer = await fetch(target, { proxy: false as unknown as string });
      return decodeAnnounceAnswer(await answer.bytes());
    };
    for (const [port, peers] of [
      [4001, 1],
      [4002, 2],
    ] as const) {
      const child = Bun.spawn([process.execPath, MAIN, 'tracker', ...flags], { stderr: 'pipe' });
      try {
        const url = await announceUrlOf(child.stderr);
        expect(await announce(url, Uint8Array.fromHex(allowed), port)).toMatchObject({ incomplete: peers });
        expect(await announce(url, new Uint8Array(20), port)).toEqual({
          failure: 'this tracker does not serve this swarm',
        });
      } finally {
        child.kill('SIGTERM');
      }
      expect(await child.exited).toBe(0);
    }
  });

  test('refuses an --allow that is neither an info-hash nor a .dtorrent', async () => {
    const error = await errorOf(runTracker({ args: {}, rawArgs: ['--allow', '/nonexistent.dtorrent'] }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(
      '--allow /nonexistent.dtorrent: neither 40 hexadecimal digits nor a .dtorrent',
    );
  });
});

/** The URL that the tracker says on stderr. */
async function announceUrlOf(stderr: ReadableStream<Uint8Array>): Promise<string> {
  let said = '';
  const decoder = new TextDecoder();
  for await (const part of stderr) {
    said += decoder.decode(part, { stream: true });
    const url = /--tracker (http:\S+)/.exec(said)?.[1];
    if (url) return url;
  }
  throw new Error(`no URL in ${said}`);
}

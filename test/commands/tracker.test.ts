import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { announceUrl, decodeAnnounceAnswer } from '../../src/announce/http.ts';
import { runTracker } from '../../src/commands/tracker.ts';
import { UnavailableError, UsageError } from '../../src/lib/errors.ts';

const MAIN = join(import.meta.dir, '../../src/main.ts');

describe('runTracker()', () => {
  test('says the URL to announce to, answers there, and ends with 0 on SIGTERM', async () => {
    const child = Bun.spawn([process.execPath, MAIN, 'tracker', '--listen', '127.0.0.1:0'], {
      stderr: 'pipe',
    });
    try {
      let said = '';
      let url: string | undefined;
      const decoder = new TextDecoder();
      for await (const part of child.stderr) {
        said += decoder.decode(part, { stream: true });
        url = /--tracker (http:\S+)/.exec(said)?.[1];
        if (url) break;
      }
      const peer = { infoHash: new Uint8Array(20), peerId: new Uint8Array(20), port: 1 };
      const target = announceUrl(url ?? '', { ...peer, uploadedBytes: 0, downloadedBytes: 0 });
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
});

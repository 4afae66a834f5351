/** What web seeds may try: the file comes all the same, and nothing is asked of whom it may not be. */
import { describe, expect, test } from 'bun:test';
import { UnavailableError } from '../../src/lib/errors.ts';
import type { MirrorAnswer, MirrorRequest } from '../../src/mirror/mirror.ts';
import type { VirtualClock } from '../fixtures/virtual-clock.ts';
import { Stage } from './hostile-stage.ts';
import { type Made, made } from './made.ts';

const SEED = '203.0.113.5';
type Served = (request: MirrorRequest, what: Made, clock: VirtualClock) => Partial<MirrorAnswer>;

function whole({ space }: Made, { range }: MirrorRequest): Uint8Array {
  return space.subarray(range?.from, range?.to);
}

async function* pieces(bytes: Uint8Array, size = 16_384): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** With one web seed that serves as it is told; the honest peer comes ten seconds later. */
async function withWebSeed(served: Served): Promise<{ stage: Stage; asked: MirrorRequest[] }> {
  const asked: MirrorRequest[] = [];
  const what = made({ kind: 'v1', sizes: 300_000, webSeeds: ['http://web.example.org/made'] });
  const stage: Stage = new Stage({
    what,
    web: {
      request: async (request) => {
        asked.push(request);
        return {
          status: 206,
          headers: new Headers(),
          body: pieces(new Uint8Array(0)),
          ...served(request, what, stage.clock),
        };
      },
    },
  });
  await stage.clock.run(10_000);
  stage.seed(SEED);
  stage.find(SEED);
  return { stage, asked };
}

describe('the file comes though a web seed', () => {
  test.each<[string, Served, number]>([
    [
      'serves wrong bytes',
      (request, what) => ({ body: pieces(whole(what, request).map((byte) => byte ^ 1)) }),
      1,
    ],
    ['has no files', () => ({ status: 404 }), 20],
    [
      'sends half of what was asked',
      (request, what) => ({ body: pieces(whole(what, request).slice(0, 20_000)) }),
      20,
    ],
    [
      'sends all of it without end, whatever was asked',
      (_request, what) => ({
        status: 200,
        body: (async function* () {
          for (;;) yield* pieces(what.space);
        })(),
      }),
      20,
    ],
    [
      'sends a byte every ten seconds',
      (_request, _what, clock) => ({
        body: (async function* () {
          for (;;) {
            await new Promise<void>((resolve) => void clock.after(10_000, resolve));
            yield new Uint8Array(1);
          }
        })(),
      }),
      20,
    ],
    [
      'breaks off',
      () => ({
        // biome-ignore lint/correctness/useYield: it breaks before the first byte.
        body: (async function* () {
          throw new UnavailableError('the connection was closed');
        })(),
      }),
      20,
    ],
  ])('%s', async (_name, served, most) => {
    const { stage, asked } = await withWebSeed(served);
    await stage.untilDone(120_000);
    expect(asked.length).toBeLessThanOrEqual(most);
    expect(stage.victim.isBanned(SEED)).toBe(false);
    await stage.end();
  });
});

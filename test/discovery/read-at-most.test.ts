import { expect, test } from 'bun:test';
import { readAtMost } from '../../src/discovery/read-at-most.ts';
import { ProtocolError } from '../../src/lib/errors.ts';
import { errorOf } from '../fixtures/world.ts';

test('readAtMost() gives all up to the limit, and nothing of what is longer', async () => {
  const body = new Uint8Array(1_000).fill(7);
  expect(await readAtMost(new Response(body), 1_000)).toEqual(body);
  expect(await errorOf(readAtMost(new Response(body), 999))).toBeInstanceOf(ProtocolError);
  expect(await readAtMost(new Response(null), 0)).toEqual(new Uint8Array(0));
});

test('readAtMost() stops an endless body', async () => {
  let isStopped = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    cancel: () => {
      isStopped = true;
    },
  });
  const error = await errorOf(readAtMost(new Response(endless), 200_000));
  expect(error.message).toBe('an answer of more than 200000 bytes');
  expect(isStopped).toBe(true);
});

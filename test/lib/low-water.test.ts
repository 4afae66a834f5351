import { expect, test } from 'bun:test';
import { setLowWater } from '../../src/lib/low-water.ts';
import { eventually } from '../fixtures/eventually.ts';

test('setLowWater() makes a socket wait for so many bytes, and no longer once it is set back', async () => {
  const reads: number[] = [];
  const opened = Promise.withResolvers<{ fd?: number }>();
  using listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => opened.resolve(socket as { fd?: number }),
      data: (_socket, chunk) => {
        reads.push(chunk.length);
      },
    },
  });
  const sender = await Bun.connect({
    hostname: '127.0.0.1',
    port: listener.port,
    socket: { data: () => {} },
  });
  const { fd = -1 } = await opened.promise;
  expect(setLowWater(fd, 10_000)).toBe(true);
  for (let i = 0; i < 9; i += 1) {
    sender.write(new Uint8Array(1_000));
    await Bun.sleep(2);
  }
  expect(reads).toEqual([]);
  sender.write(new Uint8Array(1_000));
  await eventually('the gulp is read', () => reads.length > 0);
  expect(reads).toEqual([10_000]);

  sender.write(new Uint8Array(100));
  await Bun.sleep(10);
  expect(reads).toHaveLength(1);
  expect(setLowWater(fd, 1)).toBe(true);
  await eventually('the rest is read', () => reads.length > 1);
  expect(reads).toEqual([10_000, 100]);
  sender.terminate();
});

test('setLowWater() of no socket does nothing', () => {
  expect([setLowWater(-1, 10), setLowWater(1_000_000, 10)]).toEqual([false, false]);
});

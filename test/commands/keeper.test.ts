import { describe, expect, test } from 'bun:test';
import { type Ended, Keeper, SILENT_MAX_TICKS, type SignOfLife } from '../../src/commands/keeper.ts';
import { setLogLevel } from '../../src/lib/log.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

setLogLevel('error');

/** Daemons of the test's making, the last one first at hand. */
class Nursery {
  readonly clock = new VirtualClock();
  readonly told: string[] = [];
  readonly bornMs: number[] = [];
  readonly keeper: Keeper;
  readonly code: Promise<number>;
  heard: (sign: SignOfLife) => void = () => {};
  end: (ended: Ended) => void = () => {};

  constructor() {
    this.keeper = new Keeper({
      clock: this.clock,
      start: (heard) => {
        const { promise, resolve } = Promise.withResolvers<Ended>();
        this.bornMs.push(this.clock.nowMs());
        this.heard = heard;
        this.end = resolve;
        return {
          ended: promise,
          stop: (signal) => this.told.push(signal),
          reload: () => this.told.push('SIGHUP'),
          kill: () => {
            this.told.push('SIGKILL');
            resolve({ code: null, signal: 'SIGKILL' });
          },
        };
      },
    });
    this.code = this.keeper.run();
  }

  crash(): void {
    this.end({ code: null, signal: 'SIGSEGV' });
  }

  /** Alive as it should be. */
  async live(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.heard('alive');
      await this.clock.run(1000);
    }
  }
}

describe('Keeper', () => {
  test('starts one anew that was ready and crashed, at once', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    await nursery.live(60);
    nursery.crash();
    await nursery.clock.run(0);
    expect(nursery.bornMs).toHaveLength(2);
    expect(nursery.bornMs[1]).toBe(nursery.clock.nowMs());
  });

  test('kills one that is silent, well before apt gives up, and starts it anew', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    await nursery.live(60);
    const fellSilentMs = nursery.clock.nowMs();
    await nursery.clock.run(25_000);
    expect(nursery.told).toEqual(['SIGKILL']);
    expect((nursery.bornMs[1] ?? 0) - fellSilentMs).toBeLessThanOrEqual(SILENT_MAX_TICKS * 1000);
  });

  test('leaves one alone that takes a minute to start', async () => {
    const nursery = new Nursery();
    await nursery.clock.run(60_000);
    expect(nursery.told).toEqual([]);
    nursery.heard('ready');
    await nursery.live(60);
    expect(nursery.bornMs).toHaveLength(1);
  });

  test.each([0, 1, 2])('one that ends with %p before it was ready is not started again', async (code) => {
    const nursery = new Nursery();
    nursery.end({ code, signal: null });
    expect(await nursery.clock.until(nursery.code)).toBe(code);
    expect(nursery.bornMs).toHaveLength(1);
  });

  test('one that ends by itself with 0 is not started again', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    nursery.end({ code: 0, signal: null });
    expect(await nursery.clock.until(nursery.code)).toBe(0);
  });

  test('passes each signal on, and ends with the daemon’s exit code', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    nursery.keeper.stop('SIGINT');
    nursery.keeper.stop('SIGTERM');
    expect(nursery.told).toEqual(['SIGINT', 'SIGTERM']);
    nursery.end({ code: 1, signal: null });
    expect(await nursery.clock.until(nursery.code)).toBe(1);
    expect(nursery.clock.pending).toBe(0);
  });

  test('reload() is passed on to the one that lives, which goes on living', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    nursery.keeper.reload();
    await nursery.live(2);
    expect(nursery.told).toEqual(['SIGHUP']);
    expect(nursery.bornMs).toHaveLength(1);
    nursery.end({ code: 0, signal: null });
    expect(await nursery.code).toBe(0);
  });

  test('one that hangs while it is to stop is killed, and that is the end', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    nursery.keeper.stop('SIGTERM');
    expect(await nursery.clock.until(nursery.code)).toBe(137);
    expect(nursery.bornMs).toHaveLength(1);
  });

  test('who dies again and again is started again ever later, at most 5 s', async () => {
    const nursery = new Nursery();
    for (let i = 0; i < 10; i++) {
      nursery.heard('ready');
      nursery.crash();
      await nursery.clock.run(5000);
    }
    expect(nursery.bornMs).toHaveLength(11);
    nursery.keeper.stop('SIGTERM');
  });

  test('a signal between two daemons ends it with 0', async () => {
    const nursery = new Nursery();
    for (let i = 0; i < 3; i++) {
      nursery.heard('ready');
      nursery.crash();
      await nursery.clock.run(i === 2 ? 0 : 5000);
    }
    nursery.keeper.stop('SIGTERM');
    expect(await nursery.clock.until(nursery.code)).toBe(0);
    expect(nursery.bornMs).toHaveLength(3);
  });

  test('gives up after five starts that came to nothing', async () => {
    const nursery = new Nursery();
    nursery.heard('ready');
    await nursery.live(20);
    nursery.crash();
    for (let i = 0; i < 5; i++) {
      await nursery.clock.run(5000);
      nursery.end({ code: 1, signal: null });
    }
    expect(await nursery.clock.until(nursery.code)).toBe(1);
    expect(nursery.bornMs).toHaveLength(6);
  });
});

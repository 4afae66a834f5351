import { afterEach, describe, expect, test } from 'bun:test';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundFile } from '../../src/acquire/hasher.ts';
import { type Found, type Named, TreeVerifier } from '../../src/acquire/tree-verifier.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { InlineHasher } from '../fixtures/inline-hasher.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

class SetClock extends VirtualClock {
  /** Far from all that tests write. */
  wall = Date.now() + 3_600_000;

  override wallMs(): number {
    return this.wall + this.nowMs();
  }
}

/** Its answers wait to be let go, and something may happen before each. */
class HeldHasher extends InlineHasher {
  readonly asked: number[] = [];
  before: () => void = () => {};
  gate: Promise<void> = Promise.resolve();

  override async files(
    files: readonly { fd: number; sizeBytes: number }[],
  ): Promise<(FoundFile | undefined)[]> {
    this.asked.push(files.length);
    await this.gate;
    const found = await super.files(files);
    this.before();
    return found;
  }
}

class Ground implements AsyncDisposable {
  readonly directory: TempDir = tempDir('tree-verifier');
  readonly clock = new SetClock();
  readonly hasher = new HeldHasher();
  readonly found: [string, boolean][] = [];
  readonly unreadable: string[] = [];
  known: (named: Named) => boolean = () => false;
  readonly verifier = new TreeVerifier({
    hasher: this.hasher,
    clock: this.clock,
    locate: (path) => join(this.directory.path, path),
    isKnown: (named) => this.known(named),
    found: (all) => this.#take(all),
    unreadable: (path) => this.unreadable.push(path),
  });

  /** Writes a file and returns what an index says of it. */
  file(path: string, content = `bytes of ${path}`): Named {
    writeFileSync(join(this.directory.path, path), content);
    return this.named(path, content);
  }

  named(path: string, content: string): Named {
    const bytes = Buffer.from(content);
    return { path, entry: { key: sha256Of(bytes), sizeBytes: bytes.length, swarms: ['swarm'] } };
  }

  #take(all: readonly (readonly [Named, Found])[]): void {
    for (const [{ path, entry }, { key }] of all) this.found.push([path, key === entry.key]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.verifier[Symbol.asyncDispose]();
    expect(this.clock.pending).toBe(0);
    this.directory[Symbol.dispose]();
  }
}

const grounds: Ground[] = [];
afterEach(async () => {
  for (const ground of grounds.splice(0)) await ground[Symbol.asyncDispose]();
});

function ground(): Ground {
  const made = new Ground();
  grounds.push(made);
  return made;
}

describe('TreeVerifier', () => {
  test('says what each file is, right or wrong, and then waits for nothing', async () => {
    const it = ground();
    it.verifier.add(it.file('right'));
    const wrong = it.named('wrong', 'what it should be');
    it.file('wrong', 'WHAT IT SHOULD BE');
    it.verifier.add(wrong);
    await it.verifier.idle();
    expect(it.found.sort()).toEqual([
      ['right', true],
      ['wrong', false],
    ]);
    expect(it.verifier.progress).toEqual({
      ...{ hashedFiles: 2, hashedBytes: 8 + 5 + 1 + 17, waitingFiles: 0, waitingBytes: 0 },
    });
  });

  test('reads nothing of a file that is known, of another size, or not there', async () => {
    const it = ground();
    it.known = ({ path }) => path === 'known';
    it.verifier.add(it.file('known'));
    it.file('longer', 'longer than stated');
    it.verifier.add(it.named('longer', 'short'));
    it.verifier.add(it.named('missing', 'missing'));
    await it.verifier.idle();
    expect(it.hasher.asked).toEqual([]);
    expect(it.unreadable).toEqual([]);
  });

  test('small files go to the hash thread together', async () => {
    const it = ground();
    const gate = Promise.withResolvers<void>();
    it.hasher.gate = gate.promise;
    for (let i = 0; i < 200; i += 1) it.verifier.add(it.file(`f${i}`));
    gate.resolve();
    await it.verifier.idle();
    expect(it.found).toHaveLength(200);
    expect(it.hasher.asked.length).toBeLessThan(10);
  });

  test('what somebody asks for goes first, and he hears when it is known', async () => {
    const it = ground();
    const gate = Promise.withResolvers<void>();
    it.hasher.gate = gate.promise;
    const files = Array.from({ length: 300 }, (_, i) => it.file(`f${i}`));
    for (const named of files) it.verifier.add(named);
    const last = files[299] as Named;
    const coming = it.verifier.coming(last.entry.key);
    expect(coming?.swarms).toEqual(['swarm']);
    const settled = coming?.settled();
    gate.resolve();
    await settled;
    expect(it.found.map(([path]) => path)).toContain('f299');
    expect(it.found.length).toBeLessThan(200);
    await it.verifier.idle();
    expect(it.verifier.coming(last.entry.key)).toBeUndefined();
  });

  test('a file that was written to while it was read is read again later', async () => {
    const it = ground();
    const named = it.file('a');
    const changed = statSync(join(it.directory.path, 'a'), { bigint: true }).ctimeNs;
    it.hasher.before = () => {
      do it.file('a');
      while (statSync(join(it.directory.path, 'a'), { bigint: true }).ctimeNs === changed);
      it.hasher.before = () => {};
    };
    it.verifier.add(named);
    await it.clock.until(it.verifier.idle());
    expect(it.hasher.asked).toEqual([1, 1]);
    expect(it.found).toEqual([['a', true]]);
  });

  test('a file that changed just now waits until its times can tell of one more change', async () => {
    const it = ground();
    const named = it.file('a');
    const changedMs = statSync(join(it.directory.path, 'a')).ctimeMs;
    it.clock.wall = Math.floor(changedMs) - it.clock.nowMs() + 500;
    it.verifier.add(named);
    await Bun.sleep(0);
    expect(it.hasher.asked).toEqual([]);
    expect(it.verifier.progress.waitingFiles).toBe(1);
    await it.clock.until(it.verifier.idle());
    expect(it.found).toEqual([['a', true]]);
  });

  test('whoever waits when it ends waits no longer', async () => {
    const it = ground();
    const gate = Promise.withResolvers<void>();
    it.hasher.gate = gate.promise;
    const named = it.file('a');
    it.verifier.add(named);
    const settled = it.verifier.coming(named.entry.key)?.settled();
    const idle = it.verifier.idle();
    const ended = it.verifier[Symbol.asyncDispose]();
    gate.resolve();
    await Promise.all([settled, idle, ended]);
    expect(it.found).toEqual([]);
  });
});

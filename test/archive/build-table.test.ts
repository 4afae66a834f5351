import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildTableHere, childTableBuilder, runInternalIndex } from '../../src/archive/build-table.ts';
import { IndexTable } from '../../src/archive/index-table.ts';
import { ProtocolError, UnavailableError, UntrustedError } from '../../src/lib/errors.ts';
import { sha256Of } from '../../src/lib/sha256.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { bytesOf, packagesOf } from './samples.ts';

const INDEX = packagesOf([{ path: 'pool/a_1_all.deb', content: 'a' }]);
const GZ = Bun.gzipSync(INDEX as Uint8Array<ArrayBuffer>);
const child = [process.execPath, join(import.meta.dir, 'internal-index-entry.ts')];
const never = new AbortController().signal;

function request(directory: string, bytes: Uint8Array, contentKey = sha256Of(INDEX)) {
  const input = join(directory, 'input');
  writeFileSync(input, bytes);
  return { input, output: join(directory, 'x.table'), inputKey: sha256Of(bytes), contentKey };
}

describe('buildTableHere()', () => {
  test.each([
    ['gzip', GZ],
    ['plain', INDEX],
    ['zstd', Bun.zstdCompressSync(INDEX as Uint8Array<ArrayBuffer>)],
  ])('makes a table of a %s index', async (_, bytes) => {
    using directory = tempDir('table');
    const asked = request(directory.path, bytes);
    await buildTableHere(asked);
    expect(new IndexTable(readFileSync(asked.output)).findPath('pool/a_1_all.deb')?.sizeBytes).toBe(1);
    expect(readdirSync(directory.path).sort()).toEqual(['input', 'x.table']);
  });

  test('another file, or another content, than stated is an UntrustedError and leaves nothing', async () => {
    using directory = tempDir('table');
    const asked = request(directory.path, GZ);
    const other = sha256Of(bytesOf('other'));
    await expect(buildTableHere({ ...asked, inputKey: other })).rejects.toBeInstanceOf(UntrustedError);
    await expect(buildTableHere({ ...asked, contentKey: other })).rejects.toBeInstanceOf(UntrustedError);
    expect(readdirSync(directory.path)).toEqual(['input']);
  });

  test('bytes behind the end of a stream count for the hash', async () => {
    using directory = tempDir('table');
    const twice = Buffer.concat([GZ, Bun.gzipSync(new Uint8Array(0))]);
    await buildTableHere(request(directory.path, twice));
    expect(existsSync(join(directory.path, 'x.table'))).toBe(true);
  });

  test('what is no index is a ProtocolError', async () => {
    using directory = tempDir('table');
    const page = bytesOf('<html>no\n');
    await expect(buildTableHere(request(directory.path, page, sha256Of(page)))).rejects.toBeInstanceOf(
      ProtocolError,
    );
    expect(readdirSync(directory.path)).toEqual(['input']);
  });
});

test('runInternalIndex() wants its arguments', async () => {
  expect(await runInternalIndex([])).toBe(2);
  expect(await runInternalIndex(['a', 'b', 'not a hash'])).toBe(2);
});

describe('childTableBuilder()', () => {
  test('builds in a child process', async () => {
    using directory = tempDir('table');
    const asked = request(directory.path, GZ);
    await childTableBuilder(child)(asked, never);
    expect(new IndexTable(readFileSync(asked.output)).length).toBe(1);
  });

  test('without a stated content too', async () => {
    using directory = tempDir('table');
    const asked = { ...request(directory.path, GZ), contentKey: undefined };
    await childTableBuilder(child)(asked, never);
    expect(new IndexTable(readFileSync(asked.output)).length).toBe(1);
  });

  test("rejects with the child's reason", async () => {
    using directory = tempDir('table');
    const asked = { ...request(directory.path, GZ), inputKey: sha256Of(bytesOf('other')) };
    const build = childTableBuilder(child)(asked, never);
    await expect(build).rejects.toThrow(/SHA-256 is not the stated one/);
    await expect(build).rejects.toBeInstanceOf(UntrustedError);
  });

  test('ends a child that takes too long', async () => {
    using directory = tempDir('table');
    const build = childTableBuilder(['sh', '-c', 'exec sleep 600', 'x'], 50)(
      request(directory.path, GZ),
      never,
    );
    await expect(build).rejects.toBeInstanceOf(UnavailableError);
  });

  test('ends the child when the signal says so', async () => {
    using directory = tempDir('table');
    const stop = new AbortController();
    const build = childTableBuilder(['sh', '-c', 'exec sleep 600', 'x'])(
      request(directory.path, GZ),
      stop.signal,
    );
    stop.abort(new Error('closing'));
    await expect(build).rejects.toThrow('closing');
  });

  test('a child that dies of a signal is an error', async () => {
    using directory = tempDir('table');
    const build = childTableBuilder(['sh', '-c', 'kill -9 $$', 'x'])(request(directory.path, GZ), never);
    await expect(build).rejects.toBeInstanceOf(UntrustedError);
  });
});

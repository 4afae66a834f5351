import { describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Content } from '../../src/standard/content.ts';
import { FolderStorage } from '../../src/standard/folder-storage.ts';
import { pieceBuffers } from '../../src/swarm/piece-buffers.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { errorOf } from '../fixtures/world.ts';
import { type Made, made } from './made.ts';

const SIZES = { a: 100_000, 'b/c': 70_000, 'b/d': 0, e: 1 };
const ID = 'ab'.repeat(20);
const PART_OF_A = `.debtorrent-${ID}-0.part`;

function open(what: Made, folder: string): FolderStorage {
  return new FolderStorage({ folder, layout: Content.layoutOf(what.metainfo), id: ID });
}

async function write(
  storage: FolderStorage,
  { metainfo, space }: Made,
  pieces: readonly number[],
): Promise<void> {
  const layout = Content.layoutOf(metainfo);
  for (const piece of pieces) {
    const from = layout.offset(piece);
    await storage.write(piece, space.subarray(from, from + layout.wantedBytes(piece)));
  }
}

function contentOf(what: Made, storage: FolderStorage): Content {
  const { metainfo: torrent } = what;
  return new Content({
    torrent,
    storage,
    layout: Content.layoutOf(torrent),
    buffers: pieceBuffers,
    draw: () => 0,
  });
}

function all({ metainfo }: Made): number[] {
  return [...new Array(metainfo.pieceCount).keys()];
}

describe('FolderStorage', () => {
  test.each(['v1', 'v2', 'hybrid'] as const)(
    'writes the files of a %s torrent, and reads them back',
    async (kind) => {
      using directory = tempDir('folder');
      const what = made({ kind, sizes: SIZES });
      const folder = join(directory.path, 'new/place');
      const storage = open(what, folder);
      await write(storage, what, all(what).reverse());
      const back = new Uint8Array(what.space.length);
      expect(storage.read(0, back)).toBe(true);
      expect(Buffer.compare(back, what.space)).toBe(0);
      await storage.close();
      for (const [path, bytes] of what.files)
        expect(Buffer.compare(readFileSync(join(folder, path)), bytes)).toBe(0);
      expect(readdirSync(folder)).toEqual(['made']);
      expect(readdirSync(join(folder, 'made')).sort()).toEqual(['a', 'b', 'e']);
    },
  );

  test('a file has its name when it is whole, not before', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v2', sizes: SIZES });
    const storage = open(what, directory.path);
    await write(storage, what, [0, 1]);
    expect(readdirSync(join(directory.path, 'made')).sort()).toEqual([PART_OF_A, 'b']);
    await write(storage, what, [2, 3]);
    expect(readdirSync(join(directory.path, 'made')).sort()).toEqual(['a', 'b']);
    await storage.close();
  });

  test('claims after a restart what was written, though the journal was torn', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: SIZES });
    const first = open(what, directory.path);
    await write(first, what, [0, 4, 2]);
    await first.close();
    const journal = join(directory.path, `.debtorrent-${ID}`);
    const length = readFileSync(journal).length;
    truncateSync(journal, length - 1);
    const second = open(what, directory.path);
    expect([...second.claimed()]).toEqual([0, 4]);
    await write(second, what, [1]);
    await second.close();
    const third = open(what, directory.path);
    expect([...third.claimed()]).toEqual([0, 1, 4]);
    await third.close();
  });

  test('a whole file that was there before is claimed, and compared rather than written', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: { a: 40_000, b: 40_000 }, isPacked: true });
    mkdirSync(join(directory.path, 'made'));
    writeFileSync(join(directory.path, 'made/a'), what.files.get('made/a') as Uint8Array);
    const storage = open(what, directory.path);
    expect([...storage.claimed()]).toEqual([0, 1]);
    storage.confirmed(0);
    storage.checked();
    await write(storage, what, all(what).slice(1));
    await storage.close();
    expect(readdirSync(join(directory.path, 'made')).sort()).toEqual(['a', 'b']);
  });

  test('a file that is something else is refused and left as it is', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: 100_000 });
    const path = join(directory.path, 'made');
    writeFileSync(path, 'mine');
    expect(() => open(what, directory.path)).toThrow(/something else is there already/);
    writeFileSync(path, new Uint8Array(100_000));
    const storage = open(what, directory.path);
    expect(() => storage.checked()).toThrow(/something else is there already/);
    expect(() => write(storage, what, [0])).toThrow(/something else is there already/);
    await storage.close();
    expect(readFileSync(path).every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ['a link in place of its folder', 'made'],
    ['a link in place of a folder below', 'made/b'],
    ['a link in place of the file', `made/${PART_OF_A}`],
    ['a link in place of the whole file', 'made/a'],
  ])('%s is not followed', async (_name, link) => {
    using directory = tempDir('folder');
    using outside = tempDir('outside');
    const what = made({ kind: 'v1', sizes: SIZES });
    const at = join(directory.path, link);
    mkdirSync(join(at, '..'), { recursive: true });
    symlinkSync(link.includes('a') && link !== 'made' ? join(outside.path, 'victim') : outside.path, at);
    const tryIt = async () => {
      const storage = open(what, directory.path);
      try {
        await write(storage, what, all(what));
      } finally {
        await storage.close();
      }
    };
    expect((await errorOf(tryIt())).message).toMatch(/could not fetch to|is not a folder|EEXIST|ELOOP/);
    expect(readdirSync(outside.path)).toEqual([]);
    expect(existsSync(join(outside.path, 'victim'))).toBe(false);
  });

  test('files whose names end in .part get their own bytes, and so do names of 255 bytes', async () => {
    using directory = tempDir('folder');
    const long = 'n'.repeat(255);
    const what = made({ kind: 'v1', sizes: { x: 50_000, 'x.part': 60_000, 'x.part.part': 5, [long]: 9 } });
    const storage = open(what, directory.path);
    await write(storage, what, all(what).reverse());
    await storage.close();
    for (const [path, bytes] of what.files)
      expect(Buffer.compare(readFileSync(join(directory.path, path)), bytes)).toBe(0);
    expect(readdirSync(join(directory.path, 'made')).length).toBe(4);
  });

  test('what another program is downloading under NAME.part is left alone', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: 100_000 });
    const path = join(directory.path, 'made.part');
    writeFileSync(path, 'theirs');
    const storage = open(what, directory.path);
    await write(storage, what, all(what));
    await storage.close();
    expect(readFileSync(path, 'utf8')).toBe('theirs');
  });

  test('a file that appears meanwhile is not replaced', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: 100_000 });
    const storage = open(what, directory.path);
    const pieces = all(what);
    await write(storage, what, pieces.slice(1));
    writeFileSync(join(directory.path, 'made'), 'mine');
    const error = await errorOf(write(storage, what, [0]));
    expect(error.message).toContain('something else is there already');
    await storage.close();
    expect(readFileSync(join(directory.path, 'made'), 'utf8')).toBe('mine');
  });

  test.each([
    ['the journal', `.debtorrent-${ID}`, /is not a file/],
    ['the part', PART_OF_A, /something else is there already/],
    ['the file', 'made', /something else is there already/],
  ])('a pipe in place of %s is neither waited for nor written to', async (_name, name, message) => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: 100_000 });
    const path = join(directory.path, name);
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    const tryIt = async () => {
      const storage = open(what, directory.path);
      try {
        await write(storage, what, [0]);
      } finally {
        await storage.close();
      }
    };
    expect((await errorOf(tryIt())).message).toMatch(message);
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  test('a journal that claims everything gains nothing: claims are hashed', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: 100_000 });
    const claims = Buffer.alloc(4 * 1_000);
    for (let i = 0; i < 1_000; i += 1) claims.writeUInt32BE(i % 5 === 4 ? 0xffffffff : i, 4 * i);
    writeFileSync(
      join(directory.path, `.debtorrent-${ID}`),
      Buffer.concat([Buffer.from('DTpieces1\n'), claims]),
    );
    const storage = open(what, directory.path);
    const content = contentOf(what, storage);
    await content.checkClaimed(async () => {});
    expect(content.have.count).toBe(0);
    await write(storage, what, all(what));
    await storage.close();
    expect(readdirSync(directory.path)).toEqual(['made']);
  });

  test('read() says when the bytes are gone', async () => {
    using directory = tempDir('folder');
    const what = made({ kind: 'v1', sizes: 100_000 });
    const storage = open(what, directory.path);
    expect(storage.read(0, new Uint8Array(10))).toBe(false);
    await write(storage, what, [0]);
    expect(storage.read(0, new Uint8Array(10))).toBe(true);
    await storage.close();
  });
});

import { describe, expect, test } from 'bun:test';
import { type Compression, decompress, detectCompression } from '../../src/archive/decompress.ts';
import { ProtocolError, UnavailableError } from '../../src/lib/errors.ts';
import { bytesOf, chunked, randomBytes, randomInts } from './samples.ts';

/** "hello hello hello\n" by the real programs, so that no test needs them. */
const HELLO = bytesOf('hello hello hello\n');
const PACKED: Record<string, Uint8Array> = {
  gzip: Bun.gzipSync(HELLO),
  xz: Uint8Array.fromBase64(
    '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4AARAAxdADQZSe6N6U9+ISGwAAAfAdnIh8FDyAABKBLJamKOH7bzfQEAAAAABFla',
  ),
  bzip2: Uint8Array.fromBase64('QlpoOTFBWSZTWeW18wkAAARRAAAQQAACRKAAIbUYDAKQacKjC7kinChIctr5hIA='),
  zstd: Uint8Array.fromBase64('KLUv/QRYbQAAOGhlbGxvIAoBADFKEaOqdM4='),
  lz4: Uint8Array.fromBase64('BCJNGGRApw8AAABjaGVsbG8gBgBQZWxsbwoAAAAAxlnYWw=='),
  plain: HELLO,
};
const KINDS = Object.keys(PACKED);
/** 40 MB of zeros in 51 bytes. */
const BZIP2_BOMB = Uint8Array.fromBase64(
  'QlpoOTFBWSZTWdjs3f4BMl9ACMAAABAACCAAMMwJqmmgSlFbUBKUV4u5IpwoSGx2bv8A',
);

async function unpack(bytes: Uint8Array, size = 1 << 16, maxOutputBytes = 1 << 20): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(chunked(bytes, size), { maxOutputBytes })) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

describe('decompress()', () => {
  test.each(KINDS)('reads %s, however it is cut', async (kind) => {
    for (const size of [1, 2, 5, 1000]) {
      expect(Buffer.from(await unpack(PACKED[kind] as Uint8Array, size))).toEqual(Buffer.from(HELLO));
    }
  });

  test.each(KINDS)('reads two %s streams one behind the other as one', async (kind) => {
    const twice = Buffer.concat([PACKED[kind] as Uint8Array, PACKED[kind] as Uint8Array]);
    expect(Buffer.from(await unpack(twice))).toEqual(Buffer.concat([HELLO, HELLO]));
  });

  test.each(KINDS.filter((kind) => kind !== 'plain'))(
    '%s that is cut short is a ProtocolError',
    async (kind) => {
      const bytes = PACKED[kind] as Uint8Array;
      for (let length = 6; length < bytes.length; length += 3) {
        await expect(unpack(bytes.subarray(0, length))).rejects.toBeInstanceOf(ProtocolError);
      }
    },
  );

  test.each(KINDS)('arbitrary edits of %s give bytes or a ProtocolError', async (kind) => {
    const int = randomInts(7);
    const bytes = PACKED[kind] as Uint8Array;
    for (let round = 0; round < 150; round += 1) {
      const edited = bytes.slice();
      for (let edits = 1 + int(3); edits > 0; edits -= 1) edited[int(edited.length)] = int(256);
      try {
        await unpack(edited, 1 + int(50));
      } catch (error) {
        if (!(error instanceof ProtocolError || error instanceof UnavailableError)) throw error;
      }
    }
  });

  test('arbitrary bytes behind a magic number give bytes or a ProtocolError', async () => {
    const int = randomInts(8);
    for (let round = 0; round < 300; round += 1) {
      const head = (PACKED[KINDS[int(KINDS.length)] as string] as Uint8Array).subarray(0, 4 + int(10));
      try {
        await unpack(Buffer.concat([head, randomBytes(int, int(200))]));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });

  test('a larger content comes whole and in order', async () => {
    const int = randomInts(9);
    const lines = Array.from({ length: 40_000 }, (_, i) => `${i} ${int(1000)}\n`).join('');
    const content = Buffer.from(bytesOf(lines));
    for (const packed of [Bun.gzipSync(content), Bun.zstdCompressSync(content)]) {
      expect((await unpack(packed, 1 << 16)).length).toBe(content.length);
      expect(Buffer.from(await unpack(packed, 4096)).equals(content)).toBe(true);
    }
  });

  test('an lz4 block may refer 64 KiB back into the one before, and overlap itself', async () => {
    const first = randomBytes(randomInts(10), 64 << 10);
    // Linked blocks of 64 KiB: one as it is, then a match of 19 bytes at distance 65,535, one of 7 at 3, five literals.
    const head = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0, 0, 0, 1, 0x80];
    const second = [0x0f, 0xff, 0xff, 0, 0x03, 3, 0, 0x50, 1, 2, 3, 4, 5];
    const bytes = Buffer.from([...head, ...first, second.length, 0, 0, 0, ...second, 0, 0, 0, 0]);
    const match = first.subarray(1, 20);
    const overlap = Array.from({ length: 7 }, (_, i) => match[16 + (i % 3)] as number);
    const content = Buffer.from([...first, ...match, ...overlap, 1, 2, 3, 4, 5]);
    for (const size of [7, 1 << 20])
      expect(Buffer.from(await unpack(bytes, size)).equals(content)).toBe(true);
  });

  test('nothing is nothing', async () => {
    expect((await unpack(new Uint8Array(0))).length).toBe(0);
  });

  test.each([
    ['gzip', () => Bun.gzipSync(new Uint8Array(20_000_000))],
    ['zstd', () => Bun.zstdCompressSync(new Uint8Array(20_000_000))],
    ['bzip2', () => BZIP2_BOMB],
  ])('a bomb of %s is stopped at the cap', async (_, make) => {
    const bytes = make();
    let out = 0;
    const run = async () => {
      for await (const chunk of decompress(chunked(bytes, 1 << 16), { maxOutputBytes: 1_000_000 }))
        out += chunk.length;
    };
    await expect(run()).rejects.toBeInstanceOf(ProtocolError);
    expect(out).toBeLessThanOrEqual(1_000_000);
  });

  test.each([['lzma', 'XQAAgAD//////////wA0GUnujd09Ot///90SAAA=']])(
    '%s is named and refused',
    async (kind, base64) => {
      await expect(unpack(Uint8Array.fromBase64(base64))).rejects.toThrow(
        new RegExp(`${kind} is not supported`),
      );
      await expect(unpack(Uint8Array.fromBase64(base64))).rejects.toBeInstanceOf(UnavailableError);
    },
  );

  test.each(KINDS)('an error of the source passes through %s as it is', async (kind) => {
    const broken = async function* () {
      yield (PACKED[kind] as Uint8Array).subarray(0, 12);
      throw new RangeError('the disk is gone');
    };
    const run = async () => {
      for await (const _ of decompress(broken()));
    };
    await expect(run()).rejects.toThrow(new RangeError('the disk is gone'));
  });

  test.each(KINDS)('leaving %s early closes the source, and the next stream still works', async (kind) => {
    let closed = false;
    const source = async function* () {
      try {
        for (;;) yield PACKED[kind] as Uint8Array;
      } finally {
        closed = true;
      }
    };
    for await (const chunk of decompress(source())) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(closed).toBe(true);
    expect(Buffer.from(await unpack(PACKED[kind] as Uint8Array))).toEqual(Buffer.from(HELLO));
  });
});

test.each(Object.entries(PACKED))('detectCompression() tells %s by its first bytes', (kind, bytes) => {
  expect(detectCompression(bytes.subarray(0, 6))).toBe(kind as Compression);
});

test('detectCompression() takes less than a magic number for plain text', () => {
  expect(detectCompression(Uint8Array.of(0x1f))).toBe('plain');
  expect(detectCompression(new Uint8Array(0))).toBe('plain');
});

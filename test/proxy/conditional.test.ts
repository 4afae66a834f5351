import { describe, expect, test } from 'bun:test';
import { type Conditions, type Representation, select } from '../../src/proxy/conditional.ts';

const LAST_MODIFIED = 'Sat, 06 Dec 2010 10:11:12 GMT';
const EARLIER = 'Sat, 06 Dec 2010 10:11:11 GMT';
const LATER = 'Sat, 06 Dec 2010 10:11:13 GMT';
const file: Representation = { sizeBytes: 1000, lastModifiedMs: Date.parse(LAST_MODIFIED), etag: '"abc"' };

/** "200", "206 from-to", "304", "416" */
function brief(asked: Partial<Conditions>, of: Representation = file): string {
  const selection = select(of, { method: 'GET', ...asked });
  return 'from' in selection
    ? `${selection.status} ${selection.from}-${selection.to}`
    : `${selection.status}`;
}

describe('select() by Range', () => {
  test.each([
    [undefined, '200 0-1000'],
    ['bytes=0-', '206 0-1000'],
    ['bytes=0-0', '206 0-1'],
    ['bytes=10-19', '206 10-20'],
    ['bytes=999-', '206 999-1000'],
    ['bytes=999-99999', '206 999-1000'],
    ['bytes=-1', '206 999-1000'],
    ['bytes=-5000', '206 0-1000'],
    ['Bytes = 1-2', '206 1-3'],
    ['bytes=1000-', '416'],
    ['bytes=5000-6000', '416'],
    ['bytes=-0', '416'],
    ['bytes=2-1', '200 0-1000'],
    ['bytes=0-1,5-6', '200 0-1000'],
    ['bytes=', '200 0-1000'],
    ['bytes=-', '200 0-1000'],
    ['bytes=a-b', '200 0-1000'],
    ['items=0-1', '200 0-1000'],
    ['bytes=9999999999999999-', '200 0-1000'],
  ])('%p gives %p', (range, expected) => {
    expect(brief({ range })).toBe(expected);
  });

  test('is only for GET', () => {
    expect(brief({ method: 'HEAD', range: 'bytes=0-1' })).toBe('200 0-1000');
  });

  test('of an empty file can not be satisfied', () => {
    expect(brief({ range: 'bytes=0-' }, { ...file, sizeBytes: 0 })).toBe('416');
    expect(brief({}, { ...file, sizeBytes: 0 })).toBe('200 0-0');
  });

  test('gives the whole file while it has no strong validator', () => {
    const unproven = { ...file, etag: undefined };
    expect(brief({ range: 'bytes=10-' }, unproven)).toBe('200 0-1000');
    expect(brief({ range: 'bytes=10-', ifRange: LAST_MODIFIED }, unproven)).toBe('200 0-1000');
  });
});

describe('select() by If-Range', () => {
  test.each([
    [LAST_MODIFIED, '206 5-1000'],
    [EARLIER, '200 0-1000'],
    [LATER, '200 0-1000'],
    ['"abc"', '206 5-1000'],
    ['"abd"', '200 0-1000'],
    ['W/"abc"', '200 0-1000'],
    ['nonsense', '200 0-1000'],
    ['', '200 0-1000'],
  ])('%p gives %p', (ifRange, expected) => {
    expect(brief({ range: 'bytes=5-', ifRange })).toBe(expected);
  });

  test('holds for a file whose date has a fraction of a second', () => {
    expect(
      brief(
        { range: 'bytes=5-', ifRange: LAST_MODIFIED },
        { ...file, lastModifiedMs: file.lastModifiedMs + 7 },
      ),
    ).toBe('206 5-1000');
  });

  test('means nothing without Range', () => {
    expect(brief({ ifRange: '"abc"' })).toBe('200 0-1000');
  });
});

describe('select() by If-Modified-Since and If-None-Match', () => {
  test.each([
    [{ ifModifiedSince: LAST_MODIFIED }, '304'],
    [{ ifModifiedSince: LATER }, '304'],
    [{ ifModifiedSince: EARLIER }, '200 0-1000'],
    [{ ifModifiedSince: 'Saturday, 06-Dec-10 10:11:12 GMT' }, '304'],
    [{ ifModifiedSince: 'Sat Dec  6 10:11:12 2010' }, '304'],
    [{ ifModifiedSince: 'yesterday' }, '200 0-1000'],
    [{ ifModifiedSince: '5' }, '200 0-1000'],
    [{ ifNoneMatch: '"abc"' }, '304'],
    [{ ifNoneMatch: 'W/"abc"' }, '304'],
    [{ ifNoneMatch: '"x", "abc"' }, '304'],
    [{ ifNoneMatch: '*' }, '304'],
    [{ ifNoneMatch: '"x"' }, '200 0-1000'],
    [{ ifNoneMatch: '"x"', ifModifiedSince: LATER }, '200 0-1000'],
    [{ ifNoneMatch: '"abc"', ifModifiedSince: EARLIER, range: 'bytes=0-1' }, '304'],
    [{ ifModifiedSince: EARLIER, range: 'bytes=0-1' }, '206 0-2'],
  ] as [Partial<Conditions>, string][])('%p gives %p', (asked, expected) => {
    expect(brief(asked)).toBe(expected);
    expect(brief({ ...asked, method: 'HEAD' })).toBe(expected.startsWith('206') ? '200 0-1000' : expected);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { Catalogue } from '../../src/archive/catalogue.ts';
import { splitClearSigned } from '../../src/archive/clearsign.ts';
import type { Location } from '../../src/archive/entry.ts';
import { Refresh, type ReleaseTrouble } from '../../src/archive/refresh.ts';
import type { RefreshRequest } from '../../src/archive/release-answer.ts';
import type { SignatureVerdict, SignedRelease } from '../../src/archive/signature.ts';
import { RefusedError, UnavailableError } from '../../src/lib/errors.ts';
import { type TempDir, tempDir } from '../fixtures/temp-dir.ts';
import { errorOf } from '../fixtures/world.ts';
import {
  buildHere,
  bytesOf,
  fakeInRelease,
  locationOf,
  ManualClock,
  readableSwarm,
  releaseText,
  settled,
} from './samples.ts';

const DIST = 'ftp.de.debian.org/debian/dists/bookworm';
const IN_RELEASE = locationOf(`${DIST}/InRelease`);
const RELEASE = locationOf(`${DIST}/Release`);
const SIGNATURE = locationOf(`${DIST}/Release.gpg`);
const PUBLIC: SignatureVerdict = { status: 'public', keyring: 'k', fingerprint: 'F' };
const BAD: SignatureVerdict = { status: 'bad', reason: 'a signature is bad' };

const FIRST = 'Sat, 03 Jan 2026 10:00:00 UTC';
const SECOND = 'Sun, 04 Jan 2026 10:00:00 UTC';
const textOf = (date = FIRST, validUntil?: string) =>
  releaseText({ date, validUntil, files: { 'main/binary-amd64/Packages': bytesOf(date) } });
const httpDate = (date: string) => date.replace('UTC', 'GMT');

interface Answer {
  status: number;
  body?: Uint8Array | undefined;
  lastModified?: string;
  etag?: string;
}

/** A mirror that says what it is told, and remembers what it was asked. */
class ScriptedMirror {
  readonly asked: { readonly path: string; readonly headers: Readonly<Record<string, string>> }[] = [];
  answers = new Map<string, Answer>();
  /** Instead of an answer, to a request with conditions. */
  toConditions: Answer | undefined;
  failure: Error | undefined;
  hangs: 'never' | 'head' | 'body' = 'never';
  /** Requests wait for it. */
  gate: Promise<void> = Promise.resolve();
  signal: AbortSignal | undefined;

  async request(request: { at: Location; headers?: Readonly<Record<string, string>>; signal: AbortSignal }) {
    this.asked.push({ path: request.at.path, headers: request.headers ?? {} });
    this.signal = request.signal;
    await this.gate;
    if (this.hangs === 'head') await new Promise(() => {});
    if (this.failure) throw this.failure;
    const isConditional = Object.keys(request.headers ?? {}).length > 0;
    const { status, body, lastModified, etag } = (isConditional && this.toConditions) ||
      this.answers.get(request.at.path) || { status: 404, body: bytesOf('no') };
    const headers = new Headers();
    if (lastModified !== undefined) headers.set('Last-Modified', lastModified);
    if (etag !== undefined) headers.set('ETag', etag);
    const hangs = this.hangs === 'body';
    const chunks = async function* () {
      if (body) yield body.subarray(0, 10);
      if (hangs) await new Promise(() => {});
      if (body) yield body.subarray(10);
    };
    return { status, headers, body: chunks() };
  }

  give(at: Location, text: string | Uint8Array, date = FIRST): void {
    this.answers.set(at.path, {
      status: 200,
      body: typeof text === 'string' ? bytesOf(text) : text,
      lastModified: httpDate(date),
    });
  }
}

let directory: TempDir;
let clock: ManualClock;
let mirror: ScriptedMirror;
let catalogue: Catalogue;
let verdict: SignatureVerdict;
let verified: number;
let silentMs: number | undefined;
let counts: Record<ReleaseTrouble, number>;
let refresh: Refresh;

beforeEach(() => {
  directory = tempDir('refresh');
  clock = new ManualClock();
  mirror = new ScriptedMirror();
  verdict = PUBLIC;
  verified = 0;
  silentMs = undefined;
  counts = { stale: 0, rolledBack: 0, refused: 0 };
  catalogue = new Catalogue({
    directory: join(directory.path, 'c'),
    infoHash: readableSwarm,
    buildTable: buildHere,
    clock,
  });
  refresh = new Refresh({
    catalogue,
    mirror,
    clock,
    silentMs: () => silentMs,
    count: (trouble) => {
      counts[trouble] += 1;
    },
    verify: (signed: SignedRelease) => {
      verified += 1;
      const inline = Buffer.from(signed.release.subarray(0, 5)).toString() === '-----';
      const text = inline ? splitClearSigned(signed.release).text : signed.release;
      const unsigned: SignatureVerdict = { status: 'unknown', reason: 'it is not signed' };
      return Promise.resolve({ text, verdict: inline || signed.signature ? verdict : unsigned });
    },
  });
});
afterEach(async () => {
  await catalogue[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

const serve = (at: Location, request: Partial<RefreshRequest> = {}) =>
  refresh.serve(at, { signal: new AbortController().signal, ...request });
const dateInForce = () => catalogue.inForce(IN_RELEASE)?.release.dateMs;

describe('Refresh.serve() of a new InRelease', () => {
  test("answers with the mirror's bytes and puts it in force before", async () => {
    const bytes = fakeInRelease(textOf());
    mirror.give(IN_RELEASE, bytes);
    const answer = await serve(IN_RELEASE);
    expect(answer.status).toBe(200);
    expect(answer.headers['Last-Modified']).toBe(httpDate(FIRST));
    expect(answer.body && Buffer.compare(answer.body, bytes)).toBe(0);
    expect(dateInForce()).toBe(Date.parse(FIRST));
    expect(catalogue.inForce(IN_RELEASE)?.verdict).toEqual(PUBLIC);
    expect(await catalogue.lookup(locationOf(`${DIST}/main/binary-amd64/Packages`))).toBeDefined();
  });

  test('asks the mirror without conditions while there is no copy, whatever the client has', async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    const answer = await serve(IN_RELEASE, { ifModifiedSince: httpDate(FIRST) });
    expect(mirror.asked[0]?.headers).toEqual({});
    expect(answer.status).toBe(304);
    expect(answer.body).toBeUndefined();
    expect(dateInForce()).toBe(Date.parse(FIRST));
  });

  test("asks with the copy's validators then, and answers a 304 from the copy", async () => {
    const bytes = fakeInRelease(textOf());
    mirror.answers.set(IN_RELEASE.path, {
      status: 200,
      body: bytes,
      lastModified: httpDate(FIRST),
      etag: '"e"',
    });
    await serve(IN_RELEASE);
    mirror.answers.set(IN_RELEASE.path, { status: 304 });
    const answer = await serve(IN_RELEASE);
    expect(mirror.asked[1]?.headers).toEqual({
      'If-Modified-Since': httpDate(FIRST),
      'If-None-Match': '"e"',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.ETag).toBe('"e"');
    expect(answer.body && Buffer.compare(answer.body, bytes)).toBe(0);
    expect(verified).toBe(1);
  });

  test.each([
    BAD,
    { status: 'unknown', reason: 'no key' },
    { status: 'private', keyring: 'k', fingerprint: 'F' },
  ] as const)(
    'a 304 is verified again where it was %p: the clock is right, the keyring there by now',
    async (before) => {
      verdict = before;
      mirror.answers.set(IN_RELEASE.path, { status: 200, body: fakeInRelease(textOf()), etag: '"e"' });
      await serve(IN_RELEASE);
      mirror.answers.set(IN_RELEASE.path, { status: 304 });
      await serve(IN_RELEASE);
      expect(catalogue.inForce(IN_RELEASE)?.verdict.status).toBe(before.status);
      verdict = PUBLIC;
      expect((await serve(IN_RELEASE)).status).toBe(200);
      expect(catalogue.inForce(IN_RELEASE)?.verdict).toEqual(PUBLIC);
      expect(counts.refused).toBe(0);
    },
  );

  test('what was proved private stays so while the clock is wrong', async () => {
    verdict = { status: 'private', keyring: 'k', fingerprint: 'F' };
    mirror.answers.set(IN_RELEASE.path, { status: 200, body: fakeInRelease(textOf()), etag: '"e"' });
    await serve(IN_RELEASE);
    mirror.answers.set(IN_RELEASE.path, { status: 304 });
    verdict = BAD;
    await serve(IN_RELEASE);
    expect(catalogue.inForce(IN_RELEASE)?.verdict.status).toBe('private');
  });

  test('a 304 for an older copy than ours (the mirror fell back) is asked again without conditions', async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf(SECOND)), SECOND);
    await serve(IN_RELEASE);
    mirror.toConditions = { status: 304, lastModified: httpDate(FIRST) };
    const older = fakeInRelease(textOf(FIRST));
    mirror.give(IN_RELEASE, older, FIRST);
    const answer = await serve(IN_RELEASE);
    expect(answer.body && Buffer.compare(answer.body, older)).toBe(0);
    expect(mirror.asked.map(({ headers }) => Object.keys(headers).length)).toEqual([0, 1, 0]);
    expect(counts.rolledBack).toBe(1);
  });

  test.each([
    ["older than the client's", { ifModifiedSince: httpDate(SECOND) }, 304],
    ["as old as the client's", { ifModifiedSince: httpDate(FIRST) }, 304],
    ["newer than the client's", { ifModifiedSince: 'Fri, 02 Jan 2026 10:00:00 GMT' }, 200],
    ["dated, where the client's date is none", { ifModifiedSince: 'whenever' }, 200],
    ["of the client's tag", { ifNoneMatch: 'W/"e", "f"' }, 304],
    [
      "of another tag than the client's, which counts before the date",
      { ifNoneMatch: '"x"', ifModifiedSince: httpDate(SECOND) },
      200,
    ],
  ])('a copy %s is answered by its conditions', async (_, conditions, status) => {
    mirror.answers.set(IN_RELEASE.path, {
      status: 200,
      body: fakeInRelease(textOf()),
      lastModified: httpDate(FIRST),
      etag: '"e"',
    });
    expect((await serve(IN_RELEASE, conditions)).status).toBe(status);
  });

  test('eight that ask at once make one request', async () => {
    const gate = Promise.withResolvers<void>();
    mirror.gate = gate.promise;
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    const answers = Array.from({ length: 8 }, (_, i) =>
      serve(IN_RELEASE, i % 2 ? { ifModifiedSince: httpDate(FIRST) } : {}),
    );
    await settled();
    gate.resolve();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([
      200, 304, 200, 304, 200, 304, 200, 304,
    ]);
    expect(mirror.asked).toHaveLength(1);
    expect(verified).toBe(1);
  });

  test('one that goes away does not take the request from the others', async () => {
    const gate = Promise.withResolvers<void>();
    mirror.gate = gate.promise;
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    const client = new AbortController();
    const gone = serve(IN_RELEASE, { signal: client.signal });
    const stays = serve(IN_RELEASE);
    client.abort(new Error('the client is gone'));
    await expect(gone).rejects.toThrow('the client is gone');
    gate.resolve();
    expect((await stays).status).toBe(200);
  });

  test('the same bytes again are not verified again', async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    await serve(IN_RELEASE);
    await serve(IN_RELEASE);
    expect(verified).toBe(1);
  });

  test('of an archive that nobody trusted neither: what the Release before names is still found by hash', async () => {
    verdict = { status: 'unknown', reason: 'no key' };
    mirror.give(IN_RELEASE, fakeInRelease(textOf(FIRST)));
    await serve(IN_RELEASE);
    mirror.give(IN_RELEASE, fakeInRelease(textOf(SECOND)));
    await serve(IN_RELEASE);
    await serve(IN_RELEASE);
    const before = new Bun.CryptoHasher('sha256').update(FIRST).digest('hex');
    const byHash = locationOf(`${DIST}/main/binary-amd64/by-hash/SHA256/${before}`);
    expect((await catalogue.lookup(byHash))?.key as string).toBe(before);
  });

  test('without a verdict the first time they are', async () => {
    verdict = { status: 'unavailable', reason: 'no gpgv' };
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    await serve(IN_RELEASE);
    verdict = PUBLIC;
    await serve(IN_RELEASE);
    expect(catalogue.inForce(IN_RELEASE)?.verdict.status).toBe('public');
  });
});

describe('Refresh.serve() passes through unchanged, and believes nothing of', () => {
  beforeEach(async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf(SECOND)), SECOND);
    await serve(IN_RELEASE);
  });

  async function passes(bytes: Uint8Array): Promise<void> {
    mirror.give(IN_RELEASE, bytes, FIRST);
    const answer = await serve(IN_RELEASE);
    expect(answer.status).toBe(200);
    expect(answer.body && Buffer.compare(answer.body, bytes)).toBe(0);
    expect(dateInForce()).toBe(Date.parse(SECOND));
    expect(catalogue.inForce(IN_RELEASE)?.verdict.status).toBe('public');
  }

  test('an older Release (rollback), and counts it', async () => {
    await passes(fakeInRelease(textOf(FIRST)));
    expect(counts).toEqual({ stale: 0, rolledBack: 1, refused: 0 });
    expect(catalogue.releases()[0]?.upstream).toEqual({ stale: false, rolledBack: 1, refused: 0 });
  });

  test('and a mirror that is behind another is told apart by how much', async () => {
    const at = locationOf('ftp.fr.debian.org/debian/dists/bookworm/InRelease');
    mirror.answers.clear();
    mirror.give(at, fakeInRelease(textOf(FIRST)));
    await serve(at);
    expect(catalogue.releases().map(({ behindMs }) => behindMs)).toEqual([0, 24 * 3600_000]);
  });

  test('whose indexes, where plain names say something else there, are left to the mirror', async () => {
    await passes(fakeInRelease(textOf(FIRST)));
    expect(await catalogue.lookup(locationOf(`${DIST}/main/binary-amd64/Packages`))).toBeUndefined();
  });

  test('a newer one whose signature is bad', async () => {
    verdict = BAD;
    await passes(fakeInRelease(textOf('Mon, 05 Jan 2026 10:00:00 UTC')));
    expect(counts.refused).toBe(1);
  });

  test('a newer one that no trusted key signed, where a private key had', async () => {
    const at = locationOf('apt.example.org/dists/x/InRelease');
    verdict = { status: 'private', keyring: 'k', fingerprint: 'F' };
    mirror.give(at, fakeInRelease(textOf(FIRST)));
    await serve(at);
    verdict = { status: 'unknown', reason: 'no key' };
    mirror.give(at, fakeInRelease(textOf(SECOND)));
    expect((await serve(at)).status).toBe(200);
    expect(catalogue.inForce(at)?.release.dateMs).toBe(Date.parse(FIRST));
    expect(counts.refused).toBe(1);
  });

  test.each([
    ['a page of a captive portal', bytesOf('<html>log in</html>')],
    [
      'unsigned lines before the signed ones',
      Buffer.concat([bytesOf('Origin: Evil\n'), fakeInRelease(textOf(SECOND))]),
    ],
    ['a Release in place of an InRelease', bytesOf(textOf('Mon, 05 Jan 2026 10:00:00 UTC'))],
    ['a signed text that is no Release', fakeInRelease('Hello: world\n')],
    ['nothing', new Uint8Array(0)],
  ])('%s', async (_, bytes) => {
    await passes(bytes);
    expect(counts.refused).toBe(1);
  });

  test('but a Release dated in the future is no measure: a truer one replaces it', async () => {
    const at = locationOf('apt.example.org/InRelease');
    verdict = BAD;
    mirror.give(at, fakeInRelease(textOf('Fri, 01 Jan 2100 10:00:00 UTC')));
    await serve(at);
    mirror.give(at, fakeInRelease(textOf(SECOND)));
    await serve(at);
    expect(catalogue.inForce(at)?.release.dateMs).toBe(Date.parse(SECOND));
  });

  test('and one that is signed replaces one that is not, whatever their dates', async () => {
    const at = locationOf('apt.example.org/InRelease');
    verdict = BAD;
    mirror.give(at, fakeInRelease(textOf(SECOND)));
    await serve(at);
    verdict = PUBLIC;
    mirror.give(at, fakeInRelease(textOf(FIRST)));
    await serve(at);
    expect(catalogue.inForce(at)?.release.dateMs).toBe(Date.parse(FIRST));
  });
});

describe('Refresh.serve() when the mirror is ill', () => {
  const bytes = fakeInRelease(textOf(FIRST, 'Sat, 17 Jan 2026 10:00:00 UTC'));

  beforeEach(async () => {
    mirror.give(IN_RELEASE, bytes);
    await serve(IN_RELEASE);
  });

  test('an error gives the copy', async () => {
    mirror.failure = new UnavailableError('refused');
    const answer = await serve(IN_RELEASE);
    expect(answer.status).toBe(200);
    expect(answer.body && Buffer.compare(answer.body, bytes)).toBe(0);
    expect((await serve(IN_RELEASE, { ifModifiedSince: httpDate(FIRST) })).status).toBe(304);
    expect(counts.stale).toBe(2);
    expect(catalogue.releases()[0]?.upstream.stale).toBe(true);
    mirror.failure = undefined;
    await serve(IN_RELEASE);
    expect(catalogue.releases()[0]?.upstream.stale).toBe(false);
  });

  test.each([500, 502, 503, 504, 429, 206])('a status of %p gives the copy', async (status) => {
    mirror.answers.set(IN_RELEASE.path, { status, body: bytesOf('ill') });
    expect((await serve(IN_RELEASE)).status).toBe(200);
    expect(counts.stale).toBe(1);
  });

  test.each(['head', 'body'] as const)(
    'silence in the %s gives the copy after a second and a half, the round goes on behind and has an end',
    async (where) => {
      mirror.hangs = where;
      mirror.answers.set(IN_RELEASE.path, { status: 200, body: fakeInRelease(textOf(SECOND)) });
      const answer = serve(IN_RELEASE);
      await settled();
      clock.advance(1499);
      await settled();
      expect(counts.stale).toBe(0);
      clock.advance(1);
      expect((await answer).status).toBe(200);
      expect(counts.stale).toBe(1);
      expect(catalogue.releases()[0]?.upstream.stale).toBe(true);
      // Whoever asks meanwhile has the copy at once, and the mirror has one request.
      expect((await serve(IN_RELEASE)).status).toBe(200);
      expect(mirror.asked).toHaveLength(2);
      expect(mirror.signal?.aborted).toBe(false);
      clock.advance(8500);
      await settled();
      expect(mirror.signal?.aborted).toBe(true);
      expect(clock.timers).toBe(0);
      // The next one asks anew.
      mirror.hangs = 'never';
      await serve(IN_RELEASE);
      expect(dateInForce()).toBe(Date.parse(SECOND));
    },
  );

  /** Answers when told to, and clients have long been given the copy. */
  async function givesCopyFirst(at: Location, waitMs: number): Promise<() => Promise<void>> {
    const gate = Promise.withResolvers<void>();
    mirror.gate = gate.promise;
    const answer = serve(at);
    await settled();
    clock.advance(waitMs);
    expect((await answer).status).toBe(200);
    return async () => {
      gate.resolve();
      await settled();
      await settled();
    };
  }

  test('what a slow one says later is in force for the next, who then waits for what it says', async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf(SECOND)), SECOND);
    const answerLate = await givesCopyFirst(IN_RELEASE, 1500);
    clock.advance(500);
    await answerLate();
    expect(dateInForce()).toBe(Date.parse(SECOND));
    expect(catalogue.releases()[0]?.upstream.stale).toBe(false);
    const third = fakeInRelease(textOf('Mon, 05 Jan 2026 10:00:00 UTC'));
    mirror.give(IN_RELEASE, third, 'Mon, 05 Jan 2026 10:00:00 UTC');
    const gate = Promise.withResolvers<void>();
    mirror.gate = gate.promise;
    const answer = serve(IN_RELEASE);
    await settled();
    clock.advance(9000);
    gate.resolve();
    expect(Buffer.compare((await answer).body ?? bytes, third)).toBe(0);
    expect(counts.stale).toBe(1);
  });

  test('a mirror that others found silent: the copy at once, and one request behind', async () => {
    silentMs = clock.nowMs();
    const answer = serve(IN_RELEASE);
    mirror.hangs = 'head';
    await settled();
    clock.advance(50);
    expect((await answer).status).toBe(200);
    expect(mirror.asked).toHaveLength(2);
    clock.advance(10_000);
    await settled();
    expect(clock.timers).toBe(0);
  });

  test('clients that were given the copy of an archive with plain names are left with it until they ask again', async () => {
    const plain = (date: string) => releaseText({ date, byHash: false, files: { Packages: bytesOf(date) } });
    const at = locationOf('apt.example.org/debian/dists/x/InRelease');
    mirror.give(at, fakeInRelease(plain(FIRST)));
    await serve(at);
    mirror.give(at, fakeInRelease(plain(SECOND)), SECOND);
    const answerLate = await givesCopyFirst(at, 1500);
    await answerLate();
    expect(catalogue.inForce(at)?.release.dateMs).toBe(Date.parse(FIRST));
    await serve(at);
    expect(catalogue.inForce(at)?.release.dateMs).toBe(Date.parse(SECOND));
  });

  test('a signature is our copy where its Release was, whatever the mirror has by then', async () => {
    const at = locationOf('apt.example.org/debian/Release');
    const gpg = locationOf('apt.example.org/debian/Release.gpg');
    mirror.give(at, textOf(FIRST));
    mirror.give(gpg, 'first signature');
    await serve(at);
    await serve(gpg);
    mirror.give(at, textOf(SECOND), SECOND);
    mirror.give(gpg, 'second signature');
    const answerLate = await givesCopyFirst(at, 1500);
    await answerLate();
    const asked = mirror.asked.length;
    expect(Buffer.from((await serve(gpg)).body ?? []).toString()).toBe('first signature');
    expect(mirror.asked).toHaveLength(asked);
    await serve(at);
    expect(Buffer.from((await serve(gpg)).body ?? []).toString()).toBe('second signature');
    expect(catalogue.inForce(at)).toMatchObject({ verdict: PUBLIC });
  });

  test('an InRelease that the mirror has not got is missing while it is silent, too: so its Release and signature are asked for', async () => {
    const named = (name: string) => locationOf(`apt.example.org/debian/dists/x/${name}`);
    const [inRelease, release, gpg] = [named('InRelease'), named('Release'), named('Release.gpg')];
    mirror.give(release, textOf());
    mirror.give(gpg, 'signature');
    for (const at of [inRelease, release, gpg]) await serve(at);
    mirror.hangs = 'head';
    const missing = serve(inRelease);
    await settled();
    clock.advance(1500);
    expect((await missing).status).toBe(404);
    const copy = serve(release);
    await settled();
    clock.advance(50);
    expect((await copy).status).toBe(200);
    expect((await serve(gpg)).status).toBe(200);
    expect(counts.stale).toBe(1);
  });

  test('nor is one given that it had before the Release in force', async () => {
    mirror.answers.delete(IN_RELEASE.path);
    mirror.give(RELEASE, textOf(SECOND), SECOND);
    mirror.give(SIGNATURE, 'signature');
    for (const at of [IN_RELEASE, RELEASE, SIGNATURE]) await serve(at);
    expect(catalogue.inForce(IN_RELEASE)?.form).toBe('Release');
    mirror.failure = new UnavailableError('refused');
    expect((await serve(IN_RELEASE)).status).toBe(404);
    expect((await serve(RELEASE)).status).toBe(200);
  });

  test('without a copy that holds it is waited for to the end', async () => {
    mirror.hangs = 'head';
    const failed = errorOf(serve(locationOf(`${DIST}-updates/InRelease`)));
    await settled();
    clock.advance(9999);
    await settled();
    expect(clock.timers).toBe(1);
    clock.advance(1);
    expect(await failed).toMatchObject({ name: 'UnavailableError', timedOut: true });
  });

  test('a copy past its Valid-Until is not served', async () => {
    mirror.failure = new UnavailableError('refused');
    clock.advance(Date.parse('Sat, 17 Jan 2026 10:00:01 UTC') - clock.wallMs());
    await expect(serve(IN_RELEASE)).rejects.toBeInstanceOf(UnavailableError);
  });

  test('without a copy it is unavailable', async () => {
    mirror.failure = new UnavailableError('silence', { timedOut: true });
    const other = serve(locationOf(`${DIST}-updates/InRelease`));
    await expect(other).rejects.toBeInstanceOf(UnavailableError);
    await expect(other).rejects.toHaveProperty('timedOut', true);
  });

  test.each([206, 304])('an answer of %p to no condition is none', async (status) => {
    const at = locationOf(`${DIST}-updates/InRelease`);
    mirror.answers.set(at.path, { status });
    await expect(serve(at)).rejects.toBeInstanceOf(UnavailableError);
  });

  test('without a copy a status of 503 is passed on, body and all', async () => {
    const at = locationOf(`${DIST}-updates/InRelease`);
    mirror.answers.set(at.path, { status: 503, body: bytesOf('later') });
    expect(await serve(at)).toMatchObject({ status: 503, body: Buffer.from('later') });
  });

  test('and never without a body, which apt would take for final', async () => {
    const at = locationOf(`${DIST}-updates/InRelease`);
    mirror.answers.set(at.path, { status: 503 });
    expect((await serve(at)).body?.length).toBeGreaterThan(0);
  });

  test('an upstream that is not allowed stays refused', async () => {
    mirror.failure = new RefusedError(403, 'not allowed');
    await expect(serve(IN_RELEASE)).rejects.toBeInstanceOf(RefusedError);
  });

  test('more than 10 MB are not read', async () => {
    mirror.answers.set(IN_RELEASE.path, { status: 200, body: new Uint8Array(10_000_001) });
    expect((await serve(IN_RELEASE)).status).toBe(200);
    expect(counts.stale).toBe(1);
  });

  test.each([404, 410, 403, 401])('a plain no (%p) is passed on', async (status) => {
    mirror.answers.set(IN_RELEASE.path, { status, body: bytesOf('gone') });
    expect(await serve(IN_RELEASE)).toMatchObject({ status, body: Buffer.from('gone') });
    expect(counts.stale).toBe(0);
  });

  test('a copy is served over a restart too', async () => {
    await catalogue[Symbol.asyncDispose]();
    const again = new Catalogue({
      directory: join(directory.path, 'c'),
      infoHash: readableSwarm,
      buildTable: buildHere,
      clock,
    });
    mirror.failure = new UnavailableError('refused');
    const answer = await new Refresh({ catalogue: again, mirror, clock }).serve(IN_RELEASE, {
      signal: new AbortController().signal,
    });
    expect(answer.body && Buffer.compare(answer.body, bytes)).toBe(0);
    await again[Symbol.asyncDispose]();
  });
});

describe('Refresh.serve() of Release and Release.gpg', () => {
  beforeEach(() => {
    mirror.give(RELEASE, textOf());
    mirror.give(SIGNATURE, 'signature');
  });

  test('are in force, unshared, with the Release, and shared with its signature', async () => {
    expect((await serve(IN_RELEASE)).status).toBe(404);
    expect((await serve(RELEASE)).status).toBe(200);
    expect(catalogue.inForce(RELEASE)?.verdict.status).toBe('unknown');
    expect(catalogue.identities()).toEqual([]);
    expect(Buffer.from((await serve(SIGNATURE)).body ?? []).toString()).toBe('signature');
    expect(catalogue.inForce(RELEASE)?.verdict).toEqual(PUBLIC);
    expect(catalogue.identities()).toHaveLength(1);
  });

  test('an unchanged pair stays shared', async () => {
    for (let i = 0; i < 2; i += 1) {
      await serve(RELEASE);
      await serve(SIGNATURE);
    }
    expect(catalogue.inForce(RELEASE)?.verdict).toEqual(PUBLIC);
    await serve(RELEASE);
    expect(catalogue.identities()).toHaveLength(1);
  });

  test('a new Release needs a new signature', async () => {
    await serve(RELEASE);
    await serve(SIGNATURE);
    mirror.give(RELEASE, textOf(SECOND), SECOND);
    await serve(RELEASE);
    expect(catalogue.inForce(RELEASE)?.verdict.status).toBe('unknown');
    expect(catalogue.kept(SIGNATURE)).toBeUndefined();
    verdict = BAD;
    await serve(SIGNATURE);
    expect(catalogue.inForce(RELEASE)?.verdict.status).toBe('bad');
  });

  test('a signature without its Release is passed through', async () => {
    expect((await serve(SIGNATURE)).status).toBe(200);
    expect(catalogue.releases()).toEqual([]);
  });

  test('a Release beside an InRelease changes nothing, even a newer one', async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    await serve(IN_RELEASE);
    mirror.give(RELEASE, textOf(SECOND), SECOND);
    expect((await serve(RELEASE)).status).toBe(200);
    expect((await serve(SIGNATURE)).status).toBe(200);
    expect(catalogue.inForce(RELEASE)).toMatchObject({ form: 'InRelease', verdict: PUBLIC });
    expect(dateInForce()).toBe(Date.parse(FIRST));
  });

  test('until the mirror has no InRelease any more', async () => {
    mirror.give(IN_RELEASE, fakeInRelease(textOf()));
    await serve(IN_RELEASE);
    mirror.answers.delete(IN_RELEASE.path);
    mirror.give(RELEASE, textOf(SECOND), SECOND);
    await serve(IN_RELEASE);
    await serve(RELEASE);
    await serve(SIGNATURE);
    expect(catalogue.inForce(RELEASE)).toMatchObject({ form: 'Release', verdict: PUBLIC });
    expect(dateInForce()).toBe(Date.parse(SECOND));
  });
});

test('Refresh.serve() is for release files only', async () => {
  await expect(serve(locationOf(`${DIST}/main/binary-amd64/Packages`))).rejects.toBeInstanceOf(RangeError);
  expect(refresh.isReleaseFile(locationOf(`${DIST}/InRelease`))).toBe(true);
  expect(refresh.isReleaseFile(locationOf(`${DIST}/InRelease.gpg`))).toBe(false);
});

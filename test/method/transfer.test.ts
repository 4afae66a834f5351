/** One file's way, seen from apt: what comes of it, whatever the daemon does. */
import { describe, expect, test } from 'bun:test';
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { fieldOf, type Message } from '../../src/method/message.ts';
import { answer, BYTES, CONFIGURATION, codes, cutAfter, DATE, Played, refuse } from './played.ts';

describe('an InRelease', () => {
  const release = (played: Played, fields = {}) =>
    played.acquire('InRelease', { 'Index-File': 'true', 'Maximum-Size': '1000', ...fields });

  test('that is unchanged is a hit, and leaves no file', async () => {
    using played = new Played((_path, headers) =>
      headers.get('if-modified-since') === DATE ? new Response(null, { status: 304 }) : answer('x'),
    );
    played.say(CONFIGURATION);
    writeFileSync(played.file('InRelease'), 'half of an old one');
    release(played, { 'Last-Modified': DATE });
    const [done] = (await played.heard()).filter(({ code }) => code > 102);
    expect(done).toMatchObject({ code: 201 });
    expect(fieldOf(done as Message, 'IMS-Hit')).toBe('true');
    expect(fieldOf(done as Message, 'Last-Modified')).toBe(DATE);
    expect(statSync(played.file('InRelease'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('is never resumed', async () => {
    using played = new Played(() => answer('new release'));
    played.say(CONFIGURATION);
    writeFileSync(played.file('InRelease'), 'half of an old one');
    release(played);
    expect(codes(await played.heard())).toEqual([200, 201]);
    expect(played.asked[0]?.headers.get('range')).toBeNull();
    expect(readFileSync(played.file('InRelease'), 'utf8')).toBe('new release');
  });

  test('larger than allowed is a failure that names its reason', async () => {
    using played = new Played(() => answer('x'.repeat(1001)));
    played.say(CONFIGURATION);
    release(played);
    const [failed] = (await played.heard()).filter(({ code }) => code > 102);
    expect(failed).toMatchObject({ code: 400 });
    expect(fieldOf(failed as Message, 'FailReason')).toBe('MaximumSizeExceeded');
  });

  test('goes to apt itself only when the daemon is dead, as all its indexes go along', async () => {
    using dead = new Played(refuse);
    dead.say(CONFIGURATION);
    release(dead);
    const [redirect] = (await dead.heard()).filter(({ code }) => code > 102);
    expect(redirect).toMatchObject({ code: 103 });
    expect(fieldOf(redirect as Message, 'New-URI')).toBe('http://mirror.example.org/InRelease');

    for (const play of [
      () => new Response(cutAfter('half'), { headers: { 'Content-Length': '100' } }),
      () => answer('of our own', { 'Content-Type': 'text/plain' }, 500),
      () => answer('the mirror hangs', { 'Content-Type': 'text/plain' }, 504),
    ]) {
      using alive = new Played(play);
      alive.say(CONFIGURATION);
      release(alive);
      const [failed] = (await alive.heard()).filter(({ code }) => code > 102);
      expect(failed).toMatchObject({ code: 400 });
      expect(fieldOf(failed as Message, 'Transient-Failure')).toBe('true');
    }
  });
});

describe('a file that apt knows the hash of', () => {
  test('is resumed where an earlier run left it, and verified as a whole', async () => {
    using played = new Played((_path, headers) =>
      headers.get('range') === 'bytes=10-' && headers.get('if-range') === DATE
        ? answer(BYTES.slice(10), { 'Content-Range': `bytes 10-${BYTES.length - 1}/${BYTES.length}` }, 206)
        : answer('asked wrongly'),
    );
    played.say(CONFIGURATION);
    writeFileSync(played.file('a'), BYTES.slice(0, 10));
    utimesSync(played.file('a'), Date.parse(DATE) / 1000, Date.parse(DATE) / 1000);
    played.acquireBytes('a');
    const said = (await played.heard()).filter(({ code }) => code > 102);
    expect(codes(said)).toEqual([200, 201]);
    expect(fieldOf(said[0] as Message, 'Resume-Point')).toBe('10');
    expect(readFileSync(played.file('a'), 'utf8')).toBe(BYTES);
  });

  test('whose resumed beginning was wrong is fetched anew', async () => {
    using played = new Played((_path, headers) =>
      headers.has('range')
        ? answer(BYTES.slice(10), { 'Content-Range': `bytes 10-${BYTES.length - 1}/${BYTES.length}` }, 206)
        : answer(BYTES),
    );
    played.say(CONFIGURATION);
    writeFileSync(played.file('a'), 'wrong word');
    played.acquireBytes('a');
    expect(codes(await played.heard())).toEqual([200, 201]);
    expect(played.asked).toHaveLength(2);
    expect(readFileSync(played.file('a'), 'utf8')).toBe(BYTES);
  });

  test.each([
    ['too long', `${BYTES} and more`],
    ['as long as it is here', BYTES.toUpperCase()],
  ])('an old one that is %s is not resumed', async (_name, old) => {
    using played = new Played(() => answer(BYTES));
    played.say(CONFIGURATION);
    writeFileSync(played.file('a'), old);
    played.acquireBytes('a');
    expect(codes(await played.heard())).toEqual([200, 201]);
    expect(played.asked[0]?.headers.get('range')).toBeNull();
  });

  test('cut in the middle goes on where it was cut', async () => {
    using played = new Played((_path, headers) => {
      const from = Number(/\d+/.exec(headers.get('range') ?? '')?.[0] ?? 0);
      const left = BYTES.slice(from);
      const shown = { 'Content-Length': `${left.length}`, 'Last-Modified': DATE };
      if (from === 0) return new Response(cutAfter(left.slice(0, 12)), { headers: shown });
      return answer(left, { 'Content-Range': `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` }, 206);
    });
    played.say(CONFIGURATION);
    played.acquireBytes('a');
    expect(codes(await played.heard())).toEqual([200, 201]);
    expect(played.asked[1]?.headers.get('if-range')).toBe(DATE);
    expect(readFileSync(played.file('a'), 'utf8')).toBe(BYTES);
  });

  test('cut again and again goes to apt itself, its beginning dated so that it can be resumed', async () => {
    using played = new Played((_path, headers) =>
      headers.has('range')
        ? new Response(null, { status: 502 })
        : new Response(cutAfter('the right'), { headers: { 'Last-Modified': DATE, 'Content-Length': '28' } }),
    );
    played.say(CONFIGURATION);
    played.acquireBytes('a');
    await played.heard();
    expect(statSync(played.file('a')).mtime.toUTCString()).toBe(DATE);

    using always = new Played(() => {
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    });
    always.say(CONFIGURATION);
    always.acquireBytes('a');
    expect(codes(await always.heard())).toEqual([103]);
    expect(always.asked).toHaveLength(3);
  });

  test.each([
    ['wrong', BYTES.toUpperCase(), {}],
    ['too short', 'short', {}],
  ])('and that is %s is never done: apt itself gets it, from the start', async (_name, text, headers) => {
    using played = new Played(() => answer(text, headers));
    played.say(CONFIGURATION);
    played.acquireBytes('a');
    expect(codes(await played.heard())).toEqual([103]);
    expect(statSync(played.file('a'), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('where apt insists on a hash of another kind, it counts that itself', async () => {
    using played = new Played(() => answer(BYTES));
    played.say('601 Configuration\nConfig-Item: Acquire::ForceHash=SHA512\n\n');
    played.acquireBytes('a');
    const said = await played.heard();
    expect(fieldOf(said.at(-1) as Message, 'SHA256-Hash')).toBeUndefined();
  });

  test('that cannot be written is a failure', async () => {
    using played = new Played(() => answer(BYTES));
    played.say(CONFIGURATION);
    played.acquireBytes('no/such/folder');
    const [failed] = (await played.heard()).filter(({ code }) => code > 102);
    expect(failed).toMatchObject({ code: 400 });
    expect(fieldOf(failed as Message, 'Transient-Failure')).toBeUndefined();
  });
});

describe('what the daemon refuses', () => {
  const outcome = async (status: number, headers: Record<string, string> = {}) => {
    using played = new Played(() =>
      answer('what it says', { 'Content-Type': 'text/plain', ...headers }, status),
    );
    played.say(CONFIGURATION);
    played.acquireBytes('a');
    return (await played.heard()).filter(({ code }) => code > 102)[0] as Message;
  };

  test.each([401, 403, 500, 508])('%d: apt itself', async (status) => {
    expect(await outcome(status)).toMatchObject({ code: 103 });
  });

  test.each([408, 429, 502, 503, 504])('%d: apt tries again', async (status) => {
    const failed = await outcome(status);
    expect(failed).toMatchObject({ code: 400 });
    expect(fieldOf(failed, 'Transient-Failure')).toBe('true');
    expect(fieldOf(failed, 'Message')).toContain('[what it says]');
  });

  test.each([404, 410])('%d: final, with the reason as apt has it', async (status) => {
    const failed = await outcome(status, { 'Content-Type': 'text/html' });
    expect(failed).toMatchObject({ code: 400 });
    expect(fieldOf(failed, 'Transient-Failure')).toBeUndefined();
    expect(fieldOf(failed, 'FailReason')).toBe(`HttpError${status}`);
    expect(fieldOf(failed, 'Message')).not.toContain('what it says');
  });
});

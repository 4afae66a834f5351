/** Dialogues with apt, played: its messages on the left, what the method says on the right. */
import { describe, expect, test } from 'bun:test';
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fetch } from '../../src/method/daemon-link.ts';
import { fieldOf, type Message, MessageFramer } from '../../src/method/message.ts';
import { Method } from '../../src/method/method.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { VirtualClock } from '../fixtures/virtual-clock.ts';

const CONFIGURATION = '601 Configuration\nConfig-Item: APT::Sandbox::User=_apt\n\n';
const DATE = 'Sat, 10 Jun 2023 08:53:48 GMT';
const BYTES = 'the right bytes of a package';
const sha256 = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('hex');

type Play = (
  path: string,
  headers: Headers,
  signal: AbortSignal | null | undefined,
) => Response | Promise<Response>;

const refuse: Play = () => {
  throw Object.assign(new Error('refused'), { code: 'ConnectionRefused' });
};

/** A stream that breaks off. */
function cutAfter(text: string): ReadableStream<Uint8Array> {
  let isOut = false;
  return new ReadableStream({
    pull(controller) {
      if (isOut) controller.error(new Error('reset'));
      else controller.enqueue(Buffer.from(text));
      isOut = true;
    },
  });
}

const answer = (text: string, headers: Record<string, string> = {}, status = 200) =>
  new Response(text, {
    status,
    headers: { 'Content-Length': `${text.length}`, 'Last-Modified': DATE, ...headers },
  });

class Played implements Disposable {
  readonly clock = new VirtualClock();
  readonly #folder = tempDir('method');
  readonly asked: { path: string; headers: Headers }[] = [];
  readonly method: Method;
  #said = '';

  constructor(daemon: Play, dropRights: () => void = () => {}) {
    const fetchIt: Fetch = async (url, init) => {
      const path = url.replace('http://127.0.0.1:9988', '');
      const headers = new Headers(init.headers);
      this.asked.push({ path, headers });
      return await daemon(path, headers, init.signal);
    };
    this.method = new Method({
      write: (text) => {
        this.#said += text;
      },
      clock: this.clock,
      dropRights,
      fetch: fetchIt,
    });
  }

  file(name: string): string {
    return join(this.#folder.path, name);
  }

  /** apt says it. */
  say(text: string): void {
    this.method.push(Buffer.from(text));
  }

  acquire(
    name: string,
    fields: Record<string, string> = {},
    uri = `debtorrent+http://mirror.example.org/${name}`,
  ) {
    const lines = Object.entries({ URI: uri, Filename: this.file(name), ...fields }).map(
      ([k, v]) => `${k}: ${v}\n`,
    );
    this.say(`600 URI Acquire\n${lines.join('')}\n`);
  }

  /** A file of which apt knows what it must be. */
  acquireBytes(name: string, bytes = BYTES): void {
    this.acquire(name, { 'Expected-SHA256': sha256(bytes), 'Expected-Checksum-FileSize': `${bytes.length}` });
  }

  /** All that was said since last asked, after time has gone by. */
  async heard(ms = 5000): Promise<Message[]> {
    // Bodies of real Responses take turns of the event loop, which the virtual clock knows nothing of.
    for (let i = 0; i < 30; i += 1) {
      await Bun.sleep(0);
      await this.clock.run(ms / 30);
    }
    const all = new MessageFramer().push(Buffer.from(this.#said, 'latin1')) as Message[];
    this.#said = '';
    return all;
  }

  [Symbol.dispose](): void {
    this.method.stop();
    this.#folder[Symbol.dispose]();
  }
}

const codes = (messages: Message[]) => messages.map(({ code }) => code).filter((code) => code > 102);

test('the dialogue with apt: capabilities first, a file announced and done, with the hash of its bytes', async () => {
  using played = new Played(() => answer(BYTES, { 'X-DebTorrent-Source': 'store' }));
  played.method.greet();
  expect(await played.heard(0)).toMatchObject([
    {
      code: 100,
      fields: expect.arrayContaining([
        ['Pipeline', 'true'],
        ['Send-Config', 'true'],
      ]),
    },
  ]);
  played.say(CONFIGURATION);
  played.acquireBytes('a.deb');
  const said = (await played.heard()).filter(({ code }) => code > 102);
  expect(said).toEqual([
    {
      code: 200,
      words: 'URI Start',
      fields: [
        ['URI', 'debtorrent+http://mirror.example.org/a.deb'],
        ['Size', `${BYTES.length}`],
        ['Last-Modified', DATE],
      ],
    },
    {
      code: 201,
      words: 'URI Done',
      fields: [
        ['URI', 'debtorrent+http://mirror.example.org/a.deb'],
        ['Filename', played.file('a.deb')],
        ['Size', `${BYTES.length}`],
        ['Last-Modified', DATE],
        ['SHA256-Hash', sha256(BYTES)],
        ['Checksum-FileSize-Hash', `${BYTES.length}`],
        ['X-DebTorrent-Source', 'store'],
      ],
    },
  ]);
  expect(readFileSync(played.file('a.deb'), 'utf8')).toBe(BYTES);
  expect(statSync(played.file('a.deb')).mtime.toUTCString()).toBe(DATE);
  expect(played.asked[0]?.path).toBe('/mirror.example.org:80/a.deb');
  expect(played.asked[0]?.headers.get('x-debtorrent-expected')).toBe(
    `sha256=${sha256(BYTES)}; size=${BYTES.length}`,
  );
});

test('everything is asked for at once, and answered in the order in which it comes', async () => {
  const gates = new Map<string, PromiseWithResolvers<Response>>();
  using played = new Played((path) => {
    const gate = Promise.withResolvers<Response>();
    gates.set(path, gate);
    return path === '/healthz' ? new Response('ok') : gate.promise;
  });
  played.say(CONFIGURATION);
  for (const name of ['a', 'b', 'c']) played.acquireBytes(name);
  await played.heard(100);
  expect(played.asked).toHaveLength(3);
  for (const name of ['c', 'a', 'b']) {
    gates.get(`/mirror.example.org:80/${name}`)?.resolve(answer(BYTES));
    const said = (await played.heard(100)).filter(({ code }) => code > 102);
    expect(codes(said)).toEqual([200, 201]);
    expect(fieldOf(said.at(-1) as Message, 'Filename')).toBe(played.file(name));
  }
});

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

test('a daemon that is not there: all goes to apt itself, under the plain name', async () => {
  using played = new Played(refuse);
  played.say(CONFIGURATION);
  for (const name of ['a', 'b', 'c']) played.acquireBytes(name);
  played.acquire('d', {}, 'debtorrent+https://mirror.example.org/d');
  const said = (await played.heard()).filter(({ code }) => code > 102);
  expect(codes(said)).toEqual([103, 103, 103, 103]);
  expect(said.map((message) => fieldOf(message, 'New-URI')).sort()).toEqual([
    ...['a', 'b', 'c'].map((name) => `http://mirror.example.org/${name}`),
    'https://mirror.example.org/d',
  ]);
});

test('credentials are never shown to the daemon', async () => {
  using played = new Played(() => answer(BYTES));
  played.say(CONFIGURATION);
  played.acquire('a', {}, 'debtorrent+http://user:secret@mirror.example.org/a');
  expect(codes(await played.heard())).toEqual([103]);
  expect(played.asked).toEqual([]);
});

test('rights that cannot be dropped: a warning, and nothing is fetched or written', async () => {
  using played = new Played(
    () => answer(BYTES),
    () => {
      throw new Error('there is no user _apt');
    },
  );
  played.say(CONFIGURATION);
  played.acquireBytes('a');
  const said = await played.heard();
  expect(codes(said)).toEqual([104, 103]);
  expect(fieldOf(said.find(({ code }) => code === 104) as Message, 'Message')).toContain('no user _apt');
  expect(played.asked).toEqual([]);
});

test('before apt has sent its configuration nothing is fetched', async () => {
  using played = new Played(() => answer(BYTES));
  played.acquireBytes('a');
  expect(codes(await played.heard())).toEqual([103]);
  expect(played.asked).toEqual([]);
});

test('what is no question of ours gets an answer, and the next one too', async () => {
  using played = new Played(() => answer(BYTES));
  played.say(CONFIGURATION);
  played.say(
    '600 URI Acquire\nURI: ftp://mirror/x\nFilename: /tmp/x\n\nnonsense\n\n603 Media Changed\nMedia: x\n\n',
  );
  played.acquireBytes('a');
  expect(codes(await played.heard())).toEqual([400, 200, 201]);
});

test('stopped in the middle: the file keeps its beginning and its date, so that it can be resumed', async () => {
  using played = new Played((path, _headers, signal) => {
    if (path === '/healthz') return new Response('ok');
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(BYTES.slice(0, 5)));
        signal?.addEventListener('abort', () => controller.error(signal.reason));
      },
    });
    return new Response(stream, { headers: { 'Last-Modified': DATE, 'Content-Length': `${BYTES.length}` } });
  });
  played.say(CONFIGURATION);
  played.acquireBytes('a');
  const said = await played.heard(2000);
  expect(said.map(({ code }) => code)).toContain(200);
  played.method.stop();
  expect(readFileSync(played.file('a'), 'utf8')).toBe(BYTES.slice(0, 5));
  expect(statSync(played.file('a')).mtime.toUTCString()).toBe(DATE);
});

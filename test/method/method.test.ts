/** Dialogues with apt: what the method says, and when. */
import { expect, test } from 'bun:test';
import { readFileSync, statSync } from 'node:fs';
import { fieldOf, type Message } from '../../src/method/message.ts';
import { answer, BYTES, CONFIGURATION, codes, DATE, Played, refuse, sha256 } from './played.ts';

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

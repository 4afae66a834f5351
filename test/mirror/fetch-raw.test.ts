import { expect, test } from 'bun:test';
import { Glob } from 'bun';
import { fetchRaw } from '../../src/mirror/fetch-raw.ts';
import { rawOrigin } from './raw-origin.ts';

const { signal } = new AbortController();

test('fetchRaw() hands over bodies as they are on the wire, with the right length', async () => {
  const packed = Bun.gzipSync(Buffer.from('Package: hello\n'.repeat(100)));
  await using origin = await rawOrigin(({ reply }) => reply(200, packed, { 'Content-Encoding': 'gzip' }));
  const answer = await fetchRaw(`http://${origin.host}/x`, { signal });
  expect(await answer.bytes()).toEqual(packed);
  expect(answer.headers.get('content-length')).toBe(String(packed.length));
  expect(origin.asked[0]?.headers.get('accept-encoding')).toBe('identity');
});

test('fetchRaw() never goes by way of a proxy of the environment', async () => {
  await using origin = await rawOrigin(({ reply }) => reply(200, 'direct'));
  await using proxy = await rawOrigin(({ reply }) => reply(200, 'by proxy'));
  const script = `
    import { fetchRaw } from ${JSON.stringify(new URL('../../src/mirror/fetch-raw.ts', import.meta.url).pathname)};
    const answer = await fetchRaw('http://${origin.host}/x', { signal: AbortSignal.timeout(5000) });
    console.log(await answer.text());`;
  const url = `http://${proxy.host}/`;
  const child = Bun.spawn([process.execPath, '-e', script], {
    env: { ...process.env, http_proxy: url, HTTP_PROXY: url, https_proxy: url, no_proxy: '', NO_PROXY: '' },
    stdout: 'pipe',
  });
  expect((await new Response(child.stdout).text()).trim()).toBe('direct');
  expect(proxy.asked).toHaveLength(0);
});

test('fetchRaw() leaves redirects to the caller', async () => {
  await using origin = await rawOrigin(({ reply }) => reply(302, 'x', { Location: '/elsewhere' }));
  const answer = await fetchRaw(`http://${origin.host}/x`, { signal });
  expect([answer.status, origin.asked.length]).toEqual([302, 1]);
});

test('fetch is called in no place of src that forgets its traps, and in mirror only by fetchRaw()', async () => {
  const root = new URL('../../src/', import.meta.url).pathname;
  const callers: string[] = [];
  for await (const path of new Glob('**/*.ts').scan(root)) {
    const source = withoutComments(await Bun.file(root + path).text());
    if (!/(?:\b(?:await|return|void)|[=(,:?>])\s*fetch\(|globalThis\.fetch|Bun\.fetch/.test(source)) continue;
    callers.push(path);
    for (const option of ['decompress: false', 'proxy: false', "redirect: '"])
      expect([path, source]).toEqual([path, expect.stringContaining(option)]);
  }
  expect(callers.filter((path) => !path.startsWith('discovery/'))).toEqual(['mirror/fetch-raw.ts']);
});

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
}

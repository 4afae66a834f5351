/** https sources with apt's proxy set to us: apt sends CONNECT. Real apt-get, a local TLS server, the built binary. */
import { expect, test } from 'bun:test';
import { AptClient } from '../fixtures/apt-client.ts';
import { ALL, expectRight } from '../fixtures/archive.ts';
import { Scene } from '../fixtures/scene.ts';
import { TlsFront } from '../fixtures/tls-front.ts';

/** `isAllowed`: the daemon may ask the https mirror. */
async function openScene({ isAllowed }: { readonly isAllowed: boolean }) {
  const scene = await Scene.open();
  const front = scene.use(await TlsFront.open(scene.mirror));
  const daemon = await scene.daemon(isAllowed ? { args: ['--allow-upstream', front.hostPort] } : {});
  const client = scene.use(
    new AptClient({
      repository: scene.archive,
      url: `https://${front.hostPort}`,
      proxy: daemon.proxyUrl,
      options: [`Acquire::https::CaInfo=${front.caFile}`],
    }),
  );
  return { scene, daemon, client };
}

test('an https source comes through the tunnel whole, and nothing of it is kept', async () => {
  const { scene, daemon, client } = await openScene({ isAllowed: true });
  await using _ = scene;
  expect(await client.update()).toMatchObject({ code: 0 });
  expectRight(scene.archive, await client.download(ALL), ALL);
  expect(scene.mirror.poolRequests).toHaveLength(ALL.length);
  const { store, bytes } = await daemon.status();
  expect([store.files, bytes.fromMirror, bytes.fromStore]).toEqual([0, 0, 0]);
});

test('a refused tunnel: apt shows why, and the mirror hears nothing', async () => {
  const { scene, client } = await openScene({ isAllowed: false });
  await using _ = scene;
  const ran = await client.update();
  expect(ran.code).toBe(100);
  expect(ran.output).toContain('tunnels go to port 443; --allow-upstream 127.0.0.1:');
  expect(scene.mirror.log).toEqual([]);
});

/** The settings of docs/fleet.md, as they stand there: machines that only a tracker introduces share what they fetch. */
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocksOf } from '../docs/code-blocks.ts';
import { bytesOf, expectRight, QUICK } from '../fixtures/archive.ts';
import { connected, Scene } from '../fixtures/scene.ts';
import { tempDir } from '../fixtures/temp-dir.ts';
import { TrackerProcess } from '../fixtures/tracker.ts';

const ANNOUNCE_URL = 'http://tracker.example.org:6969/announce';

/** All that the document has written to debtorrent.toml. */
function settings(): string {
  const texts = codeBlocksOf('docs/fleet.md').map(({ text }) => text);
  return texts.flatMap((text) => /<<'END'\n(.*?)^END$/ms.exec(text)?.[1] ?? []).join('');
}

test('the settings of docs/fleet.md make a fleet of two', async () => {
  await using scene = await Scene.open();
  using directory = tempDir('fleet');
  const tracker = scene.use(await TrackerProcess.start());
  const file = join(directory.path, 'debtorrent.toml');
  expect(settings()).toContain(ANNOUNCE_URL);
  expect(settings()).toContain('Example Corp');
  writeFileSync(
    file,
    settings().replace(ANNOUNCE_URL, tracker.announceUrl).replace('Example Corp', scene.archive.origin),
  );
  const options = { share: undefined, args: ['--config', file] };
  await scene.seeder(QUICK, options);
  const second = await scene.daemon(options);
  const client = await scene.apt(second);
  await connected(second);
  expectRight(scene.archive, await client.download(QUICK), QUICK);
  // On a busy machine the mirror may be quicker with a piece or two.
  expect((await second.status()).bytes.fromPeers).toBeGreaterThan(bytesOf(scene.archive, QUICK) / 2);
});

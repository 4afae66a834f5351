/**
 * The status page in a real browser: chromium, driven by playwright-core, against the real door with figures that move.
 * What a person sees, by mouse, by keyboard and by ear (axe-core), on phones and wide screens, with and without scripts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { systemClock } from '../../src/lib/clock.ts';
import { LoopGuard } from '../../src/proxy/loop-guard.ts';
import { createPagesDoor } from '../../src/proxy/pages-door.ts';
import { startProxyServer } from '../../src/proxy/server.ts';
import { Events } from '../../src/status/events.ts';
import { statusRoutes } from '../../src/status/routes.ts';
import type { StatusSnapshot } from '../../src/status/snapshot.ts';
import { busy, history, idle } from '../status/fixtures.ts';

const AXE = await Bun.file(Bun.resolveSync('axe-core/axe.min.js', import.meta.dir)).text();

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
});
afterAll(() => browser.close());

/** A node whose figures the test changes. */
class PlayedNode implements AsyncDisposable {
  snapshot: StatusSnapshot;
  url = '';
  readonly #stack = new AsyncDisposableStack();

  private constructor(snapshot: StatusSnapshot) {
    this.snapshot = snapshot;
  }

  static async start(snapshot: StatusSnapshot = busy, port = 0): Promise<PlayedNode> {
    const node = new PlayedNode(snapshot);
    await node.#serve(port);
    return node;
  }

  async #serve(port: number): Promise<void> {
    const parts = { clock: systemClock, snapshot: () => this.snapshot, history: () => history };
    const events = new Events(parts);
    const loopGuard = new LoopGuard();
    const door = createPagesDoor({ pages: statusRoutes({ ...parts, events }), loopGuard });
    const server = await startProxyServer({ listen: { host: '127.0.0.1', port }, door });
    this.#stack.use(server);
    this.#stack.use(events);
    this.url = `http://127.0.0.1:${server.address.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** With everything that the browser had to complain of. */
async function open(node: PlayedNode, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(node.url);
  return { page, complaints, asked, [Symbol.asyncDispose]: () => context.close() };
}

/** What axe-core finds wrong, by rule. Its script runs beside the page's policy, not under it. */
async function wrongToAxe(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1920, height: 1080 };

describe('the status page', () => {
  test.each([
    ['light', WIDE, busy],
    ['dark', WIDE, busy],
    ['light', PHONE, busy],
    ['dark', PHONE, busy],
    ['light', WIDE, idle],
    ['dark', PHONE, idle],
  ] as const)(
    'has nothing that axe-core objects to, is no wider than the screen: %s, %o',
    async (colorScheme, viewport, snapshot) => {
      await using node = await PlayedNode.start(snapshot);
      await using opened = await open(node, { colorScheme, viewport });
      const { page, complaints } = opened;
      await page.getByText('live', { exact: true }).waitFor();
      expect(await wrongToAxe(page)).toEqual([]);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(over).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
    },
  );

  test('asks nobody but the daemon for anything', async () => {
    await using node = await PlayedNode.start();
    await using opened = await open(node);
    await opened.page.getByText('live', { exact: true }).waitFor();
    expect(opened.asked.length).toBeGreaterThan(2);
    expect(opened.asked.filter((url) => !url.startsWith(node.url))).toEqual([]);
  });

  test('keeps itself new without being loaded again, and leaves focus and selection alone', async () => {
    await using node = await PlayedNode.start();
    await using opened = await open(node);
    const { page } = opened;
    await page.getByText('live', { exact: true }).waitFor();
    await page.locator('#reader').focus();
    await page.evaluate(() => {
      (globalThis as unknown as { isStillThisOne: boolean }).isStillThisOne = true;
      getSelection()?.selectAllChildren(document.querySelector('#savings .big') as Element);
    });
    node.snapshot = {
      ...busy,
      transfers: [{ key: 'ef'.repeat(32), path: 'a/pool/new_1_all.deb', sizeBytes: 10, haveBytes: 5 }],
      peers: [],
    };
    await page.getByText('new_1_all.deb').waitFor();
    expect(await page.locator('#peers').textContent()).toContain('Nobody else here yet');
    expect(await page.locator('#peers td').count()).toBe(0);
    expect(
      await page.evaluate(() => [
        (globalThis as unknown as { isStillThisOne?: boolean }).isStillThisOne,
        document.activeElement?.id,
        getSelection()?.toString(),
      ]),
    ).toEqual([true, 'reader', '87.5 %']);
    expect(opened.complaints).toEqual([]);
  });

  test('says that the daemon is gone, and comes back with it', async () => {
    const node = await PlayedNode.start();
    const { port } = new URL(node.url);
    await using opened = await open(node);
    const { page } = opened;
    await page.getByText('live', { exact: true }).waitFor();
    await node[Symbol.asyncDispose]();
    await page.getByText('no answer from the daemon').waitFor();
    await using again = await PlayedNode.start({ ...busy, version: '9.9.9' }, Number(port));
    await page.getByText('9.9.9').waitFor();
    expect(again.url).toBe(node.url);
  });

  test('reads single moments of the chart by keyboard and by pointer', async () => {
    await using node = await PlayedNode.start();
    await using opened = await open(node, { viewport: WIDE });
    const { page } = opened;
    const reader = page.getByRole('slider', { name: 'Moment of the chart' });
    await reader.focus();
    for (const _ of [1, 2, 3]) await page.keyboard.press('ArrowLeft');
    expect(await reader.getAttribute('aria-valuetext')).toMatch(/^6 s ago: Local network .*MiB\/s/);
    expect(await page.locator('.card .when').textContent()).toBe('6 s ago');
    await page.keyboard.press('Escape');
    expect(await page.locator('.card').count()).toBe(0);
    await reader.hover({ position: { x: 1, y: 20 } });
    expect(await page.locator('.card .when').textContent()).toBe('298 s ago');
  });

  test('is the same without JavaScript', async () => {
    await using node = await PlayedNode.start();
    await using opened = await open(node, { javaScriptEnabled: false });
    const { page } = opened;
    for (const text of ['87.5 %', '192.0.2.7:9989', 'hello_2.10-3_amd64.deb', 'Debian bookworm amd64'])
      expect(await page.getByText(text).first().isVisible()).toBe(true);
    expect(await page.locator('#traffic path').count()).toBe(5);
    expect(await page.locator('noscript').count()).toBeGreaterThan(0);
  });

  test('runs nothing that a stranger wrote', async () => {
    const written = `"><img src=x onerror="globalThis.stranger=1"><script>globalThis.stranger=1</script>`;
    const [peer] = busy.peers;
    if (!peer) throw new Error('no peer');
    const bad = { ...busy, peers: [{ ...peer, client: written }] };
    await using node = await PlayedNode.start(bad);
    await using opened = await open(node);
    const { page } = opened;
    await page.getByText('live', { exact: true }).waitFor();
    expect(await page.locator('#peers .name').first().textContent()).toContain(written);
    node.snapshot = { ...bad, version: '2.0.0', peers: [{ ...peer, client: `${written}${written}` }] };
    await page.getByText('2.0.0').waitFor();
    expect(await page.evaluate(() => (globalThis as { stranger?: number }).stranger)).toBeUndefined();
    expect(await page.locator('#peers img').count()).toBe(0);
  });
});

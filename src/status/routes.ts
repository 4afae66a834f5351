/**
 * Our own pages as a Hono app: `/` with its assets and events, `/api/status`, `/metrics`, `/healthz`, and the one thing that can be asked for here:
 * `/api/import` (POST, for who may see details). Who that is is for the door to say (proxy/own-page.ts), in `env`. A page of
 * another site can't ask: it can neither send the header that has to be there, nor read an answer.
 */
import { Hono } from 'hono';
import { EXPOSITION_TYPE, exposition } from '../metrics/exposition.ts';
import { ASSETS } from './assets.ts';
import { addCacheRoutes, type Cache } from './cache-routes.ts';
import type { Events } from './events.ts';
import { type ProcessFigures, readMetrics } from './metric-table.ts';
import { statusPage } from './page.ts';
import { type ByteTotals, type StatusSnapshot, withoutDetails } from './snapshot.ts';

export interface StatusEnv {
  Bindings: { readonly details: boolean };
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'",
    ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join('; '),
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  // How the probe that apt runs knows us (commands/apt-probe.sh).
  Server: 'DebTorrent',
  'X-Content-Type-Options': 'nosniff',
};

/** Takes in packages that lie on this machine. */
export interface Imports {
  /** Of the run under way, else of the last one; undefined before the first. */
  progress(): object | undefined;
  /** Throws Error with a sentence: another one is running, the folder can't be read. */
  start(directory: string): void;
}

export interface StatusParts {
  readonly snapshot: () => StatusSnapshot;
  /** Bytes a second, oldest first. */
  readonly history?: () => readonly ByteTotals[];
  readonly events?: Pick<Events, 'open'>;
  readonly imports?: Imports;
  readonly cache?: Cache;
}

/** What a request that changes something has to carry: no form and no foreign page can. */
export const ADMIN_HEADER = 'x-debtorrent';

export function statusRoutes({ snapshot, history, events, imports, cache }: StatusParts): Hono<StatusEnv> {
  const app = new Hono<StatusEnv>();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
  });
  const seenBy = (details: boolean) => (details ? snapshot() : withoutDetails(snapshot()));
  app.get('/', (c) => {
    const { details } = c.env;
    return c.html(statusPage({ snapshot: seenBy(details), history: history?.() ?? [], details }));
  });
  app.get('/assets/:name', (c) => {
    const asset = ASSETS.get(c.req.param('name'));
    return asset ? c.body(asset.text, 200, { 'Content-Type': asset.type }) : c.notFound();
  });
  app.get('/api/events', (c) => {
    const stream = events?.open(c.env.details, c.req.raw.signal);
    if (!stream) return c.text('too many of these pages are open\n', 503, { 'Retry-After': '30' });
    return c.body(stream, 200, { 'Content-Type': 'text/event-stream' });
  });
  app.get('/api/status', (c) => c.json(seenBy(c.env.details)));
  app.get('/api/import', (c) => {
    if (!c.env.details) return c.text('only from this machine\n', 403);
    return c.json(imports?.progress() ?? { running: false });
  });
  app.post('/api/import', async (c) => {
    if (!c.env.details || c.req.header(ADMIN_HEADER) === undefined)
      return c.text('only from this machine, by "debtorrent cache import"\n', 403);
    const body: unknown = await c.req.json().catch(() => undefined);
    const directory = (body as { directory?: unknown } | undefined)?.directory;
    if (typeof directory !== 'string' || !directory.startsWith('/'))
      return c.text('the directory must be a whole path\n', 400);
    try {
      imports?.start(directory);
    } catch (error) {
      return c.text(`${(error as Error).message}\n`, 409);
    }
    return c.json(imports?.progress() ?? { running: false }, 202);
  });
  if (cache) addCacheRoutes(app, cache, ADMIN_HEADER);
  app.get('/metrics', (c) => {
    // Whole, whoever asks: there are only numbers in it.
    const text = exposition(readMetrics(snapshot(), processFigures()));
    return c.body(text, 200, { 'Content-Type': EXPOSITION_TYPE });
  });
  app.get('/healthz', (c) => c.text('ok\n'));
  app.notFound((c) => c.text('there is no such page\n', 404));
  return app;
}

function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
}

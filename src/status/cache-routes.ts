/**
 * What `debtorrent cache` asks of a running daemon, for who may see details only: what is in the cache, a
 * verification, a pruning. What changes anything needs the header that no page of another site can send.
 */
import type { Hono } from 'hono';
import type { StatusEnv } from './routes.ts';

/** The cache, as it is cared for. */
export interface Cache {
  list(): readonly object[];
  readonly progress: object | undefined;
  /** Throws Error with a sentence: one is running. */
  verify(): void;
  prune(toBytes: number): object;
}

export function addCacheRoutes(app: Hono<StatusEnv>, cache: Cache, header: string): void {
  app.use('/api/cache/*', async (c, next) => {
    const mayAsk = c.env.details && (c.req.method === 'GET' || c.req.header(header) !== undefined);
    return mayAsk ? await next() : c.text('only from this machine, by "debtorrent cache"\n', 403);
  });
  app.get('/api/cache/files', (c) => c.json(cache.list()));
  app.get('/api/cache/verify', (c) => c.json(cache.progress ?? { running: false }));
  app.post('/api/cache/verify', (c) => {
    try {
      cache.verify();
    } catch (error) {
      return c.text(`${(error as Error).message}\n`, 409);
    }
    return c.json(cache.progress ?? { running: false }, 202);
  });
  app.post('/api/cache/prune', async (c) => {
    const body: unknown = await c.req.json().catch(() => undefined);
    const toBytes = (body as { toBytes?: unknown } | undefined)?.toBytes;
    if (!Number.isSafeInteger(toBytes) || (toBytes as number) < 0)
      return c.text('toBytes must be a size\n', 400);
    return c.json(cache.prune(toBytes as number));
  });
}

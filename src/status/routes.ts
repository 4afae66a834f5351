/**
 * Our own pages as a Hono app: `/`, `/api/status`, `/healthz`. Read-only by nature: there is nothing here to write.
 * Whether the client may see details is for the door to say (proxy/own-page.ts), in `env`.
 */
import { Hono } from 'hono';
import { statusPage } from './page.ts';
import { type StatusSnapshot, withoutDetails } from './snapshot.ts';
import { STYLE } from './style.ts';

export interface StatusEnv {
  Bindings: { readonly details: boolean };
}

const styleHash = new Bun.CryptoHasher('sha256').update(STYLE).digest('base64');

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join('; '),
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  // How the probe that apt runs knows us (commands/apt-probe.sh).
  Server: 'DebTorrent',
  'X-Content-Type-Options': 'nosniff',
};

export function statusRoutes({ snapshot }: { readonly snapshot: () => StatusSnapshot }): Hono<StatusEnv> {
  const app = new Hono<StatusEnv>();
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) c.res.headers.set(name, value);
  });
  const seenBy = (details: boolean) => (details ? snapshot() : withoutDetails(snapshot()));
  app.get('/', (c) => c.html(statusPage(seenBy(c.env.details), { details: c.env.details })));
  app.get('/api/status', (c) => c.json(seenBy(c.env.details)));
  app.get('/healthz', (c) => c.text('ok\n'));
  app.notFound((c) => c.text('there is no such page\n', 404));
  return app;
}

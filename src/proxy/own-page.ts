/**
 * Our own pages, which are a Hono app, behind node:http. Small answers only: the body is taken as a whole, so that its
 * length is known and HEAD has it too.
 */
import { isIP } from 'node:net';
import type { ClientAccess } from './client-access.ts';
import { type Exchange, field } from './exchange.ts';
import type { LoopGuard } from './loop-guard.ts';

/** What a Hono app is, seen from here; `details` says whether the client may see what is nobody else's business. */
export interface Pages {
  fetch(request: Request, env: { readonly details: boolean }): Response | Promise<Response>;
}

export async function answerOwnPage(
  exchange: Exchange,
  parts: {
    readonly pages: Pages;
    readonly path: string;
    readonly loopGuard: LoopGuard;
    readonly clients: Pick<ClientAccess, 'isHere'>;
  },
): Promise<void> {
  const { pages, path } = parts;
  const { request, response, signal } = exchange;
  const isHead = request.method === 'HEAD';
  const asked = new Request(`http://localhost${encodeURI(path)}`, { signal });
  const answer = await pages.fetch(asked, { details: mayHaveDetails(exchange, parts) });
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'Content-Length': body.length });
  response.end(isHead ? undefined : body);
}

/**
 * Someone on this machine, who meant us: the Host field keeps out pages of other sites whose name was made to resolve
 * to loopback (DNS rebinding).
 */
function mayHaveDetails(
  { request }: Exchange,
  { clients, loopGuard }: { readonly clients: Pick<ClientAccess, 'isHere'>; readonly loopGuard: LoopGuard },
): boolean {
  const isLocal = clients.isHere(request.socket.remoteAddress);
  const host = field(request, 'host') ?? '';
  return (
    isLocal && (loopGuard.isOwnHost(host) || isIP(host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) !== 0)
  );
}

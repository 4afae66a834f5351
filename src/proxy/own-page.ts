/**
 * Our own pages, which are a Hono app, behind node:http. Small answers only: the body is taken as a whole, so that its
 * length is known and HEAD has it too. But for events (text/event-stream), which are written as they come and at the
 * client's pace, until it has gone or they end.
 */
import { isIP } from 'node:net';
import type { ClientAccess } from './client-access.ts';
import { type Exchange, field } from './exchange.ts';
import type { LoopGuard } from './loop-guard.ts';
import { written } from './send-body.ts';

const MAX_POST_BYTES = 16 << 10;

/** What a Hono app is, seen from here; `details` says whether the client may see what is nobody else's business. */
export interface Pages {
  fetch(request: Request, env: { readonly details: boolean }): Response | Promise<Response>;
}

/** Where we want to be found, `/` has the status by which auto-apt-proxy(1) knows a proxy; a browser shows the page. */
export async function answerOwnPage(
  exchange: Exchange,
  parts: {
    readonly pages: Pages;
    readonly path: string;
    readonly loopGuard: LoopGuard;
    readonly clients: Pick<ClientAccess, 'isHere'>;
    readonly isFoundAt?: (port: number) => boolean;
  },
): Promise<void> {
  const { pages, path } = parts;
  const { request, response, signal } = exchange;
  const isHead = request.method === 'HEAD';
  const asked = new Request(`http://localhost${encodeURI(path)}`, {
    signal,
    ...(request.method === 'POST' && (await posted(exchange))),
  });
  const answer = await pages.fetch(asked, { details: mayHaveDetails(exchange, parts) });
  if (answer.body && answer.headers.get('content-type') === 'text/event-stream') {
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (isHead) await answer.body.cancel();
    else for await (const chunk of answer.body) await written(response, chunk, signal);
    response.end();
    return;
  }
  const body = Buffer.from(await answer.arrayBuffer());
  const headers = { ...Object.fromEntries(answer.headers), 'Content-Length': body.length };
  const isWhatTheyLookFor = path === '/' && parts.isFoundAt?.(request.socket.localPort ?? 0);
  if (isWhatTheyLookFor) response.writeHead(406, 'Usage Information', headers);
  else response.writeHead(answer.status, headers);
  response.end(isHead ? undefined : body);
}

/** What was sent with it: a few words of ours, or nothing. */
async function posted({ request }: Exchange): Promise<RequestInit> {
  const admin = field(request, 'x-debtorrent');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_POST_BYTES) chunks.push(chunk);
  }
  return {
    method: 'POST',
    body: length <= MAX_POST_BYTES ? Buffer.concat(chunks) : '',
    headers: admin === undefined ? {} : { 'x-debtorrent': admin },
  };
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

/** A door that has our own pages behind it and nothing else: for a node that serves no APT. GET and HEAD only. */
import { isLoopbackHost, plainAddress } from '../lib/address-range.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { answerText } from './answer-text.ts';
import type { Door } from './exchange.ts';
import type { LoopGuard } from './loop-guard.ts';
import { answerOwnPage, type Pages } from './own-page.ts';
import { parseTarget } from './target.ts';

export interface PagesDoorParts {
  readonly pages: Pages;
  readonly loopGuard: LoopGuard;
}

export function createPagesDoor({ pages, loopGuard }: PagesDoorParts): Door {
  const clients = {
    isHere: (address: string | undefined) => address !== undefined && isLoopbackHost(address),
  };
  return async (exchange) => {
    const { request } = exchange;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answerText(exchange, 405, 'only GET and HEAD are served here', {
        Allow: 'GET, HEAD',
        Connection: 'close',
      });
      return;
    }
    const { localAddress: host = '', localPort: port = 0 } = request.socket;
    const reachedAt = formatHostPort({ host: plainAddress(host), port });
    const isOwnHost = (named: string) => named === reachedAt || loopGuard.isOwnHost(named);
    const target = parseTarget(request.url ?? '', { isOwnHost });
    if (target.kind === 'own')
      await answerOwnPage(exchange, { pages, loopGuard, clients, path: target.path });
    else answerText(exchange, 404, 'this debtorrent shares a mirror with other nodes, and serves no APT');
  };
}

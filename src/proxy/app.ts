/**
 * The way of one request behind the door: our own page, a Release file, a file the catalogue knows, or the mirror's
 * answer handed through. It decides only which; each has its own file here. No URL is looked at after parseTarget.
 * Invariants: a request that came through us goes no further; one with credentials or a query is only passed through;
 * an unexpected failure of ours ends in the mirror's answer.
 */
import type { Acquire } from '../acquire/acquire.ts';
import { type Location, locationName } from '../archive/entry.ts';
import { plainAddress } from '../lib/address-range.ts';
import { systemClock } from '../lib/clock.ts';
import { NoRoomError, RefusedError, UnavailableError, WrongFileError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Sha256 } from '../lib/sha256.ts';
import type { Mirror } from '../mirror/mirror.ts';
import { answerError, answerText } from './answer-text.ts';
import type { ClientAccess } from './client-access.ts';
import { type Door, type Exchange, field } from './exchange.ts';
import { entryFor, expectationOf, type LooksUp } from './expectation.ts';
import type { LoopGuard } from './loop-guard.ts';
import { answerOwnPage, type Pages } from './own-page.ts';
import { passThrough } from './pass-through.ts';
import { answerRelease, isReleaseFile, type ServesReleases } from './release-file.ts';
import { respond } from './respond.ts';
import { parseTarget, type Target } from './target.ts';
import { whileMoving } from './while-moving.ts';

export interface ProxyParts {
  readonly catalogue: LooksUp;
  readonly refresh: ServesReleases;
  readonly acquire: Acquire;
  readonly mirror: Mirror;
  /** The Hono app of our own pages. */
  readonly pages: Pages;
  readonly loopGuard: LoopGuard;
  readonly clients: Pick<ClientAccess, 'allows' | 'isHere'>;
  /** Whether auto-apt-proxy finds us at this port of ours. */
  isFoundAt?(port: number): boolean;
  /** Whether clients of other machines may ask for what is there. */
  isKnown(at: Location): boolean;
  /** When something last came from that upstream, or of that file from anywhere, by the system's clock. */
  movedMs(at: Location, key?: Sha256): number | undefined;
  /** Payload bytes given to clients; what a flight brings is counted where it is fetched. */
  readonly count: {
    readonly fromStore: (bytes: number) => void;
    /** Passed through. */
    readonly fromMirror: (bytes: number) => void;
  };
}

type FileTarget = Extract<Target, { kind: 'file' }>;

const INDEX_PATH = /\/dists\/|\/by-hash\/|\/(?:Packages|Sources)(?:\.[a-z0-9]+)?$/;

const tagged = log.withTag('proxy');

export function createProxyApp(parts: ProxyParts): Door {
  const { loopGuard, clients } = parts;
  return async (exchange) => {
    const { request } = exchange;
    if (!clients.allows(request.socket.remoteAddress)) {
      const text = 'this proxy is not for your network; its --allow-client says for whom it is';
      answerText(exchange, 403, text, { Connection: 'close' });
      return;
    }
    // What changes something is for this machine; the page itself asks who exactly sent it.
    const isHere = clients.isHere(request.socket.remoteAddress);
    const isOwnPost = isHere && request.method === 'POST' && request.url?.startsWith('/api/') === true;
    if (request.method !== 'GET' && request.method !== 'HEAD' && !isOwnPost) {
      answerText(exchange, 405, 'only GET and HEAD are served here', {
        Allow: 'GET, HEAD',
        Connection: 'close',
      });
      return;
    }
    if (request.httpVersion !== '1.0' && field(request, 'host') === undefined) {
      answerText(exchange, 400, 'the request has no Host field');
      return;
    }
    const { localAddress: host = '', localPort: port = 0 } = request.socket;
    const reachedAt = formatHostPort({ host: plainAddress(host), port });
    const isOwnHost = (named: string) => named === reachedAt || loopGuard.isOwnHost(named);
    const target = parseTarget(request.url ?? '', { isOwnHost });
    if (target.kind === 'refused') answerText(exchange, target.status, target.text);
    else if (target.kind === 'own') await answerOwnPage(exchange, { ...parts, path: target.path });
    else await answerFile(exchange, target, parts);
  };
}

async function answerFile(exchange: Exchange, target: FileTarget, parts: ProxyParts): Promise<void> {
  const { loopGuard, clients } = parts;
  const { at } = target;
  if (!clients.isHere(exchange.request.socket.remoteAddress) && !parts.isKnown(at)) {
    const text = `refused to ask ${at.host} for another machine: it is no known archive, nor in this one's sources.list`;
    answerText(exchange, 403, `${text}; --allow-upstream ${at.host} would allow it`);
    return;
  }
  if (loopGuard.hasSeen(field(exchange.request, 'via')) || loopGuard.isOwnHost(at.host)) {
    answerText(exchange, 508, `a loop: this proxy was asked for ${at.host} by itself`);
    return;
  }
  try {
    if (isOrdinary(exchange, target) && (await answerFromArchive(exchange, at, parts))) return;
    await handThrough(exchange, target, parts);
  } catch (error) {
    if (exchange.signal.aborted) return;
    tagged.debug(
      `${exchange.id ?? '#?'} could not serve ${quoteRemote(locationName(at), 200)}: ${(error as Error).message}`,
    );
    const isExpected = [RefusedError, UnavailableError, NoRoomError].some((kind) => error instanceof kind);
    if (!isExpected) tagged.error(error);
    answerError(exchange, error);
  }
}

/** True when it was answered. Throws RefusedError and UnavailableError; any other failure ends in false. */
async function answerFromArchive(exchange: Exchange, at: Location, parts: ProxyParts): Promise<boolean> {
  const { catalogue, refresh, acquire, loopGuard, count } = parts;
  const { via } = loopGuard;
  const expected = expectationOf(exchange);
  // The look-up, too, is a time in which apt hears nothing.
  const sinceMs = systemClock.nowMs();
  try {
    if (isReleaseFile(at.path)) return await answerRelease(exchange, { refresh, at, via });
    const entry = await entryFor(catalogue, at, expected);
    if (!entry) return false;
    const movedMs = () => parts.movedMs(at, entry.key);
    const open = async (signal: AbortSignal) => {
      const content = await acquire.open(entry, at, signal);
      if (!signal.aborted) return content;
      content[Symbol.dispose]();
      throw signal.reason;
    };
    const { signal } = exchange;
    const content = await whileMoving(open, { name: locationName(at), movedMs, signal, sinceMs });
    await respond(exchange, content, { path: at.path, via, onFromStore: count.fromStore, movedMs });
    return true;
  } catch (error) {
    // The mirror may be right, and what the client expects wrong: it gets what the mirror has.
    if (
      error instanceof WrongFileError &&
      !expected &&
      INDEX_PATH.test(at.path) &&
      !exchange.response.headersSent
    ) {
      // Trying again is in vain while the mirror is updated: apt asks for another form of it, or keeps its old lists.
      answerText(
        exchange,
        404,
        error.message,
        {},
        'Not what its Release names (is the mirror being updated?)',
      );
      return true;
    }
    const isAnswer =
      error instanceof RefusedError || (error instanceof UnavailableError && (error.timedOut || !expected));
    if (isAnswer || exchange.signal.aborted || exchange.response.headersSent) throw error;
    tagged.warn(
      `${exchange.id ?? '#?'} passing ${quoteRemote(locationName(at), 200)} through: ${(error as Error).message}`,
    );
    return false;
  }
}

function handThrough(
  exchange: Exchange,
  { at, query, userinfo }: FileTarget,
  parts: ProxyParts,
): Promise<void> {
  const { mirror, loopGuard, count } = parts;
  return passThrough(exchange, {
    mirror,
    at,
    query,
    userinfo,
    via: loopGuard.via,
    onFromMirror: count.fromMirror,
    movedMs: () => parts.movedMs(at),
  });
}

/**
 * Nothing about it is anybody's own: no credentials, no query. Proxy-Authorization (a name and password in the URL of the
 * proxy) is for us, who ask for none, and goes no further: the server's answer can't depend on it (RFC 9110 §11.7.2).
 */
function isOrdinary({ request }: Exchange, { query, userinfo }: FileTarget): boolean {
  const { authorization, cookie } = request.headers;
  return [query, userinfo, authorization, cookie].every((value) => value === undefined);
}

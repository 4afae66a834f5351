/**
 * A request's answer, without a socket: /announce and /scrape in bencoding, /stats for people and /stats.json for
 * programs. What goes wrong in bencoding becomes "failure reason" with status 200, as clients expect it (BEP 3): the
 * text of a RefusedError or ProtocolError, and of nothing else.
 */
import { type AnnounceFailure, encodeAnnounceAnswer, parseAnnounceQuery } from '../announce/http.ts';
import { encodeScrapeAnswer, parseScrapeQuery } from '../announce/scrape.ts';
import { ProtocolError, RefusedError } from '../lib/errors.ts';
import { log } from '../lib/log.ts';
import { renderStatsPage } from './stats-page.ts';
import type { Origin, Tracker } from './tracker.ts';

const TEXT = 'text/plain; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

export function respond(tracker: Tracker, request: { method: string; target: string }, from: Origin): Answer {
  const { method, target } = request;
  if (method !== 'GET') return textAnswer(405, 'only GET is answered here');
  // Not by the URL class: the query must stay as it came.
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  switch (path) {
    case '/announce':
      return bencoded(tracker, () => {
        const announce = parseAnnounceQuery(query);
        return encodeAnnounceAnswer(tracker.announce(announce, from), announce.compact !== false);
      });
    case '/scrape':
      return bencoded(tracker, () => encodeScrapeAnswer(tracker.scrape(parseScrapeQuery(query))));
    case '/stats':
    case '/':
      return { status: 200, type: HTML, body: Buffer.from(renderStatsPage(tracker.stats())) };
    case '/stats.json':
      return { status: 200, type: JSON_TYPE, body: Buffer.from(JSON.stringify(tracker.stats())) };
    default:
      return textAnswer(404, 'there is nothing here');
  }
}

export function textAnswer(status: number, line: string): Answer {
  return { status, type: TEXT, body: Buffer.from(`${line}\n`) };
}

function bencoded(tracker: Tracker, answer: () => Uint8Array): Answer {
  try {
    return { status: 200, type: TEXT, body: answer() };
  } catch (error) {
    tracker.countRefused();
    return { status: 200, type: TEXT, body: encodeAnnounceAnswer(failureOf(error)) };
  }
}

/** The one place where an error becomes an answer, over UDP too. */
export function failureOf(error: unknown): AnnounceFailure {
  if (error instanceof ProtocolError || error instanceof RefusedError) return { failure: error.message };
  log.withTag('tracker').error('could not answer a request:', error);
  return { failure: 'the tracker failed' };
}

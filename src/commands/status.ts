/**
 * `debtorrent status`: asks the running daemon and shows the answer. It decides nothing; a daemon that doesn't answer
 * is an error that says how to start it. Exit codes are for scripts: 0 = it answered, 1 = it didn't, 2 = not understood,
 * and 3 with --check when APT is affected (docs/status.md).
 */
import type { ArgsDef, ParsedArgs } from 'citty';
import { UsageError } from '../lib/errors.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { fetchRaw } from '../mirror/fetch-raw.ts';
import { healthOf } from '../status/health.ts';
import type { StatusSnapshot } from '../status/snapshot.ts';
import { statusTable } from '../status/table.ts';
import { terminalOf, watchStatus } from './watch-status.ts';

export const statusArgs = {
  json: { type: 'boolean', description: 'Print the figures as JSON, for programs' },
  watch: {
    type: 'boolean',
    description: 'Keep showing them, anew every two seconds; with --json, one line each',
  },
  check: { type: 'boolean', description: 'Say only what is wrong; the exit code is 3 when APT is affected' },
  url: {
    type: 'string',
    description:
      'Where the daemon listens for APT (default http://localhost:9988; where none is, that of `seed`)',
    valueHint: 'URL',
  },
} as const satisfies ArgsDef;

/** Of `serve`, and of `seed` (seed.ts). */
const USUAL_URLS = ['http://localhost:9988', 'http://localhost:9991'] as const;
const ANSWER_TIMEOUT_MS = 5000;
const TROUBLE_EXIT = 3;

/** Resolves with the exit code. Throws UsageError for a bad --url, Error when no daemon answers. */
export async function runStatus(
  { args }: { args: ParsedArgs<typeof statusArgs> },
  usual: readonly string[] = USUAL_URLS,
): Promise<number> {
  const { stdout } = process;
  const urls = (args.url === undefined ? usual : [args.url]).map((base) => {
    const url = URL.parse('/api/status', base);
    if (!url?.protocol.startsWith('http')) throw new UsageError(`--url ${base} isn't an http URL`);
    return url;
  });
  if (args.watch)
    return await watchStatus({ ask: () => askFirst(urls), json: args.json === true, out: stdout });
  const snapshot = await askFirst(urls);
  if (args.check) return check(snapshot, stdout);
  if (args.json) stdout.write(`${JSON.stringify(snapshot, null, 2)}\n`);
  else stdout.write(statusTable(snapshot, terminalOf(stdout)));
  return 0;
}

/** What is worth a person's attention, and whether APT is affected. */
function check(snapshot: StatusSnapshot, out: Pick<NodeJS.WriteStream, 'write'>): number {
  const findings = healthOf(snapshot);
  for (const { level, title, advice } of findings)
    out.write(`${level === 'bad' ? 'trouble' : level}: ${quoteRemote(`${title}. ${advice}`, 1000)}\n`);
  return findings.some(({ level }) => level === 'bad') ? TROUBLE_EXIT : 0;
}

/** Whichever answers first in order. Throws what the first one's failure was. */
async function askFirst(urls: readonly URL[]): Promise<StatusSnapshot> {
  let failure: unknown;
  for (const url of urls) {
    try {
      return await ask(url);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function ask(url: URL): Promise<StatusSnapshot> {
  const hint = 'start it with "systemctl start debtorrent" or "debtorrent serve", or give --url';
  let answer: Response;
  try {
    answer = await fetchRaw(url.href, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch (cause) {
    throw new Error(`could not reach the daemon at ${url.origin}: is it running? ${hint}`, { cause });
  }
  const body = await answer.json().catch(() => undefined);
  if (!answer.ok || typeof body?.version !== 'string') {
    throw new Error(
      `could not read the status at ${url.href}: whoever answers there isn't debtorrent; ${hint}`,
    );
  }
  return body as StatusSnapshot;
}

/**
 * `debtorrent status`: asks the running daemon and shows the answer. It decides nothing; a daemon that doesn't answer
 * is an error that says how to start it.
 */
import type { ArgsDef, ParsedArgs } from 'citty';
import { UsageError } from '../lib/errors.ts';
import { fetchRaw } from '../mirror/fetch-raw.ts';
import type { StatusSnapshot } from '../status/snapshot.ts';
import { statusTable } from '../status/table.ts';

export const statusArgs = {
  json: { type: 'boolean', description: 'Print the figures as JSON, for programs' },
  watch: { type: 'boolean', description: 'Show them again every two seconds' },
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
const WATCH_MS = 2000;

/** Throws UsageError for a bad --url, Error when no daemon answers. */
export async function runStatus(
  { args }: { args: ParsedArgs<typeof statusArgs> },
  usual: readonly string[] = USUAL_URLS,
): Promise<void> {
  const { stdout } = process;
  const urls = (args.url === undefined ? usual : [args.url]).map((base) => {
    const url = URL.parse('/api/status', base);
    if (!url?.protocol.startsWith('http')) throw new UsageError(`--url ${base} isn't an http URL`);
    return url;
  });
  for (;;) {
    const snapshot = await askFirst(urls);
    if (args.json) stdout.write(`${JSON.stringify(snapshot, null, 2)}\n`);
    else {
      const colour = stdout.isTTY === true && process.env.NO_COLOR === undefined;
      const table = statusTable(snapshot, { width: stdout.columns ?? 100, colour });
      stdout.write(args.watch && stdout.isTTY ? `\x1b[H\x1b[2J${table}` : table);
    }
    if (!args.watch) return;
    await Bun.sleep(WATCH_MS);
  }
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

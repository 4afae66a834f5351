/** HTTP clients that cost next to nothing themselves: curl for one file, wrk for many requests of a small one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runWell } from '../../test/fixtures/run.ts';

export interface Fetched {
  readonly status: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly firstByteSeconds: number;
  /** curl's; 0 when all of it came. */
  readonly exitCode: number;
}

export interface Load {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Answers that weren't 2xx or 3xx, and socket errors. */
  readonly failures: number;
}

/** Reads the URL to nowhere. `proxy` is a URL or "DIRECT". */
export async function fetchToNull(url: string, proxy: string): Promise<Fetched> {
  const format = '%{http_code} %{size_download} %{time_total} %{time_starttransfer}';
  const through = proxy === 'DIRECT' ? [] : ['--proxy', proxy];
  const command = ['curl', '--silent', '--output', '/dev/null', '--write-out', format, ...through, url];
  const { stdout, code } = await run(command, { timeoutMs: 600_000 });
  const [status = 0, bytes = 0, seconds = 0, firstByteSeconds = 0] = stdout.split(' ').map(Number);
  return { status, bytes, seconds, firstByteSeconds, exitCode: code };
}

/** Asks for the head of the URL only. */
export async function fetchHead(url: string, proxy: string): Promise<Pick<Fetched, 'status'>> {
  const command = ['curl', '--silent', '--head', '--output', '/dev/null', '--write-out', '%{http_code}'];
  const { stdout } = await run([...command, '--proxy', proxy, url], { timeoutMs: 600_000 });
  return { status: Number(stdout) };
}

/** 16 connections on one thread for `seconds`. `directory` is for wrk's script. */
export async function loadWithWrk(
  url: string,
  proxy: string,
  seconds: number,
  directory: string,
): Promise<Load> {
  const options = ['--threads', '1', '--connections', '16', '--duration', `${seconds}s`, '--latency'];
  const script = join(directory, 'absolute-form.lua');
  // To a proxy the request line must hold the whole URL, which wrk by itself doesn't write.
  writeFileSync(
    script,
    `wrk.headers["Host"] = "${new URL(url).host}"
function request() return wrk.format("GET", "${url}") end
`,
  );
  const target = proxy === 'DIRECT' ? [url] : ['--script', script, proxy];
  const { stdout } = await runWell(['wrk', ...options, ...target]);
  const latency = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  const inMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };
  const socketErrors = /Socket errors: (.*)/.exec(stdout)?.[1]?.match(/\d+/g) ?? [];
  const badAnswers = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? '0';
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0),
    p99Ms: latency ? Number(latency[1]) * (inMs[latency[2] ?? 'ms'] ?? 1) : Number.NaN,
    failures: [badAnswers, ...socketErrors].reduce((sum, count) => sum + Number(count), 0),
  };
}

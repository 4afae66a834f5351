/**
 * nginx as the archive's own mirror ("direct" in the tables), with a log from which its work is counted, and the
 * parts of a configuration that every nginx of the benches has.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../test/fixtures/network.ts';
import { freeLowPort } from './free-low-port.ts';
import { Service } from './service.ts';

export interface MirrorWork {
  /** Body bytes sent. */
  readonly bytes: number;
  readonly requests: number;
  /** The part of `bytes` that is files of the pool. */
  readonly poolBytes: number;
}

const HTTP_PORT = 80;

/** Serves an archive at /debian/. While a file "closed" lies in `directory`, every request for pool/ gets a 503. */
export class Origin implements AsyncDisposable {
  readonly service: Service;
  /** "127.0.0.1:8080", as it stands in URLs. */
  readonly hostPort: string;
  readonly #directory: string;
  #counted = 0;

  /** On a free port of 127.0.0.1, or on `machine` as mirrors are. */
  static async start(archiveRoot: string, directory: string, machine?: Machine): Promise<Origin> {
    const host = machine?.address ?? '127.0.0.1';
    const port = machine ? HTTP_PORT : await freeLowPort();
    const closed = join(directory, 'closed');
    const service = await startNginx(
      directory,
      port,
      `server {
  listen ${host}:${port};
  if (-f ${closed}) { rewrite ^/debian/pool/ /closed last; }
  location = /closed { return 503; }
  location /debian/ { alias ${archiveRoot}/; }
}`,
      machine,
    );
    return new Origin(service, machine ? host : `${host}:${port}`, directory);
  }

  private constructor(service: Service, hostPort: string, directory: string) {
    this.service = service;
    this.hostPort = hostPort;
    this.#directory = directory;
  }

  /** For a deb line. */
  get url(): string {
    return `http://${this.hostPort}/debian`;
  }

  /** From now on nothing of the pool is served. */
  closePool(): void {
    writeFileSync(join(this.#directory, 'closed'), '');
  }

  /** What it has served since it was last asked. A request is counted when it ends. */
  workSinceLast(): MirrorWork {
    const log = readFileSync(join(this.#directory, 'access.log'), 'latin1');
    const lines = log
      .slice(this.#counted, log.lastIndexOf('\n') + 1)
      .split('\n')
      .slice(0, -1);
    this.#counted = log.lastIndexOf('\n') + 1;
    const bytesOf = (some: readonly string[]) =>
      some.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
    return {
      requests: lines.length,
      bytes: bytesOf(lines),
      poolBytes: bytesOf(lines.filter((line) => line.includes(' /debian/pool/'))),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.service[Symbol.asyncDispose]();
  }
}

/** An nginx of two workers in the foreground, with everything it writes in `directory`. `http` goes into its http block. */
export function startNginx(
  directory: string,
  port: number,
  http: string,
  machine?: Machine,
): Promise<Service> {
  mkdirSync(directory, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${directory}/${kind};`)
    .join('\n');
  const config = join(directory, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; worker_processes 2; ${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${directory}/nginx.pid; error_log ${directory}/error.log warn;
events { worker_connections 1024; }
http {
default_type application/octet-stream; sendfile on; tcp_nopush on; keepalive_requests 100000;
${temporary}
log_format counted '$status $body_bytes_sent "$request"';
access_log ${directory}/access.log counted;
${http}
}
`,
  );
  const command = ['nginx', '-c', config];
  return Service.start({ command, port, logFile: join(directory, 'log'), machine });
}

/**
 * nginx as the archive's own mirror ("direct" in the tables), with a log from which its work is counted, and the
 * parts of a configuration that every nginx of the benches has.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freeLowPort } from './free-low-port.ts';
import { Service } from './service.ts';

export interface MirrorWork {
  /** Body bytes sent. */
  readonly bytes: number;
  readonly requests: number;
}

/** Serves an archive at /debian/. While a file "closed" lies in `directory`, every request for pool/ gets a 503. */
export class Origin implements AsyncDisposable {
  readonly service: Service;
  /** "127.0.0.1:8080" */
  readonly hostPort: string;
  readonly #directory: string;
  #counted = 0;

  static async start(archiveRoot: string, directory: string): Promise<Origin> {
    const port = await freeLowPort();
    const closed = join(directory, 'closed');
    const service = await startNginx(
      directory,
      port,
      `server {
  listen 127.0.0.1:${port};
  if (-f ${closed}) { rewrite ^/debian/pool/ /closed last; }
  location = /closed { return 503; }
  location /debian/ { alias ${archiveRoot}/; }
}`,
    );
    return new Origin(service, `127.0.0.1:${port}`, directory);
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
    return {
      requests: lines.length,
      bytes: lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.service[Symbol.asyncDispose]();
  }
}

/** An nginx of two workers in the foreground, with everything it writes in `directory`. `http` goes into its http block. */
export function startNginx(directory: string, port: number, http: string): Promise<Service> {
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
  return Service.start({ command: ['nginx', '-c', config], port, logFile: join(directory, 'log') });
}

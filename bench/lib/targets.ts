/**
 * What apt.ts compares: the mirror itself, and caches in front of it, each as its packager means it to be set up for
 * Debian packages, in the foreground, on loopback, with everything it writes in a directory of its own.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AptMethods } from '../../test/fixtures/apt-methods.ts';
import { runWell } from '../../test/fixtures/run.ts';
import { BenchNode } from './debtorrent.ts';
import { freeLowPort } from './free-low-port.ts';
import { type Origin, startNginx } from './nginx.ts';
import { Service } from './service.ts';

/** A target that runs: how apt uses it, and whose CPU and memory count. */
export interface RunningTarget extends AsyncDisposable {
  readonly pid: number;
  /** For the deb line. */
  readonly url: string;
  /** For Acquire::http::Proxy, or "DIRECT". */
  readonly proxy: string;
  /** Further options for apt. */
  readonly aptOptions?: readonly string[];
}

export interface Target {
  readonly name: string;
  /** The program that must be there. */
  readonly program: string | undefined;
  /** With an empty cache below `directory`, which is there and empty. `peers`: nodes that have what is asked for. */
  readonly start: (origin: Origin, directory: string, peers: readonly string[]) => Promise<RunningTarget>;
}

const direct: Target = {
  name: 'direct',
  program: 'nginx',
  start: async (origin) => ({
    pid: origin.service.pid,
    url: origin.url,
    proxy: 'DIRECT',
    [Symbol.asyncDispose]: async () => {},
  }),
};

const nginx: Target = {
  name: 'nginx',
  program: 'nginx',
  async start(origin, directory) {
    const port = await freeLowPort();
    const service = await startNginx(
      directory,
      port,
      `proxy_cache_path ${directory}/cache levels=1:2 keys_zone=apt:16m max_size=20g inactive=30d use_temp_path=off;
upstream mirror { server ${origin.hostPort}; keepalive 16; }
server {
  listen 127.0.0.1:${port};
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host ${origin.hostPort};
  proxy_cache apt; proxy_cache_key $uri; proxy_cache_revalidate on;
  proxy_cache_lock on; proxy_cache_lock_timeout 300s; proxy_cache_lock_age 300s;
  location / { proxy_pass http://mirror; proxy_cache_valid 200 30d; }
  location ~ /dists/ { proxy_pass http://mirror; proxy_cache_valid 200 1m; }
}`,
    );
    return running(service, `http://127.0.0.1:${port}/debian`, 'DIRECT');
  },
};

const aptCacherNg: Target = {
  name: 'apt-cacher-ng',
  program: 'apt-cacher-ng',
  async start(origin, directory) {
    const port = await freeLowPort();
    const config = join(directory, 'conf');
    for (const name of ['cache', 'log', 'conf']) mkdirSync(join(directory, name));
    writeFileSync(
      join(config, 'acng.conf'),
      `CacheDir: ${directory}/cache
LogDir: ${directory}/log
SupportDir: /usr/lib/apt-cacher-ng
Port: ${port}
BindAddress: 127.0.0.1
AllowUserPorts: 0
ReportPage: acng-report.html
ExThreshold: 4
`,
    );
    const command = ['apt-cacher-ng', '-c', config, 'foreground=1'];
    const service = await Service.start({ command, port, logFile: join(directory, 'out') });
    return running(service, origin.url, `http://127.0.0.1:${port}`);
  },
};

/** As squid-deb-proxy sets it up. */
const squid: Target = {
  name: 'squid',
  program: 'squid',
  async start(origin, directory) {
    const port = await freeLowPort();
    const config = join(directory, 'squid.conf');
    mkdirSync(join(directory, 'cache'));
    writeFileSync(
      config,
      `http_port 127.0.0.1:${port}
pid_filename ${directory}/squid.pid
cache_dir aufs ${directory}/cache 40000 16 256
cache_mem 200 MB
maximum_object_size 512 MB
maximum_object_size_in_memory 10240 KB
cache_replacement_policy heap LFUDA
access_log stdio:${directory}/access.log
cache_log ${directory}/cache.log
cache_store_log none
coredump_dir ${directory}
shutdown_lifetime 1 seconds
pinger_enable off
netdb_filename none
refresh_pattern deb$ 129600 100% 129600
refresh_pattern \\/(Packages|Sources)(|\\.bz2|\\.gz|\\.xz)$ 0 0% 0 refresh-ims
refresh_pattern \\/Release(|\\.gpg)$ 0 0% 0 refresh-ims
refresh_pattern \\/InRelease$ 0 0% 0 refresh-ims
refresh_pattern . 0 20% 4320
http_access allow localhost
http_access deny all
`,
    );
    // Started by root it works as the user "proxy".
    if (process.getuid?.() === 0) await runWell(['chown', '-R', 'proxy', directory]);
    await runWell(['squid', '-N', '-z', '-f', config]);
    const command = ['squid', '-N', '-f', config];
    const service = await Service.start({ command, port, logFile: join(directory, 'out') });
    return running(service, origin.url, `http://127.0.0.1:${port}`);
  },
};

const debtorrent: Target = {
  name: 'debtorrent',
  program: undefined,
  async start(origin, directory, peers) {
    const node = await BenchNode.start({ directory, mirror: origin.hostPort, peers });
    return running(node.service, origin.url, node.proxyUrl);
  },
};

/** The same by apt's method of ours, as the Debian package sets apt up for it. */
const method: Target = {
  name: 'method',
  program: undefined,
  async start(origin, directory, peers) {
    const node = await BenchNode.start({ directory, mirror: origin.hostPort, peers });
    const methods = new AptMethods();
    return {
      ...running(node.service, `debtorrent+${origin.url}`, 'DIRECT'),
      aptOptions: methods.options(node.proxyUrl).options ?? [],
      async [Symbol.asyncDispose]() {
        await node[Symbol.asyncDispose]();
        methods[Symbol.dispose]();
      },
    };
  },
};

/** In the order of the tables. */
export const TARGETS: readonly Target[] = [direct, debtorrent, method, aptCacherNg, nginx, squid];

function running(service: Service, url: string, proxy: string): RunningTarget {
  return {
    pid: service.pid,
    url,
    proxy,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

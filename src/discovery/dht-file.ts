/**
 * The DHT's node table over restarts: `<stateDir>/dht.json` with our id and some nodes, written by rename. Decides
 * which part of what it reads has sense; whether an address may be sent to is the reader's business. A file that
 * can't be read is an empty one, with a warning; so is, silently, one that was begun at other bootstrap nodes: that is
 * another DHT, and what is looked for in the one is not for the other.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { scopeOf } from './dht-scope.ts';

/** Most nodes that are kept: two full look-ups' worth. */
export const MAX_KEPT_NODES = 200;
const MAX_FILE_BYTES = 64 * 1024;

export interface KeptTable {
  /** 40 hexadecimal digits. */
  readonly id: string | undefined;
  readonly nodes: readonly HostPort[];
}

const NOTHING: KeptTable = { id: undefined, nodes: [] };

export class DhtFile {
  readonly #path: string;
  readonly #bootstrap: string;

  constructor(stateDir: string, bootstrap: readonly HostPort[]) {
    this.#path = join(stateDir, 'dht.json');
    this.#bootstrap = bootstrap.map(formatHostPort).toSorted().join(' ');
  }

  read(): KeptTable {
    try {
      if (statSync(this.#path).size > MAX_FILE_BYTES) throw new RangeError('too long');
      const { id, nodes, bootstrap } = JSON.parse(readFileSync(this.#path, 'utf8')) as Record<
        string,
        unknown
      >;
      if (!Array.isArray(nodes)) throw new TypeError('no list of nodes');
      if (bootstrap !== this.#bootstrap) return NOTHING;
      return {
        id: typeof id === 'string' && /^[0-9a-f]{40}$/.test(id) ? id : undefined,
        nodes: nodes.slice(0, MAX_KEPT_NODES).filter(isNode),
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn(`${this.#path} can't be read: the DHT begins anew`);
      return NOTHING;
    }
  }

  write({ id, nodes }: KeptTable): void {
    const kept = nodes.slice(0, MAX_KEPT_NODES).map(({ host, port }) => ({ host, port }));
    try {
      const temporary = `${this.#path}.new`;
      writeFileSync(temporary, `${JSON.stringify({ id, bootstrap: this.#bootstrap, nodes: kept })}\n`, {
        mode: 0o600,
      });
      renameSync(temporary, this.#path);
    } catch (error) {
      log.warn(`could not write ${this.#path}: ${(error as Error).message}`);
    }
  }
}

function isNode(value: unknown): value is HostPort {
  if (typeof value !== 'object' || value === null) return false;
  const { host, port } = value as Record<string, unknown>;
  return typeof host === 'string' && typeof port === 'number' && scopeOf({ host, port }) !== undefined;
}

/**
 * The peers of one look-up, as strangers name them: those whose address may be dialled and isn't our own, each once, so
 * many at most, and few of one host, so that a liar can't aim a whole look-up at one victim. Handed on in small batches,
 * as they come.
 */
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { DhtScope } from './dht-scope.ts';

export const PEERS_A_LOOK_UP = 200;
export const PEERS_A_HOST = 2;

export class FoundPeers {
  readonly #scope: DhtScope;
  readonly #isOurs: (peer: HostPort) => boolean;
  readonly #handOn: (peers: HostPort[]) => void;
  readonly #seen = new Set<string>();
  readonly #byHost = new Map<string, number>();
  #batch: HostPort[] = [];

  constructor(scope: DhtScope, isOurs: (peer: HostPort) => boolean, handOn: (peers: HostPort[]) => void) {
    this.#scope = scope;
    this.#isOurs = isOurs;
    this.#handOn = handOn;
  }

  get count(): number {
    return this.#seen.size;
  }

  add({ host, port }: HostPort): void {
    const name = formatHostPort({ host, port });
    const ofHost = this.#byHost.get(host) ?? 0;
    if (this.#seen.size >= PEERS_A_LOOK_UP || this.#seen.has(name) || ofHost >= PEERS_A_HOST) return;
    if (!this.#scope.allow({ host, port }) || this.#isOurs({ host, port })) return;
    this.#seen.add(name);
    this.#byHost.set(host, ofHost + 1);
    if (this.#batch.push({ host, port }) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#handOn(batch);
  }
}

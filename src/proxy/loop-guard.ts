/**
 * A request that came through us must not come through us again. Every node has a pseudonym, made at start, that it
 * puts into Via of all it asks and answers (RFC 9110 §7.6.3); and our own addresses are no upstreams.
 */
export interface LoopGuardOptions {
  /** Our pseudonym; made up when not given. */
  readonly pseudonym?: string;
}

export class LoopGuard {
  readonly pseudonym: string;
  /** The Via entry of what passes us: "1.1 debtorrent-4f1c…". */
  readonly via: string;
  readonly #ownHosts = new Set<string>();

  constructor({
    pseudonym = `debtorrent-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`,
  }: LoopGuardOptions = {}) {
    this.pseudonym = pseudonym;
    this.via = `1.1 ${pseudonym}`;
  }

  /** Once the port is known. A listener on loopback, or on all addresses, goes by all the names of loopback. */
  listensOn(host: string, port: number): void {
    const names = new Set([
      host,
      'localhost',
      '127.0.0.1',
      '[::1]',
      'ip6-localhost',
      'localhost.localdomain',
    ]);
    for (const name of names) {
      const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
      this.#ownHosts.add(port === 80 ? bracketed : `${bracketed}:${port}`);
    }
  }

  /** `host` as in Location.host or a Host field. */
  isOwnHost(host: string): boolean {
    return this.#ownHosts.has(host.toLowerCase());
  }

  /** Whether a Via field (all of them joined by commas) shows that we have seen this request before. */
  hasSeen(via: string | undefined): boolean {
    return via?.split(',').some((entry) => entry.trim().split(/\s+/)[1] === this.pseudonym) ?? false;
  }
}

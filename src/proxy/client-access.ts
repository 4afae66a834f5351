/**
 * Who may use the proxy: this machine always, others where the operator named them. It decides by the address of the
 * socket and nothing that a client says. What those from elsewhere may ask for is narrower (mirror/known-archives.ts),
 * and what they see of the status, too (own-page.ts).
 */
import { isLoopbackHost, parseAddressRange, plainAddress } from '../lib/address-range.ts';
import { ConfigError } from '../lib/errors.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';

export interface ClientAccessOptions {
  /** As given to --allow-client: addresses, ranges, or "lan". */
  readonly allowed: readonly string[];
  /** What "lan" means. */
  readonly isOnLan: (address: string) => boolean;
}

export class ClientAccess {
  readonly #isOnLan: (address: string) => boolean;
  #rules: readonly ((address: string) => boolean)[] = [];

  constructor({ allowed, isOnLan }: ClientAccessOptions) {
    this.#isOnLan = isOnLan;
    this.setAllowed(allowed);
  }

  /** Others from now on; connections that are open stay, their next requests are refused. */
  setAllowed(allowed: readonly string[]): void {
    this.#rules = allowed.map((text) => {
      if (text === 'lan') return this.#isOnLan;
      const range = parseAddressRange(text);
      return (address) => range?.has(address) ?? false;
    });
  }

  /** Somebody on this machine. */
  isHere(address: string | undefined): boolean {
    return address !== undefined && isLoopbackHost(address);
  }

  /** Whether who comes from there is served at all. */
  allows(address: string | undefined): boolean {
    if (address === undefined) return false;
    const plain = plainAddress(address);
    return isLoopbackHost(plain) || this.#rules.some((rule) => rule(plain));
  }
}

/** Throws ConfigError when others could come in and nobody said who may. */
export function checkListen(listen: HostPort, allowed: readonly string[]): void {
  if (isLoopbackHost(listen.host) || allowed.length > 0) return;
  throw new ConfigError(
    `could not listen on ${formatHostPort(listen)}: other machines could use it, and nobody said which may; ` +
      'give --allow-client lan, or --allow-client with an address or range such as 192.168.1.0/24',
  );
}

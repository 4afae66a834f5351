/**
 * Who is let in: bans, storms, numbers, in this order, so that who isn't wanted costs least. It puts Bans, Knocks,
 * Offences and Admission together and decides nothing that they don't; what is spoken inside is Peer's.
 */
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import { Admission } from './admission.ts';
import { type Ban, Bans, type KeptBan } from './bans.ts';
import { Knocks } from './knocks.ts';
import { LocalNetwork } from './local-network.ts';
import { Offences } from './offences.ts';
import type { Provenance } from './provenance.ts';

/** Where bans are kept over restarts (ban-file.ts). */
export interface BanKeeper {
  read(): readonly KeptBan[];
  /** Something may have changed. */
  touch(bans: Bans): void;
}

export interface Banned {
  readonly address: string;
  /** Given by hand. */
  readonly given: boolean;
  /** On the LAN or given by hand. */
  readonly trusted: boolean;
}

export class Door {
  /** How many, and of whom. */
  readonly places: Admission;
  readonly #bans: Bans;
  readonly #keeper: BanKeeper | undefined;
  readonly #knocks: Knocks;
  readonly #offences: Offences;

  constructor(clock: Clock, keeper: BanKeeper | undefined, local: LocalNetwork = new LocalNetwork()) {
    this.#keeper = keeper;
    this.places = new Admission(local);
    this.#bans = new Bans(clock, keeper?.read(), local);
    this.#knocks = new Knocks(clock, local);
    this.#offences = new Offences(clock);
  }

  /** Why a connection from `host` is refused before a word. `expected`: how that address was met. */
  refusal(host: string, expected: () => Provenance): string | undefined {
    if (this.#bans.has(host)) return 'banned';
    if (!this.#knocks.allows(host)) return 'too many connections';
    return this.places.refusal(host, expected());
  }

  mayDial({ host }: HostPort, provenance: Provenance): boolean {
    return !this.#bans.has(host, provenance === 'given') && this.places.mayDial(host, provenance);
  }

  ban({ address, trusted }: Banned, reason: string): void {
    this.#bans.add(address, reason, trusted);
    this.#keeper?.touch(this.#bans);
  }

  isBanned({ address, given }: Banned): boolean {
    return this.#bans.has(address, given);
  }

  /** It broke the protocol. True: not for the first time within the hour. */
  isSecondOffence({ address }: Banned): boolean {
    return this.#offences.isRepeated(address);
  }

  banned(): Ban[] {
    return this.#bans.list();
  }
}

/**
 * Who may be connected with us: how many in all, in a swarm, of one network, and of those that haven't said yet who
 * they are. It decides by numbers only; bans are Bans', storms Knocks', what is spoken Peer's.
 *
 *  - Near peers (LAN, by hand) always find room: a stranger goes for them. They are held to sanity, not to shares.
 *  - Strangers: two of one /24 or /48, so that being many costs many networks; who came by itself fills at most two
 *    thirds, so that those we chose ourselves, by lot, can't be crowded out.
 *  - Who hasn't said hello waits apart from the others. When too many wait the one that has waited longest goes: a node
 *    needs a round trip or two, so whoever only holds a connection open goes first.
 *
 * docs/protocol.md "Meeting and limits".
 */
import { addressNetwork, isLanAddress } from './address.ts';
import { LocalNetwork } from './local-network.ts';
import { isKnown, mayNameNeighbours, type Provenance } from './provenance.ts';

/** Peers, in all swarms together. */
export const MAX_PEERS = 200;
/** Of these, strangers that dialled us: a third is left for those we dial. */
export const MAX_INBOUND = 133;
/** Strangers are dialled until so many are connected in a swarm, … */
export const ENOUGH_IN_SWARM = 50;
/** … or so many that we dialled, whoever else came: a third of enough. */
export const OWN_CHOICE_IN_SWARM = 17;
/** Strangers of one swarm: room for newcomers while everybody has enough. */
export const MAX_IN_SWARM = 80;
/** Of one IPv4 /24 or IPv6 /48. */
export const STRANGERS_A_NETWORK = 2;
/** As much for those that a tracker of the operator's names: a fleet may live in one network. */
export const KNOWN_A_NETWORK = 50;
/** Strangers that have connected and not said hello, … */
export const MAX_WAITING = 100;
/** … and those of them from one address group. */
export const WAITING_A_GROUP = 4;
/** The same for the local network: a container host has one address for many nodes. */
export const MAX_LAN_WAITING = 100;
export const LAN_WAITING_AN_ADDRESS = 32;

/** As much of a peer as is looked at. */
export interface Guest {
  readonly address: string;
  readonly dialled: boolean;
  readonly provenance: Provenance;
  /** On the LAN or given by hand. */
  readonly trusted: boolean;
  /** It has said hello. */
  readonly ready: boolean;
  readonly bytesDown: number;
  /** It looks for nothing. */
  readonly isUploadOnly: boolean;
  shares(infoHash: string): boolean;
  close(reason: string): void;
}

interface Place {
  readonly group: string;
  readonly network: string;
  readonly isLan: boolean;
}

export class Admission {
  readonly #local: LocalNetwork;
  /** Everybody, the longest connected first. */
  readonly #guests = new Map<Guest, Place>();

  constructor(local: LocalNetwork = new LocalNetwork()) {
    this.#local = local;
  }

  /** Why a connection from `host` is refused before a word; undefined: come in. `expected`: how that address was met. */
  refusal(host: string, expected: Provenance): string | undefined {
    const group = this.#local.group(host);
    const isNear = expected === 'given' || this.#local.has(host);
    const waiting = this.#count((guest, place) => isWaiting(guest) && place.group === group);
    if (waiting >= (isNear ? LAN_WAITING_AN_ADDRESS : WAITING_A_GROUP)) return 'too many handshakes';
    if (isNear) return undefined;
    return this.#isNetworkFull(host, expected) ? 'enough of that network' : undefined;
  }

  /** It has its place, until it leaves. Whoever has waited longest may lose theirs. */
  enter(guest: Guest): void {
    const { address } = guest;
    const isLan = this.#local.has(address);
    this.#guests.set(guest, { isLan, group: this.#local.group(address), network: addressNetwork(address) });
    if (guest.dialled) return;
    const waiting = [...this.#guests].filter(([other, place]) => isWaiting(other) && place.isLan === isLan);
    if (waiting.length > (isLan ? MAX_LAN_WAITING : MAX_WAITING))
      waiting[0]?.[0].close('too many handshakes');
  }

  leave(guest: Guest): void {
    this.#guests.delete(guest);
  }

  /**
   * Why one that has shaken hands, for this swarm, can't stay; undefined: it can. A stranger may have to go for one that
   * is near.
   */
  objection(guest: Guest, infoHash: string): string | undefined {
    let all = 0;
    let came = 0;
    let here = 0;
    let cameHere = 0;
    for (const other of this.#guests.keys()) {
      if (!other.ready || other === guest) continue;
      all += 1;
      if (other.trusted) continue;
      if (!other.dialled) came += 1;
      if (!other.shares(infoHash)) continue;
      here += 1;
      if (!other.dialled) cameHere += 1;
    }
    if (guest.trusted) return all >= MAX_PEERS && !this.#sendAway(guest) ? 'full' : undefined;
    if (all >= MAX_PEERS || here >= MAX_IN_SWARM) return 'full';
    if (guest.dialled) return undefined;
    return cameHere >= MAX_IN_SWARM - OWN_CHOICE_IN_SWARM || came >= MAX_INBOUND ? 'full' : undefined;
  }

  /** Whether another stranger, dialled by ourselves, is wanted in this swarm. */
  wants(infoHash: string): boolean {
    let here = 0;
    let own = 0;
    for (const guest of this.#guests.keys()) {
      if (guest.trusted || isWaiting(guest) || (guest.ready && !guest.shares(infoHash))) continue;
      here += 1;
      if (guest.dialled) own += 1;
    }
    const isShort = here < ENOUGH_IN_SWARM || own < OWN_CHOICE_IN_SWARM;
    return here < MAX_IN_SWARM && isShort && this.#room > 0;
  }

  /** Whether this very address may be dialled now. */
  mayDial(host: string, provenance: Provenance): boolean {
    if (provenance === 'given') return true;
    const isNeighbour = isLanAddress(host) || (mayNameNeighbours(provenance) && this.#local.has(host));
    if (isNeighbour || provenance === 'lan') return this.#room > 0;
    return this.#room > 0 && !this.#isNetworkFull(host, provenance);
  }

  /** Places for those that aren't given by hand. */
  get #room(): number {
    return MAX_PEERS - this.#count((guest) => guest.ready || guest.dialled);
  }

  #isNetworkFull(host: string, provenance: Provenance): boolean {
    const network = addressNetwork(host);
    const most = isKnown(provenance) ? KNOWN_A_NETWORK : STRANGERS_A_NETWORK;
    const there = this.#count((guest, place) => place.network === network && !guest.trusted);
    return there >= most;
  }

  /**
   * The stranger that gave least goes for `guest`, one that came by itself before one of our choice, and of those that
   * gave nothing one that looks for nothing. False: there is none.
   */
  #sendAway(guest: Guest): boolean {
    const [least] = [...this.#guests.keys()]
      .filter((other) => other.ready && other !== guest && !other.trusted)
      .sort(
        (a, b) =>
          Number(a.dialled) - Number(b.dialled) ||
          a.bytesDown - b.bytesDown ||
          Number(b.isUploadOnly) - Number(a.isUploadOnly),
      );
    least?.close('room for a near peer');
    return least !== undefined;
  }

  #count(counts: (guest: Guest, place: Place) => boolean): number {
    let count = 0;
    for (const [guest, place] of this.#guests) if (counts(guest, place)) count += 1;
    return count;
  }
}

function isWaiting(guest: Guest): boolean {
  return !guest.ready && !guest.dialled;
}

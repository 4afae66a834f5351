/**
 * How a peer was met. Peers that the operator has chosen (by hand, by plugging them into one network, by naming their
 * tracker) are known; all others are strangers, and whoever a stranger names is a stranger. Decides nothing but that;
 * whom to ask for what, and who is held to which limit, is decided with it. docs/protocol.md "Meeting and limits".
 */

/**
 * given: by hand. lan: by local discovery. tracker: by a tracker that the operator configured. open-tracker: by another
 * one (of a .dtorrent). dht, pex: by the DHT, by another peer. inbound: it came by itself and nobody named it before.
 */
export type Provenance = 'given' | 'lan' | 'tracker' | 'open-tracker' | 'dht' | 'pex' | 'inbound';

/** The best first: an address that several have named counts as what the best of them makes it. */
const RANKS: readonly Provenance[] = ['given', 'lan', 'tracker', 'open-tracker', 'dht', 'pex', 'inbound'];

/** The operator's own choice. */
export function isKnown(provenance: Provenance): boolean {
  return RANKS.indexOf(provenance) <= RANKS.indexOf('tracker');
}

/** Trusted as the local network is. */
export function isNear(provenance: Provenance): boolean {
  return provenance === 'given' || provenance === 'lan';
}

/**
 * Whether a public address in a subnet of our own counts as near when it was named so. Peers' hints were sifted
 * (peer-exchange.ts); whoever has the ear of the DHT or of a public tracker could aim at our neighbours.
 */
export function mayNameNeighbours(provenance: Provenance): boolean {
  return isKnown(provenance) || provenance === 'pex';
}

export function betterOf(a: Provenance, b: Provenance): Provenance {
  return RANKS.indexOf(a) <= RANKS.indexOf(b) ? a : b;
}

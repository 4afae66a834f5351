/**
 * Whose word something is, for holding it against them later, on another connection: on the LAN several nodes may
 * share an address, so there it is the address with the peer id; among strangers, who change peer ids as they like, an
 * address group is one. Pure.
 */
import { addressGroup } from './address.ts';

export interface Speaker {
  readonly address: string;
  readonly id: Uint8Array;
  /** On the LAN or given by hand. */
  readonly trusted: boolean;
}

export function speakerId(peer: Speaker): string {
  const group = addressGroup(peer.address);
  return peer.trusted ? `${group} ${peer.id.toHex()}` : group;
}

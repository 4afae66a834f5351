/**
 * The peers of one torrent as connections: whom to dial, who may come in and stay, who is put out. What they say to
 * each other is Peer's, what it means for the torrent is the torrent's.
 */
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { addressGroup } from '../swarm/address.ts';
import type { Link } from '../swarm/link.ts';
import type { Handshake } from '../wire/handshake.ts';
import { type Address, Addresses } from './addresses.ts';
import { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import type { TorrentNode } from './torrent-node.ts';

const MAX_PEERS = 80;
/** Strangers behind one address. */
const MAX_OF_AN_ADDRESS = 4;
const BANNED_PAUSE_MS = 600_000;

const diary = log.withTag('torrent');

export interface TorrentPeersHost {
  readonly node: TorrentNode;
  readonly peerHost: PeerHost;
  /** Connections that are enough to dial no more; 0 while nobody is to be dialled. */
  readonly enough: number;
  readonly isStopped: boolean;
  /** 20 bytes: what to ask for where an address was named for no swarm. */
  readonly infoHash: Uint8Array;
}

export class TorrentPeers {
  readonly addresses: Addresses;
  /** Those that have shaken hands. */
  readonly ready = new Set<Peer>();
  readonly #host: TorrentPeersHost;
  readonly #connections = new Set<Peer>();
  readonly #addressOf = new Map<Peer, Address>();
  #dialling = 0;

  constructor(host: TorrentPeersHost) {
    this.#host = host;
    this.addresses = new Addresses(host.node.draw);
  }

  /** Another node dialled us, and its handshake names this torrent. */
  accept(link: Link, handshake: Handshake, rest: Uint8Array): void {
    const peer = new Peer(this.#host.peerHost, { link, came: { handshake, rest } });
    // Its first bytes may have been its last.
    if (!peer.isClosed) this.#connections.add(peer);
  }

  /** It has shaken hands. Why it can't stay; undefined when it can. */
  objection(peer: Peer): string | undefined {
    const { node, isStopped } = this.#host;
    if (isStopped) return 'stopping';
    if (node.isBanned(peer.address)) return 'banned';
    // A peer id is easily copied: at another address it takes nobody's place.
    const group = addressGroup(peer.address);
    const near = [...this.ready].filter(({ address }) => addressGroup(address) === group);
    const twin = near.find(({ id }) => Buffer.compare(id, peer.id) === 0);
    if (twin) {
      // A double dial keeps the connection that the lower peer id dialled, so both ends drop the same one.
      const lowerIsUs = Buffer.compare(node.peerId, peer.id) < 0;
      const keepNew = twin.dialled !== peer.dialled && peer.dialled === lowerIsUs;
      if (!keepNew) return 'a second connection';
      twin.close('a second connection');
    } else if (this.ready.size >= MAX_PEERS) return 'full';
    else if (near.length >= MAX_OF_AN_ADDRESS && !peer.isNear) return 'enough of that address';
    this.ready.add(peer);
    return undefined;
  }

  ban({ address, isNear }: Peer, reason: string): void {
    diary.warn(`peer ${address} is banned: ${reason}`);
    this.#host.node.ban(address, reason, isNear);
    for (const other of this.#connections) if (other.address === address) other.close(`banned: ${reason}`);
  }

  closed(peer: Peer, reason: string): void {
    diary.debug(`peer ${peer.address} ${peer.client} closed: ${reason}`);
    this.#connections.delete(peer);
    this.ready.delete(peer);
    const address = this.#addressOf.get(peer);
    this.#addressOf.delete(peer);
    if (address && reason === 'ourselves') this.addresses.forget(address);
    else if (address) this.addresses.ended(address, peer.client !== '', this.#nowMs);
  }

  tick(): void {
    for (const peer of [...this.#connections]) peer.tick();
  }

  closeAll(reason: string): void {
    for (const peer of [...this.#connections]) peer.close(reason);
  }

  /** Whether somebody has named that address by hand. */
  isGiven({ host, port }: HostPort): boolean {
    for (const { at, isGiven } of this.#addressOf.values())
      if (isGiven && at.host === host && at.port === port) return true;
    return false;
  }

  dialMore(): void {
    const { node, enough } = this.#host;
    while (!this.#host.isStopped && this.#connections.size + this.#dialling < enough) {
      const address = this.addresses.next(this.#nowMs);
      if (!address) return;
      if (node.isBanned(address.at.host)) {
        address.nextMs = this.#nowMs + BANNED_PAUSE_MS;
        continue;
      }
      if (!node.mayDial(address.at)) {
        address.nextMs = this.#nowMs + 1_000;
        return;
      }
      address.isInUse = true;
      this.#dialling += 1;
      void this.#dial(address);
    }
  }

  async #dial(address: Address): Promise<void> {
    const { node, peerHost, infoHash } = this.#host;
    let link: Link | undefined;
    try {
      link = await node.dial(address.at);
    } catch {
      this.addresses.ended(address, false, this.#nowMs);
    }
    this.#dialling -= 1;
    if (!link) return;
    if (this.#host.isStopped) return link.close('stopping');
    const named = address.infoHash && Uint8Array.fromHex(address.infoHash);
    const peer = new Peer(peerHost, { link, dialled: named || infoHash });
    if (peer.isClosed) return this.addresses.ended(address, false, this.#nowMs);
    this.#connections.add(peer);
    this.#addressOf.set(peer, address);
  }

  get #nowMs(): number {
    return this.#host.node.clock.nowMs();
  }
}

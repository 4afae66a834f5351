/** The part of npm bittorrent-dht 11.0.12 that is used here; the package brings no types. */
declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events';

  export interface TableNode {
    readonly id: Buffer;
    readonly host: string;
    readonly port: number;
    /** Unix milliseconds of its last message; set by k-rpc. */
    readonly seen?: number;
  }

  export interface DhtLibraryOptions {
    readonly nodeId: Buffer;
    /** Used as dgram.Socket is, by k-rpc-socket: `send`, `close`, events `message` and `close`. */
    readonly socket: EventEmitter;
    readonly bootstrap: false;
    /** Nodes a bucket, and how many of the closest a look-up must have heard. */
    readonly k: number;
    /** Queries on their way at once. */
    readonly concurrency: number;
    readonly timeout: number;
    /** Look-ups whose tokens are kept. */
    readonly maxTables: number;
    readonly maxPeers: number;
    /** Milliseconds. */
    readonly maxAge: number;
  }

  export default class DHT extends EventEmitter {
    constructor(options: DhtLibraryOptions);
    /** A k-bucket. */
    readonly nodes: EventEmitter & { toArray(): TableNode[] };
    /** Without `id` the node is pinged, and added when it answers. */
    addNode(node: { id?: Buffer; host: string; port: number }): void;
    removeNode(id: Buffer): void;
    /** Emits `peer` for every peer that is named; returns what ends it at the next answer. */
    lookup(target: Buffer, done: (error: Error | null) => void): () => void;
    /** Tells the nodes that the last look-up of `infoHash` met. */
    announce(infoHash: Buffer, port: number, done: (error: Error | null) => void): void;
    destroy(done: () => void): void;
  }
}

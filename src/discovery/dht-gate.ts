/**
 * Our UDP port, and the guard between it and the library that speaks KRPC (bittorrent-dht), which trusts whatever
 * comes. Inwards: only sound messages (krpc.ts) from addresses in our scope, so many a second; answers only to a query
 * of ours, from where it went, with the 4 random bytes it bore; a query never puts its sender into the table (forged
 * senders), and is dropped while we are read-only. Outwards: so many queries a second and a host, so that nobody makes
 * us a reflector; a query held back comes back to the library as an error at once; answers are cut to what BEP 5 asks
 * for (8 nodes, 50 peers) and to a share of the line. Adds what the library doesn't know: `ro` (BEP 43), `ip` (BEP 42).
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { compactPeer } from '../announce/compact-peers.ts';
import { formatIp, parseIp } from '../announce/ip-address.ts';
import { decodeDict } from '../bencode/decode.ts';
import { encode } from '../bencode/encode.ts';
import { findBytes, findList, getBytes, getDict, getText } from '../bencode/fields.ts';
import type { BDict, BInputDict } from '../bencode/value.ts';
import { Budget } from '../lib/budget.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { DhtLine } from './dht-line.ts';
import { type DhtScope, scopeOf } from './dht-scope.ts';
import type { DhtStanding } from './dht-standing.ts';
import { HostBudgets } from './host-budgets.ts';
import {
  COMPACT_NODE_BYTES,
  chunksOf,
  decodeKrpc,
  type HeardAnswer,
  type HeardError,
  type HeardQuery,
  MAX_DATAGRAM_BYTES,
  NODE_ID_BYTES,
} from './krpc.ts';

/** Our own queries, whoever makes us ask: two look-ups at once, then slowly. */
export const QUERIES_OUT_AT_ONCE = 150;
export const QUERIES_OUT_A_SECOND = 20;
/** Queries to one host in ten seconds. */
export const QUERIES_A_HOST = 12;
/** Packets that we didn't ask for. */
export const QUERIES_IN_AT_ONCE = 200;
export const QUERIES_IN_A_SECOND = 50;
/** Packets that we didn't ask for, of one host in ten seconds. */
export const QUERIES_IN_A_HOST = 20;
/** Packets from where an answer is expected. */
const ANSWERS_IN_AT_ONCE = 400;
const ANSWERS_IN_A_SECOND = 200;
/** Bytes for answers to strangers. */
export const ANSWERED_BYTES_AT_ONCE = 16_384;
export const ANSWERED_BYTES_A_SECOND = 512;
export const NODES_AN_ANSWER = 8;
export const PEERS_AN_ANSWER = 50;
/** BEP 5: a peer is announced to the 8 nodes nearest to its info-hash. The library would tell all it met. */
export const ANNOUNCES_A_LOOK_UP = 8;
/** The library gives a query up after 2.5 s. */
const EXPECTED_MS = 5_000;
const MAX_EXPECTED = 256;
const HELD_BACK = 202;

interface Expected {
  readonly host: string;
  readonly port: number;
  readonly libraryTransaction: Uint8Array;
  readonly sentMs: number;
}

export interface DhtGateOptions {
  readonly listen: HostPort;
  readonly scope: DhtScope;
  readonly standing: DhtStanding;
  readonly clock: Clock;
  /** Somebody who can be asked has asked us. */
  readonly heardFrom: (at: HostPort) => void;
}

export class DhtGate implements AsyncDisposable {
  readonly #options: DhtGateOptions;
  readonly #socket: Socket;
  readonly #expected = new Map<string, Expected>();
  readonly #queriesOut: Budget;
  readonly #queriesOutByHost = new HostBudgets(QUERIES_A_HOST);
  readonly #queriesIn: Budget;
  readonly #queriesInByHost = new HostBudgets(QUERIES_IN_A_HOST);
  readonly #answersIn: Budget;
  readonly #answersOut: Budget;
  /** How many nodes have been told of an info-hash since its last look-up. */
  readonly #announced = new Map<string, number>();
  #line: DhtLine | undefined;
  #nodeId = new Uint8Array(NODE_ID_BYTES);
  /** Bytes of UDP payload, both ways, and packets refused, since the start. */
  readonly traffic = { bytesIn: 0, bytesOut: 0, refused: 0 };

  /** Rejects when the port can't be opened. */
  static async open(options: DhtGateOptions): Promise<DhtGate> {
    const socket = createSocket('udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject);
    socket.bind({ port: options.listen.port, address: options.listen.host, exclusive: true }, resolve);
    try {
      await promise;
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.off('error', reject);
    return new DhtGate(options, socket);
  }

  private constructor(options: DhtGateOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    const now = options.clock.nowMs();
    this.#queriesOut = new Budget(QUERIES_OUT_AT_ONCE, QUERIES_OUT_A_SECOND, now);
    this.#queriesIn = new Budget(QUERIES_IN_AT_ONCE, QUERIES_IN_A_SECOND, now);
    this.#answersIn = new Budget(ANSWERS_IN_AT_ONCE, ANSWERS_IN_A_SECOND, now);
    this.#answersOut = new Budget(ANSWERED_BYTES_AT_ONCE, ANSWERED_BYTES_A_SECOND, now);
    // A refusal by ICMP says nothing that a time-out doesn't.
    socket.on('error', () => {});
    socket.on('message', (datagram, from) => this.#take(datagram, from));
  }

  get address(): HostPort {
    const { address, port } = this.#socket.address();
    return { host: address, port };
  }

  /** The socket for a library that is the node `nodeId`; the one before is cut off. */
  line(nodeId: Uint8Array): DhtLine {
    this.#nodeId = Uint8Array.from(nodeId);
    this.#expected.clear();
    this.#line = new DhtLine((line, message, to) => {
      if (line === this.#line) this.#send(message, to);
    });
    return this.#line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line = undefined;
    this.#socket.close(() => resolve());
    await promise;
  }

  #take(datagram: Uint8Array, { address: host, port }: RemoteInfo): void {
    this.traffic.bytesIn += datagram.length;
    if (!this.#passes(datagram, { host, port })) return this.#refuse();
    try {
      const heard = decodeKrpc(datagram);
      if (heard.kind === 'query') this.#takeQuery(heard, { host, port });
      else this.#takeAnswer(heard, { host, port });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuse();
    }
  }

  #refuse(): void {
    this.traffic.refused += 1;
  }

  #passes(datagram: Uint8Array, from: HostPort): boolean {
    const now = this.#options.clock.nowMs();
    if (datagram.length > MAX_DATAGRAM_BYTES || !this.#options.scope.allow(from)) return false;
    if (this.#expectsFrom(from)) return this.#answersIn.spend(1, now);
    return this.#queriesInByHost.spend(from.host, now) && this.#queriesIn.spend(1, now);
  }

  #expectsFrom({ host, port }: HostPort): boolean {
    for (const expected of this.#expected.values()) {
      if (expected.host === host && expected.port === port) return true;
    }
    return false;
  }

  #takeQuery(query: HeardQuery, from: HostPort): void {
    const { standing, clock, heardFrom } = this.#options;
    if (Buffer.compare(query.id, this.#nodeId) === 0) return;
    standing.queriedBy(from.host, clock.nowMs());
    if (standing.isReadOnly) return;
    // The library would take the sender into its table by `id`; it takes nobody in by our own.
    const a = { ...query.fields, id: this.#nodeId };
    this.#line?.deliver({ t: query.transaction, y: 'q', q: query.method, a }, from);
    if (!query.readOnly) heardFrom(from);
  }

  #takeAnswer(heard: HeardAnswer | HeardError, from: HostPort): void {
    const key = heard.transaction.toHex();
    const expected = this.#expected.get(key);
    if (expected?.host !== from.host || expected.port !== from.port) return this.#refuse();
    this.#expected.delete(key);
    const t = expected.libraryTransaction;
    if (heard.kind === 'error') return this.#line?.deliver({ t, y: 'e', e: [heard.code, ''] }, from);
    this.#noteOurAddress(heard, from);
    const nodes = Buffer.concat(this.#soundNodes(heard.nodes));
    const values = heard.values.length > 0 ? [...heard.values] : undefined;
    this.#line?.deliver({ t, y: 'r', r: { id: heard.id, nodes, values, token: heard.token } }, from);
  }

  #noteOurAddress({ ourAddress }: HeardAnswer, { host }: HostPort): void {
    if (!ourAddress || scopeOf({ host: formatIp(ourAddress), port: 1 }) !== 'public') return;
    this.#options.standing.named(host, ourAddress);
  }

  /** Those that may be asked, one a host. */
  #soundNodes(nodes: readonly Uint8Array[]): Uint8Array[] {
    const hosts = new Set<string>();
    return nodes.filter((node) => {
      const host = formatIp(node.subarray(NODE_ID_BYTES, NODE_ID_BYTES + 4));
      const port = ((node[NODE_ID_BYTES + 4] ?? 0) << 8) | (node[NODE_ID_BYTES + 5] ?? 0);
      if (hosts.has(host) || !this.#options.scope.allow({ host, port })) return false;
      hosts.add(host);
      return true;
    });
  }

  /** A message of the library. */
  #send(bytes: Uint8Array, to: HostPort): void {
    const message = decodeDict(bytes, { anyKeyOrder: true });
    if (getText(message, 'y') === 'q') this.#sendQuery(message, to);
    else this.#sendAnswer(message, to);
  }

  #sendQuery(message: BDict, to: HostPort): void {
    const { standing, clock } = this.#options;
    const libraryTransaction = getBytes(message, 't');
    if (!this.#mayAsk(message, to)) {
      this.#line?.deliver({ t: libraryTransaction, y: 'e', e: [HELD_BACK, ''] }, to);
      return;
    }
    const now = clock.nowMs();
    for (const [key, { sentMs }] of this.#expected) {
      if (now - sentMs < EXPECTED_MS && this.#expected.size < MAX_EXPECTED) break;
      this.#expected.delete(key);
    }
    const t = crypto.getRandomValues(new Uint8Array(4));
    this.#expected.set(t.toHex(), { ...to, libraryTransaction, sentMs: now });
    this.#put({ ...message, t, ro: standing.isReadOnly ? 1 : undefined }, to);
  }

  #mayAsk(message: BDict, to: HostPort): boolean {
    const now = this.#options.clock.nowMs();
    if (!this.#options.scope.allow(to)) return false;
    const infoHash = findBytes(getDict(message, 'a'), 'info_hash')?.toHex();
    const method = getText(message, 'q');
    if (infoHash && method === 'get_peers') this.#announced.delete(infoHash);
    if (infoHash && method === 'announce_peer') {
      const nodes = this.#announced.get(infoHash) ?? 0;
      if (nodes >= ANNOUNCES_A_LOOK_UP) return false;
      this.#announced.set(infoHash, nodes + 1);
    }
    return this.#queriesOutByHost.spend(to.host, now) && this.#queriesOut.spend(1, now);
  }

  #sendAnswer(message: BDict, to: HostPort): void {
    const address = parseIp(to.host);
    const ip = address && compactPeer(address, to.port);
    const answer =
      getText(message, 'y') === 'r' ? { ...message, ip, r: shortened(getDict(message, 'r')) } : message;
    const bytes = encode(answer);
    if (!this.#answersOut.spend(bytes.length, this.#options.clock.nowMs())) return this.#refuse();
    this.#put(answer, to);
  }

  #put(message: BInputDict, { host, port }: HostPort): void {
    const bytes = encode(message);
    this.traffic.bytesOut += bytes.length;
    this.#options.standing.sentTo(host, this.#options.clock.nowMs());
    this.#socket.send(bytes, port, host, () => {});
  }
}

/** The library answers with its whole table and every peer of a swarm. Nodes come nearest first. */
function shortened(r: BDict): BInputDict {
  const nodes = findBytes(r, 'nodes');
  const values = findList(r, 'values');
  const from = values ? Math.floor(Math.random() * Math.max(1, values.length - PEERS_AN_ANSWER + 1)) : 0;
  return {
    ...r,
    nodes: nodes && Buffer.concat(chunksOf(nodes, COMPACT_NODE_BYTES, NODES_AN_ANSWER)),
    values: values?.slice(from, from + PEERS_AN_ANSWER),
  };
}

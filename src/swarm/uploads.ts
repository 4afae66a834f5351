/**
 * What we serve to one peer: our numbers for the pieces we offered it, and the queue of its requests. It decides what
 * a request's number means and when its block is read and sent: one at a time, when the socket has taken the last
 * (backpressure) and the limit allows. Nothing here writes to the store.
 * docs/protocol.md: a number withdrawn is answered REJECT; a number never given closes the connection.
 */
import type { Clock } from '../lib/clock.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import { answerHashRequest } from '../torrent/hash-proof.ts';
import { Grade, type HaveEntry, NUMBER_LIMIT, type PieceHash } from '../wire/archive-ext.ts';
import {
  BLOCK_BYTES,
  type BlockRef,
  encodeHashes,
  encodeHashReject,
  encodePieceHeader,
  encodeReject,
  type HashRange,
  MAX_REQUEST_BYTES,
} from '../wire/message.ts';
import type { Servable } from './library.ts';

export interface UploadsHost {
  readonly clock: Clock;
  readonly bucket: TokenBucket;
  readonly queuedBytes: number;
  send(bytes: Uint8Array): void;
  uploaded(bytes: number): void;
}

interface Given {
  readonly want: number;
  readonly first: number;
  servable: Servable;
}

/** Requests a peer may have waiting; we say so in the extended handshake (`reqq`). */
export const REQUEST_QUEUE = 1024;
/** Longest range of hashes that is answered (docs/protocol.md). */
const MAX_HASHES_ASKED = 512;
/** Files that are kept open for one peer. */
const MAX_OPEN_FILES = 8;
/** Blocks sent before the event loop gets its turn. */
const BLOCKS_A_TURN = 8;

const HEADER_BYTES = 13;
/** Shared by all peers: a block is read, handed to the socket and forgotten within one turn. */
const scratch = new Uint8Array(HEADER_BYTES + MAX_REQUEST_BYTES);

export class Uploads {
  readonly #host: UploadsHost;
  /** By first number, ascending. */
  readonly #given: Given[] = [];
  readonly #byWant = new Map<number, Given>();
  #nextNumber = 0;
  /** Servables that may hold a file open, the longest unused first. */
  readonly #inUse = new Set<Servable>();
  #queue: BlockRef[] = [];
  #waiting: (() => void) | undefined;
  #closed = false;

  constructor(host: UploadsHost) {
    this.#host = host;
  }

  /**
   * Offers (or offers anew, with the same numbers) what the peer wants under `want`. `fresh`: the pieces whose hashes
   * it hasn't been told yet, where the file has no tree; all, when left out.
   */
  offer(want: number, servable: Servable, fresh?: readonly number[]): HaveEntry {
    let given = this.#byWant.get(want);
    if (given) {
      if (given.servable !== servable) this.#rest(given.servable);
      given.servable = servable;
    } else {
      if (this.#nextNumber + servable.pieces.count > NUMBER_LIMIT)
        throw new ProtocolError('piece numbers used up');
      given = { want, first: this.#nextNumber, servable };
      this.#nextNumber += Math.max(1, servable.pieces.count);
      this.#given.push(given);
      this.#byWant.set(want, given);
    }
    const { pieces, tree, whole, hearsay } = servable;
    if (hearsay)
      return { ...statePieces(servable, fresh), want, sizeBytes: pieces.sizeBytes, firstPiece: given.first };
    return {
      want,
      sizeBytes: pieces.sizeBytes,
      firstPiece: given.first,
      grade: whole ? Grade.whole : Grade.relayed,
      ...(tree && { root: tree.root }),
      ...(!whole && { pieces: bitfieldOf(servable) }),
    };
  }

  /** How many more pieces can be given a number on this connection. */
  get numbersLeft(): number {
    return NUMBER_LIMIT - this.#nextNumber;
  }

  /** The number under which a piece was offered, if it was. */
  numberOf(want: number, piece: number): number | undefined {
    const given = this.#byWant.get(want);
    return given && given.first + piece;
  }

  /** The peer no longer looks for it, or we no longer have it. Its numbers, if any were given. */
  withdraw(want: number): { first: number; count: number } | undefined {
    const given = this.#byWant.get(want);
    if (!given) return undefined;
    this.#byWant.delete(want);
    this.#given.splice(this.#given.indexOf(given), 1);
    this.#rest(given.servable);
    const { first } = given;
    const count = given.servable.pieces.count;
    this.#queue = this.#queue.filter((block) => {
      if (block.index < first || block.index >= first + count) return true;
      this.#host.send(encodeReject(block));
      return false;
    });
    return { first, count };
  }

  /** REQUEST. Throws ProtocolError when it can't be meant honestly. */
  request(block: BlockRef): void {
    if (block.index >= this.#nextNumber)
      throw new ProtocolError(`asks for piece ${block.index}, never offered`);
    const given = this.#find(block.index);
    const piece = given ? block.index - given.first : 0;
    if (!given?.servable.hasPiece(piece)) {
      this.#host.send(encodeReject(block));
      return;
    }
    const size = given.servable.pieces.size(piece);
    if (
      block.begin % BLOCK_BYTES !== 0 ||
      block.length < 1 ||
      block.length > MAX_REQUEST_BYTES ||
      block.begin + block.length > size
    ) {
      throw new ProtocolError(`asks for bytes outside a piece: ${block.begin}+${block.length} of ${size}`);
    }
    if (this.#queue.length >= REQUEST_QUEUE) {
      this.#host.send(encodeReject(block));
      return;
    }
    this.#queue.push(block);
    this.pump();
  }

  /** CANCEL. Answered with REJECT (BEP 6), or by the block when that is on its way. */
  cancel(block: BlockRef): void {
    const at = this.#queue.findIndex(
      (b) => b.index === block.index && b.begin === block.begin && b.length === block.length,
    );
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#host.send(encodeReject(block));
  }

  /** HASH REQUEST: the piece layer of what we offered, nothing below it. */
  hashRequest(range: HashRange): void {
    const given = this.#given.find(({ servable }) => sameBytes(servable.tree?.root, range.piecesRoot));
    const pieces = given?.servable.pieces;
    const tree = given?.servable.tree;
    const may = pieces && tree && range.baseLayer === pieces.layerHeight && range.length <= MAX_HASHES_ASKED;
    const hashes = may ? answerHashRequest(tree.layer, range, pieces.treeHeight) : undefined;
    this.#host.send(hashes ? encodeHashes(range, hashes) : encodeHashReject(range));
  }

  /** Sends what may be sent now. Called when there is something new or the socket has drained. */
  pump(): void {
    if (this.#waiting || this.#closed) return;
    for (let sent = 0; this.#queue.length > 0 && this.#host.queuedBytes === 0; sent += 1) {
      if (sent === BLOCKS_A_TURN) return this.#pumpAfter(0);
      const block = this.#queue[0] as BlockRef;
      const waitMs = this.#host.bucket.take(block.length, this.#host.clock.nowMs());
      if (waitMs > 0) return this.#pumpAfter(waitMs);
      this.#queue.shift();
      this.#send(block);
    }
  }

  close(): void {
    this.#closed = true;
    this.#waiting?.();
    this.#queue = [];
    this.rest();
  }

  /** Closes files that nobody reads now. */
  rest(): void {
    if (this.#queue.length > 0 && !this.#closed) return;
    for (const servable of this.#inUse) servable.rest();
    this.#inUse.clear();
  }

  #rest(servable: Servable): void {
    servable.rest();
    this.#inUse.delete(servable);
  }

  #send(block: BlockRef): void {
    const given = this.#find(block.index);
    const target = scratch.subarray(HEADER_BYTES, HEADER_BYTES + block.length);
    const offset = given ? given.servable.pieces.offset(block.index - given.first) + block.begin : 0;
    if (!given || !this.#read(given.servable, offset, target)) {
      this.#host.send(encodeReject(block));
      return;
    }
    scratch.set(encodePieceHeader(block.index, block.begin, block.length));
    this.#host.send(scratch.subarray(0, HEADER_BYTES + block.length));
    this.#host.uploaded(block.length);
  }

  /** False when the bytes are gone or can't be read. */
  #read(servable: Servable, offset: number, target: Uint8Array): boolean {
    this.#inUse.delete(servable);
    this.#inUse.add(servable);
    if (this.#inUse.size > MAX_OPEN_FILES) {
      const [longest] = this.#inUse;
      if (longest) {
        longest.rest();
        this.#inUse.delete(longest);
      }
    }
    try {
      return servable.read(offset, target);
    } catch {
      return false;
    }
  }

  #pumpAfter(delayMs: number): void {
    this.#waiting = this.#host.clock.after(delayMs, () => {
      this.#waiting = undefined;
      this.pump();
    });
  }

  #find(number: number): Given | undefined {
    let low = 0;
    let high = this.#given.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const given = this.#given[middle] as Given;
      if (number < given.first) high = middle - 1;
      else if (number >= given.first + given.servable.pieces.count) low = middle + 1;
      else return given;
    }
    return undefined;
  }
}

function bitfieldOf(servable: Servable): Uint8Array {
  const { pieces } = servable;
  const bits = new Uint8Array(Math.ceil(pieces.count / 8));
  for (let i = 0; i < pieces.count; i += 1) {
    if (servable.hasPiece(i)) bits[i >> 3] = (bits[i >> 3] ?? 0) | (0x80 >> (i & 7));
  }
  return bits;
}

/** The pieces there are, with what is known of their hashes. */
function statePieces(
  servable: Servable,
  fresh?: readonly number[],
): Pick<HaveEntry, 'grade' | 'pieces' | 'firstHand' | 'secondHand'> {
  const firstHand: PieceHash[] = [];
  const secondHand: PieceHash[] = [];
  const told = fresh ?? Array.from({ length: servable.pieces.count }, (_, i) => i);
  for (const pieceOffset of told) {
    const known = servable.hasPiece(pieceOffset) ? servable.hearsay?.of(pieceOffset) : undefined;
    if (known) (known.own ? firstHand : secondHand).push({ pieceOffset, hash: known.hash });
  }
  return {
    grade: Grade.firstHand,
    pieces: bitfieldOf(servable),
    ...(firstHand.length > 0 && { firstHand }),
    ...(secondHand.length > 0 && { secondHand }),
  };
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

/** Connections as the upload parts see them, without sockets: they keep what they are told. */
import type { Sha256 } from '../../src/lib/sha256.ts';
import type { Servable } from '../../src/swarm/library.ts';
import { type Given, PieceNumbers } from '../../src/swarm/piece-numbers.ts';
import type { PoolTaker } from '../../src/swarm/upload-pool.ts';
import { type PieceRequest, UploadQueue } from '../../src/swarm/upload-queue.ts';
import type { AddressShare } from '../../src/swarm/upload-turns.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import type { BlockRef } from '../../src/wire/message.ts';

const KIB = 1024;
export const PIECE = 256 * KIB;

/** A file of `pieces` whole pieces (more than two, so that they are of 256 KiB) that reads as nothing. */
export function servableOf(name: string, pieces: number): Servable {
  return {
    key: name as Sha256,
    pieces: new Pieces(pieces * PIECE),
    swarms: [],
    tree: undefined,
    hearsay: undefined,
    whole: true,
    hasPiece: () => true,
    read: () => true,
    rest: () => {},
  };
}

export class FakeTaker implements PoolTaker {
  readonly name: string;
  readonly isNear: boolean;
  readonly share: AddressShare;
  readonly numbers = new PieceNumbers();
  readonly queue = new UploadQueue();
  readonly held = new Set<number>();
  readonly released = new Set<number>();
  isWritable = true;
  isChoked = true;
  isEnding = false;
  isListed = false;
  isGone = false;
  slotSinceMs: number | undefined;
  activeMs = 0;
  turn = 0;
  /** What it was told and sent, in order: "choke", "unchoke", "have 3", "reject 3", "sent 3+16384". */
  readonly told: string[] = [];
  onSent: (request: PieceRequest, block: BlockRef) => void = () => {};
  onChoked: () => void = () => {};
  wants = true;

  constructor(name: string, { isNear = false, share = { turn: 0, slots: 0 } as AddressShare } = {}) {
    this.name = name;
    this.isNear = isNear;
    this.share = share;
  }

  get isInterested(): boolean {
    return this.wants;
  }

  get isBusy(): boolean {
    return this.queue.length > 0;
  }

  get isMidPiece(): boolean {
    return this.queue.current !== undefined;
  }

  give(servable: Servable, want = this.numbers.size): Given {
    return this.numbers.give(want, servable);
  }

  /** What it was told, without payload. */
  get words(): string[] {
    return this.told.filter((word) => !word.startsWith('sent'));
  }

  get sentPieces(): number[] {
    return this.told
      .filter((word) => word.startsWith('sent'))
      .map((word) => Number.parseInt(word.slice(5), 10));
  }

  deliver(request: PieceRequest, block: BlockRef): void {
    this.told.push(`sent ${block.index}+${block.length}`);
    this.onSent(request, block);
  }

  reject(blocks: readonly BlockRef[]): void {
    for (const { index } of blocks) this.told.push(`reject ${index}`);
  }

  sayHave(number: number): void {
    this.told.push(`have ${number}`);
  }

  choke(): void {
    this.told.push('choke');
    this.reject(this.queue.dropAll());
    this.onChoked();
  }

  unchoke(): void {
    this.told.push('unchoke');
  }
}

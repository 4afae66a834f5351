import { describe, expect, test } from 'bun:test';
import { Blame } from '../../src/standard/blame.ts';
import { Downloads, type Giver } from '../../src/standard/downloads.ts';
import { pieceBuffers } from '../../src/swarm/piece-buffers.ts';

const BLOCK = 16_384;

class Fake implements Giver {
  readonly pieces: ReadonlySet<number>;
  readonly owed = new Set<string>();
  readonly blames: string[] = [];
  constructor(...pieces: readonly number[]) {
    this.pieces = new Set(pieces);
  }
  has(piece: number): boolean {
    return this.pieces.has(piece);
  }
  allows(): boolean {
    return true;
  }
  get outstanding(): number {
    return this.owed.size;
  }
  owes(piece: number, block: number): boolean {
    return this.owed.has(`${piece} ${block}`);
  }
  blamed(reason: string): void {
    this.blames.push(reason);
  }
  /** Asks for what comes next, as the torrent does. */
  ask(downloads: Downloads): string | undefined {
    const ask = downloads.next(this);
    if (!ask) return undefined;
    const name = `${ask.work.piece} ${ask.block}`;
    this.owed.add(name);
    return name;
  }
}

function started(pieces: number, isSuspect: (piece: number) => boolean = () => false): Downloads {
  const downloads = new Downloads({
    isSuspect,
    pieceCount: pieces,
    wantedBytes: () => 2 * BLOCK,
    buffers: pieceBuffers,
    draw: () => 0,
  });
  for (let piece = 0; piece < pieces; piece += 1) downloads.want(piece);
  return downloads;
}

function arrive(downloads: Downloads, from: Fake, name: string): void {
  const [piece, block] = name.split(' ').map(Number) as [number, number];
  const work = downloads.works.get(piece);
  if (!work) throw new Error(`no piece ${piece} under way`);
  const receiving = work.begin(block);
  from.owed.delete(name);
  work.received(receiving, from);
  work.takeBack(block);
}

describe('Downloads.next()', () => {
  test('goes on with a piece before it begins another, and two peers begin different ones', () => {
    const downloads = started(3);
    const [a, b] = [new Fake(0, 1, 2), new Fake(0, 1, 2)];
    const first = [a.ask(downloads), a.ask(downloads)];
    expect(new Set(first.map((name) => name?.split(' ')[0])).size).toBe(1);
    expect(b.ask(downloads)?.split(' ')[0]).not.toBe(first[0]?.split(' ')[0]);
  });

  test('asks a peer for nothing that it has not', () => {
    const downloads = started(3);
    const peer = new Fake(1);
    expect([peer.ask(downloads), peer.ask(downloads), peer.ask(downloads)]).toEqual([
      '1 0',
      '1 1',
      undefined,
    ]);
  });

  test('takes over what somebody left, and helps when there is nothing else to begin', () => {
    const downloads = started(1);
    const [gone, helper] = [new Fake(0), new Fake(0)];
    const left = gone.ask(downloads) as string;
    arrive(downloads, gone, left);
    expect(helper.ask(downloads)).toBe('0 1');
    const again = new Fake(0);
    const work = downloads.works.get(0);
    if (!work) throw new Error('gone');
    downloads.takeBack(work, 1);
    downloads.release(gone);
    expect(again.ask(downloads)).toBe('0 1');
    expect(work.owner).toBe(again);
  });

  test('a piece that nobody has sent a byte of is as if it had not been begun', () => {
    const downloads = started(1);
    const gone = new Fake(0);
    gone.ask(downloads);
    downloads.release(gone);
    expect([downloads.works.size, downloads.picker.wanted]).toEqual([0, 1]);
  });

  test('at the end asks others for what is owed, up to three at a time of an idle peer', () => {
    const downloads = started(1);
    const peers = [0, 1, 2, 3].map(() => new Fake(0));
    const [first, second, third, fourth] = peers as [Fake, Fake, Fake, Fake];
    first.ask(downloads);
    first.ask(downloads);
    expect([second.ask(downloads), second.ask(downloads), second.ask(downloads)]).toEqual([
      '0 0',
      '0 1',
      undefined,
    ]);
    expect(third.ask(downloads)).toBe('0 0');
    expect(fourth.ask(downloads)).toBe('0 1');
  });

  test('a suspect piece comes from one peer alone', () => {
    const downloads = started(1, () => true);
    const [a, b] = [new Fake(0), new Fake(0)];
    a.ask(downloads);
    expect(b.ask(downloads)).toBeUndefined();
  });
});

describe('PieceWork', () => {
  test('a block that two send at once is never mixed', () => {
    const downloads = started(1);
    const [a, b] = [new Fake(0), new Fake(0)];
    a.ask(downloads);
    const work = downloads.works.get(0);
    if (!work) throw new Error('none');
    const one = work.begin(0);
    const two = work.begin(0);
    expect([one.isDirect, two.isDirect]).toEqual([true, false]);
    one.into.fill(1, 0, 100);
    two.into.fill(2);
    expect(work.received(two, b)).toBe(true);
    expect(work.received(one, a)).toBe(false);
    expect(work.bytes.subarray(0, BLOCK).every((byte) => byte === 2)).toBe(true);
    expect(work.senders[0]).toBe(b);
  });
});

describe('Blame', () => {
  const piece = new Uint8Array(2 * BLOCK).fill(1);
  const wrong = piece.slice().fill(2, BLOCK);

  test('who alone sent a wrong piece is blamed at once', () => {
    const blame = new Blame<string>();
    expect(blame.wrong(5, wrong, ['a', 'a'])).toBe('a');
    expect(blame.isSuspect(5)).toBe(false);
  });

  test('of several only who sent a wrong block, when the right one is here', () => {
    const blame = new Blame<string>();
    expect(blame.wrong(5, wrong, ['a', 'b'])).toBeUndefined();
    expect(blame.isSuspect(5)).toBe(true);
    expect([...blame.right(5, piece)]).toEqual(['b']);
    expect(blame.isSuspect(5)).toBe(false);
  });
});

import { describe, expect, test } from 'bun:test';
import type { Sha256 } from '../../src/lib/sha256.ts';
import { type AddressShare, MAX_PASSED_OVER, MAX_WAIT_MS, nextTurn } from '../../src/swarm/upload-turns.ts';
import { FakeTaker, servableOf } from './upload-takers.ts';

const NOW_MS = 100_000;
const FILE = servableOf('file', 100);

interface Waiting {
  readonly name: string;
  readonly asks: readonly number[];
  readonly isNear?: boolean;
  /** When it last had a turn. */
  readonly turn?: number;
  readonly share?: AddressShare;
  /** How long ago it was last sent something. */
  readonly activeMs?: number;
  /** How often the first of what it asks was passed over. */
  readonly passedOver?: number;
  /** How long ago it asked. */
  readonly waitedMs?: number;
  readonly isFull?: boolean;
  readonly isEnding?: boolean;
  /** A block of this piece was sent, and the next one waits. */
  readonly midPiece?: number;
}

function takerOf(waiting: Waiting): FakeTaker {
  const { name, asks, isNear = false, turn = 0, share = { turn, slots: 1 }, waitedMs = 0 } = waiting;
  const taker = new FakeTaker(name, { isNear, share });
  const given = taker.give(FILE);
  taker.turn = turn;
  taker.isWritable = !waiting.isFull;
  taker.isEnding = waiting.isEnding ?? false;
  if (waiting.midPiece !== undefined) {
    const block = { index: waiting.midPiece, begin: 0, length: 16_384 };
    taker.queue.add(block, given, NOW_MS);
    const request = taker.queue.get(waiting.midPiece);
    if (request) {
      taker.queue.begin(request);
      taker.queue.take(request);
    }
    taker.queue.add({ ...block, begin: 16_384 }, given, NOW_MS);
  }
  for (const index of asks) taker.queue.add({ index, begin: 0, length: 16_384 }, given, NOW_MS - waitedMs);
  taker.activeMs = NOW_MS - (waiting.activeMs ?? NOW_MS);
  const first = taker.queue.get(asks[0] ?? -1);
  if (first) first.passedOver = waiting.passedOver ?? 0;
  return taker;
}

/** "who piece", or "" when nobody is to be sent anything. */
function chosen(waiting: readonly Waiting[], copies?: Readonly<Record<number, number>>): string {
  const countOf = copies && ((_: Sha256, piece: number) => copies[piece] ?? 0);
  const turn = nextTurn(waiting.map(takerOf), NOW_MS, countOf);
  return turn ? `${turn.taker.name} ${turn.request.number}` : '';
}

const long = MAX_WAIT_MS + 1;
const shared = { turn: 9, slots: 2 };

describe('nextTurn()', () => {
  test.each<[string, Waiting[], Record<number, number> | undefined, string]>([
    ['nobody waits', [], undefined, ''],
    [
      'the one that waits',
      [
        { name: 'a', asks: [] },
        { name: 'b', asks: [3, 4] },
      ],
      undefined,
      'b 3',
    ],
    [
      'whose last turn is longest ago',
      [
        { name: 'a', asks: [1], turn: 5 },
        { name: 'b', asks: [2], turn: 3 },
        { name: 'c', asks: [3], turn: 4 },
      ],
      undefined,
      'b 2',
    ],
    [
      'an address as a whole, however many connections it has',
      [
        { name: 'a1', asks: [1], turn: 1, share: shared },
        { name: 'a2', asks: [1], turn: 9, share: shared },
        { name: 'b', asks: [2], turn: 8 },
      ],
      undefined,
      'b 2',
    ],
    [
      'of one address, the connection whose turn is longest ago',
      [
        { name: 'a1', asks: [1], turn: 9, share: shared },
        { name: 'a2', asks: [1], turn: 1, share: shared },
      ],
      undefined,
      'a2 1',
    ],
    [
      'near ones first',
      [
        { name: 'far', asks: [1], turn: 1 },
        { name: 'near', asks: [2], turn: 7, isNear: true },
      ],
      undefined,
      'near 2',
    ],
    [
      'a stranger that has waited for too long before near ones',
      [
        { name: 'near', asks: [2], isNear: true },
        { name: 'far', asks: [1], waitedMs: long },
      ],
      undefined,
      'far 1',
    ],
    [
      'whoever has waited longest of those that waited too long',
      [
        { name: 'a', asks: [1], waitedMs: long },
        { name: 'b', asks: [2], waitedMs: long + 5 },
        { name: 'c', asks: [3], waitedMs: long + 3 },
      ],
      undefined,
      'b 2',
    ],
    [
      'a piece that was begun is finished first',
      [
        { name: 'near', asks: [2], isNear: true, waitedMs: long },
        { name: 'b', asks: [4], midPiece: 9, turn: 50 },
      ],
      undefined,
      'b 9',
    ],
    [
      'a full socket holds up nobody else',
      [
        { name: 'near', asks: [2], isNear: true, isFull: true },
        { name: 'b', asks: [4], midPiece: 9, isFull: true },
        { name: 'c', asks: [6], turn: 50 },
      ],
      undefined,
      'c 6',
    ],
    [
      'one whose slot ends gets the rest of its piece',
      [{ name: 'a', asks: [4], midPiece: 9, isEnding: true }],
      undefined,
      'a 9',
    ],
    ['and nothing new', [{ name: 'a', asks: [4], isEnding: true }], undefined, ''],
    [
      'with a limit, what was sent least often',
      [
        { name: 'a', asks: [1, 2], turn: 1 },
        { name: 'b', asks: [1, 3], turn: 2 },
      ],
      { 1: 1, 2: 2, 3: 0 },
      'b 3',
    ],
    [
      'without one, in the order of asking',
      [
        { name: 'a', asks: [1, 2], turn: 1 },
        { name: 'b', asks: [1, 3], turn: 2 },
      ],
      undefined,
      'a 1',
    ],
    [
      'of pieces sent equally often, the first that was asked for, and addresses in turn',
      [
        { name: 'a', asks: [5, 4], turn: 2 },
        { name: 'b', asks: [7, 6], turn: 1 },
      ],
      {},
      'b 7',
    ],
    [
      'near ones first, however often the piece was sent',
      [
        { name: 'far', asks: [1] },
        { name: 'near', asks: [2], isNear: true },
      ],
      { 2: 3 },
      'near 2',
    ],
    [
      'who asked long ago, and was sent something lately, isn’t starving',
      [
        { name: 'a', asks: [1], turn: 7, waitedMs: 10 * long, activeMs: 100 },
        { name: 'b', asks: [2], turn: 3 },
      ],
      undefined,
      'b 2',
    ],
    [
      'the first of a peer’s own pieces is passed over only so often',
      [{ name: 'a', asks: [1, 2], passedOver: MAX_PASSED_OVER }],
      { 1: 4 },
      'a 1',
    ],
    [
      'and until then the others of its pieces go first',
      [{ name: 'a', asks: [1, 2], passedOver: MAX_PASSED_OVER - 1 }],
      { 1: 4 },
      'a 2',
    ],
    [
      'a piece that was sent before is passed over only for so long',
      [
        { name: 'a', asks: [1], waitedMs: long },
        { name: 'b', asks: [2] },
      ],
      { 1: 4 },
      'a 1',
    ],
  ])('%s', (_what, waiting, copies, expected) => {
    expect(chosen(waiting, copies)).toBe(expected);
  });
});

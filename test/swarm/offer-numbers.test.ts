import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { Offer } from '../../src/swarm/offer.ts';
import { OfferNumbers } from '../../src/swarm/offer-numbers.ts';
import type { Peer } from '../../src/swarm/peer.ts';
import type { Want } from '../../src/swarm/wants.ts';
import { Pieces } from '../../src/torrent/pieces.ts';
import { seeded } from '../wire/samples.ts';

const KIB = 1024;
const peer = {} as Peer;

/** An offer of a file of so many pieces (not 2: no file has). */
function offer(firstPiece: number, count: number, number = firstPiece): Offer {
  const pieces = new Pieces(count <= 1 ? count : count * 256 * KIB);
  return new Offer(peer, { number, pieces } as Want, firstPiece);
}

describe('OfferNumbers', () => {
  test('find() gives the offer that a number belongs to, in whatever order they came', () => {
    const numbers = new OfferNumbers();
    const offers = [offer(10, 4), offer(0, 1), offer(20, 3), offer(14, 6)];
    for (const one of offers) numbers.add(one);
    const [a, b, c, d] = offers;
    expect([0, 1, 9, 10, 13, 14, 19, 20, 22, 23].map((n) => numbers.find(n))).toEqual([
      b,
      undefined,
      undefined,
      a,
      a,
      d,
      d,
      c,
      c,
      undefined,
    ] as never);
  });

  test.each([
    [8, 3],
    [10, 4],
    [13, 1],
    [5, 100],
    [11, 0],
  ])('add() refuses numbers of another offer: %d, %d pieces', (first, count) => {
    const numbers = new OfferNumbers();
    numbers.add(offer(10, 4));
    expect(() => numbers.add(offer(first, count))).toThrow(ProtocolError);
    numbers.add(offer(14, 3));
    numbers.add(offer(9, 1));
  });

  test('an empty file takes one number, and the last one is 2^31 - 1', () => {
    const numbers = new OfferNumbers();
    numbers.add(offer(10, 0));
    expect(numbers.find(10)).toBeUndefined();
    expect(() => numbers.add(offer(10, 1))).toThrow(ProtocolError);
    numbers.add(offer(2 ** 31 - 3, 3));
    expect(() => numbers.add(offer(2 ** 31 - 100, 101))).toThrow(ProtocolError);
  });

  test('remove() and renumber() make room; 16 times new numbers for one want, not more', () => {
    const numbers = new OfferNumbers();
    let current = offer(0, 4, 7);
    numbers.add(current);
    for (let i = 1; i <= 16; i += 1) {
      numbers.renumber(current);
      current = offer(10 * i, 4, 7);
      numbers.add(current);
      expect(numbers.find(10 * i - 10)).toBeUndefined();
    }
    expect(() => numbers.renumber(current)).toThrow(ProtocolError);
    numbers.remove(current);
    expect(numbers.find(160)).toBeUndefined();
    const again = offer(160, 4, 7);
    numbers.add(again);
    numbers.renumber(again);
  });

  test('agrees with a walk through all of them (2,000 random steps)', () => {
    const draw = seeded(5);
    const numbers = new OfferNumbers();
    const open: Offer[] = [];
    const counts = [0, 1, 3, 4, 9];
    for (let step = 0; step < 2_000; step += 1) {
      const one = offer(draw(200), counts[draw(5)] ?? 1, step);
      const end = one.firstPiece + Math.max(1, one.pieces.count);
      const isFree = open.every(
        (o) => o.firstPiece + Math.max(1, o.pieces.count) <= one.firstPiece || o.firstPiece >= end,
      );
      if (isFree) {
        numbers.add(one);
        open.push(one);
      } else {
        expect(() => numbers.add(one)).toThrow(ProtocolError);
      }
      if (draw(3) === 0 && open.length > 0) numbers.remove(open.splice(draw(open.length), 1)[0] as Offer);
      const asked = draw(210);
      expect(numbers.find(asked)).toBe(open.find((o) => o.owns(asked)) as Offer);
    }
  });
});

import { describe, expect, test } from 'bun:test';
import { Roots } from '../../src/acquire/roots.ts';
import type { Offer } from '../../src/swarm/offer.ts';
import type { Peer } from '../../src/swarm/peer.ts';

const A = 'aa'.repeat(32);
const B = 'bb'.repeat(32);

/** What `address` states; relayed unless its own. */
function offer(
  address: string,
  rootHex: string,
  { own = true, trusted = false, closed = false } = {},
): Offer {
  const peer = { address, trusted } as Peer;
  const root = rootHex === '' ? undefined : Uint8Array.fromHex(rootHex);
  return { peer, root, rootHex, ownStatement: own, closed } as unknown as Offer;
}

function roots(signed: string | undefined, ...offers: readonly Offer[]): Roots {
  const all = new Roots(signed === undefined ? undefined : Uint8Array.fromHex(signed));
  for (const one of offers) all.note(one);
  return all;
}

describe('Roots.released()', () => {
  test('a trusted peer’s own word is enough', () => {
    expect(roots(undefined, offer('10.0.0.1', A, { trusted: true })).released(A)).toBe(true);
  });

  test('one stranger’s is not, two address groups’ are', () => {
    expect(roots(undefined, offer('198.51.100.1', A)).released(A)).toBe(false);
    expect(roots(undefined, offer('198.51.100.1', A), offer('198.51.100.2', A)).released(A)).toBe(true);
  });

  test('two peers of one address group count as one', () => {
    expect(roots(undefined, offer('198.51.100.1', A), offer('198.51.100.1', A)).released(A)).toBe(false);
    expect(roots(undefined, offer('2001:db8::1', A), offer('2001:db8::2', A)).released(A)).toBe(false);
    expect(roots(undefined, offer('2001:db8::1', A), offer('2001:db8:1::1', A)).released(A)).toBe(true);
  });

  test('hearsay counts for nothing, however many tell it', () => {
    const many = ['198.51.100.1', '198.51.100.2', '198.51.100.3'].map((host) =>
      offer(host, A, { own: false }),
    );
    expect(roots(undefined, ...many, offer('10.0.0.1', A, { own: false, trusted: true })).released(A)).toBe(
      false,
    );
  });

  test('votes for another root do not count', () => {
    expect(roots(undefined, offer('198.51.100.1', A), offer('198.51.100.2', B)).released(A)).toBe(false);
  });

  test('the signed root always is', () => {
    expect(roots(A).released(A)).toBe(true);
    expect(roots(A).released(B)).toBe(false);
  });

  test('a peer that changes its word counts for the last', () => {
    const peer = { address: '10.0.0.1', trusted: true } as Peer;
    const says = (rootHex: string) => ({ ...offer('', rootHex), peer }) as unknown as Offer;
    const all = roots(undefined, says(A), says(B));
    expect(all.released(A)).toBe(false);
    expect(all.released(B)).toBe(true);
  });
});

describe('Roots.choose()', () => {
  test('the signed root and no other', () => {
    const [right, wrong] = [
      offer('198.51.100.1', A, { own: false }),
      offer('10.0.0.1', B, { trusted: true }),
    ];
    expect(roots(A, right, wrong).choose([wrong, right])).toBe(right);
    expect(roots(A, wrong).choose([wrong])).toBeUndefined();
  });

  test('the one with most weight; of equal weight one that vouches for it', () => {
    const [one, two, three] = [offer('198.51.100.1', A), offer('198.51.100.2', B), offer('198.51.100.3', B)];
    expect(roots(undefined, one, two, three).choose([one, two, three])?.rootHex).toBe(B);
    const [told, own] = [offer('198.51.100.1', A, { own: false }), offer('198.51.100.2', A)];
    expect(roots(undefined, told, own).choose([told, own])).toBe(own);
    const lan = offer('10.0.0.1', B, { trusted: true });
    expect(roots(undefined, one, lan).choose([one, lan])).toBe(lan);
  });

  test('none that was dropped, closed, or states no root', () => {
    const [dropped, closed, bare] = [
      offer('10.0.0.1', A),
      offer('10.0.0.2', B, { closed: true }),
      offer('10.0.0.3', ''),
    ];
    const all = roots(undefined, dropped, closed, bare);
    all.drop(A);
    expect(all.choose([dropped, closed, bare])).toBeUndefined();
  });
});

describe('Roots.liars()', () => {
  test('those whose own word was another root; never those who passed it on', () => {
    const [liar, relay, honest] = [offer('1', A), offer('2', A, { own: false }), offer('3', B)];
    const all = roots(undefined, liar, relay, honest);
    expect(all.liars(B)).toEqual([liar.peer]);
  });

  test('a liar that comes late is not hidden by the many connections of others', () => {
    const early = Array.from({ length: 300 }, () => offer('198.51.100.1', A));
    const late = offer('203.0.113.9', A);
    const all = roots(undefined, ...early, late, ...early.slice(0, 200).map(() => offer('198.51.100.1', A)));
    expect(all.liars(B)).toContain(late.peer);
    expect(all.liars(B)).toHaveLength(256);
  });

  test('are worth looking for when words contradict one another, or a root was dropped', () => {
    expect(roots(undefined, offer('1', A), offer('2', A)).contradictory).toBe(false);
    expect(roots(undefined, offer('1', A), offer('2', B)).contradictory).toBe(true);
    expect(roots(undefined, offer('1', A), offer('2', B, { own: false })).contradictory).toBe(false);
    const dropped = roots(undefined, offer('1', A));
    dropped.drop(A);
    expect(dropped.contradictory).toBe(true);
  });
});

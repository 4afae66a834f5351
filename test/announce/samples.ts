/** Seeded chance for the tests of this room. */

/** mulberry32: `draw(n)` is a whole number from 0 to n - 1. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function randomBytes(draw: (below: number) => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => draw(256));
}

/** Text of random printable characters, with more of those that mean something in a query. */
export function randomQuery(draw: (below: number) => number): string {
  const parts = [
    'info_hash=',
    'peer_id=',
    'port=',
    'event=',
    '%',
    '&',
    '=',
    '%f',
    '%00',
    'a',
    '7',
    '%41'.repeat(20),
  ];
  return Array.from({ length: draw(20) }, () => parts[draw(parts.length)]).join('');
}

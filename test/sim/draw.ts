/** Chance with a seed: the same numbers each time (mulberry32), and what is usually made of them. */

export type Draw = () => number;

export function seededDraw(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function drawInt(draw: Draw, below: number): number {
  return Math.floor(draw() * below);
}

export function drawBetween(draw: Draw, from: number, to: number): number {
  return from + draw() * (to - from);
}

/** Standard normal (Box and Muller). */
export function drawNormal(draw: Draw): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

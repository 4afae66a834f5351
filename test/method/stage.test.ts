import { describe, expect, test } from 'bun:test';
import { type Act, Stage } from '../../src/method/stage.ts';
import { random } from '../bencode/random.ts';

class Piece implements Act {
  isGrowing = false;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const words = (cues: { kind: string; act: Piece }[]) => cues.map(({ kind, act }) => `${kind} ${act.name}`);

function set(...names: string[]) {
  const stage = new Stage<Piece>(0);
  const pieces = names.map((name) => new Piece(name));
  for (const piece of pieces) stage.add(piece);
  return { stage, pieces: pieces as [Piece, Piece, Piece] };
}

describe('Stage', () => {
  test('a file that ends is announced and ended in one go, whoever was asked for first', () => {
    const {
      stage,
      pieces: [a, b],
    } = set('a', 'b');
    expect(words(stage.end(b, 10))).toEqual(['start b', 'end b']);
    expect(words(stage.end(a, 20))).toEqual(['start a', 'end a']);
    expect(stage.isEmpty).toBe(true);
  });

  test('one that grows is announced when nothing else has happened for half a second', () => {
    const {
      stage,
      pieces: [a],
    } = set('a');
    expect(stage.tick(600)).toEqual([]);
    a.isGrowing = true;
    expect(words(stage.tick(700))).toEqual(['start a']);
    expect(stage.tick(1500)).toEqual([]);
    expect(words(stage.end(a, 1600))).toEqual(['end a']);
  });

  test('what ends while one is shown is held back until that ends', () => {
    const {
      stage,
      pieces: [a, b],
    } = set('a', 'b');
    a.isGrowing = true;
    stage.tick(600);
    expect(stage.end(b, 700)).toEqual([]);
    expect(words(stage.end(a, 800))).toEqual(['end a', 'start b', 'end b']);
    expect(stage.isEmpty).toBe(true);
  });

  test('but for no longer than a second, and no more than a few', () => {
    const {
      stage,
      pieces: [a, b],
    } = set('a', 'b');
    a.isGrowing = true;
    stage.tick(600);
    stage.end(b, 700);
    expect(stage.tick(1000)).toEqual([]);
    expect(words(stage.tick(1700))).toEqual(['start b', 'end b']);

    const many = set(...'abcdefghi'.split(''));
    const [first, ...rest] = many.pieces as Piece[];
    (first as Piece).isGrowing = true;
    many.stage.tick(600);
    const said = rest.map((piece) => many.stage.end(piece, 700).length);
    expect(said).toEqual([0, 0, 0, 0, 0, 0, 0, 16]);
  });

  test('one that apt has forgotten is shown again only after a longer pause, and ends without another start', () => {
    const {
      stage,
      pieces: [a, b],
    } = set('a', 'b');
    a.isGrowing = true;
    stage.tick(600);
    stage.end(b, 700);
    stage.tick(1700);
    expect(stage.tick(2500)).toEqual([]);
    expect(words(stage.tick(4800))).toEqual(['start a']);
    expect(words(stage.end(a, 5000))).toEqual(['end a']);
  });

  test('every file gets one end, after a start; one at a time is shown', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const { int } = random(seed);
      const pieces = Array.from({ length: 1 + int(20) }, (_, i) => new Piece(`${i}`));
      const stage = new Stage<Piece>(0);
      for (const piece of pieces) stage.add(piece);
      const left = [...pieces];
      const said: string[] = [];
      let nowMs = 0;
      while (!stage.isEmpty) {
        nowMs += int(800);
        for (const piece of left) if (int(4) === 0) piece.isGrowing = true;
        if (int(3) > 0 || left.length === 0) said.push(...words(stage.tick(nowMs)));
        else said.push(...words(stage.end(left.splice(int(left.length), 1)[0] as Piece, nowMs)));
      }
      for (const { name } of pieces) {
        expect(said.filter((word) => word === `end ${name}`)).toHaveLength(1);
        expect(said.indexOf(`start ${name}`)).toBeGreaterThanOrEqual(0);
        expect(said.indexOf(`start ${name}`)).toBeLessThan(said.indexOf(`end ${name}`));
      }
    }
  });
});

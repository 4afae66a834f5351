/**
 * Holds the arrows between the rooms of src/ (docs/ARCHITECTURE.md): an import points downwards or stays inside its
 * own room, whether it is static, dynamic, of types only, or names a worker. And the pure files open no socket, file
 * or timer, read no clock, draw no lots and never log, nor does anything that they import.
 */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Lowest first. Rooms of one row may not import each other; a file right in src/ is a room by its name. */
const ROWS: readonly (readonly string[])[] = [
  ['lib'],
  ['bencode', 'config', 'limits', 'metrics'],
  ['torrent', 'archive', 'store'],
  ['announce'],
  ['wire', 'discovery'],
  ['swarm', 'mirror'],
  ['acquire', 'standard'],
  ['proxy', 'status', 'tracker'],
  ['daemon', 'worker'],
  ['commands', 'method'],
  ['main'],
];

const PURE =
  /^(bencode|wire|announce|torrent)\/|^archive\/control\.ts$|^swarm\/(picker|choker)\.ts$|^acquire\/plan\.ts$|^standard\/(addresses|bitfield|blame|choker|downloads|layout|picker|piece-check|piece-work|request-queue)\.ts$|^method\/(message|configuration|wanted-file|answers|stage)\.ts$/;
const IMPURE_MODULE =
  /^(node:)?(fs|net|dgram|http|https|http2|tls|dns|child_process|worker_threads|timers|os)(\/|$)|^consola$|^lib\/log\.ts$|^bun:sqlite$/;
const IMPURE_CODE =
  /(?<![.\w])(?:setTimeout|setInterval|setImmediate|fetch)\s*\(|\bconsole\.|\bprocess\.|\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bMath\.random\b|\bnew Worker\b|\bBun\.(?:listen|connect|serve|file|write|udpSocket|spawn|spawnSync|sleep|nanoseconds)\b/;

interface Import {
  /** A file of src/ ("lib/log.ts") or the module's name. */
  readonly target: string;
  readonly typeOnly: boolean;
}

type Tree = ReadonlyMap<string, string>;

function roomOf(path: string): string {
  const [first = '', ...rest] = path.split('/');
  if (rest.length > 0) return first;
  return /(^|-)worker\.ts$/.test(first) ? 'worker' : first.replace(/\.ts$/, '');
}

function rowOf(path: string): number {
  return ROWS.findIndex((row) => row.includes(roomOf(path)));
}

const FORMS: readonly RegExp[] = [
  /^[ \t]*(?:import|export)\b(?<clause>[^;'"]*?)\bfrom\s*(?<quote>['"])(?<name>[^'"\n]+)\k<quote>/gm,
  /^[ \t]*import\s*(?<quote>['"])(?<name>[^'"\n]+)\k<quote>/gm,
  /\b(?:import|require)\s*\(\s*(?<quote>['"`])(?<name>[^'"`\n]+)\k<quote>/g,
  /\bnew URL\(\s*(?<quote>['"`])(?<name>\.[^'"`\n]+\.ts)\k<quote>/g,
];

/** All that a file imports, by any form. */
function importsOf(path: string, text: string): Import[] {
  return FORMS.flatMap((form) => [...text.matchAll(form)]).map((match) => {
    const { name = '', clause = '' } = match.groups ?? {};
    const target = name.startsWith('.') ? posix.join(posix.dirname(path), name) : name;
    return { target, typeOnly: /^\s*type\b/.test(clause) };
  });
}

/** Every breach of the arrows, as "a.ts → b.ts: why". */
function brokenArrows(tree: Tree): string[] {
  const broken: string[] = [];
  for (const [path, text] of tree) {
    if (rowOf(path) < 0) broken.push(`${path}: the room ${roomOf(path)} isn't listed in ROWS`);
    for (const { target } of importsOf(path, text)) {
      if (!target.endsWith('.ts') || target.startsWith('..')) continue;
      if (roomOf(target) === roomOf(path) || rowOf(target) < rowOf(path)) continue;
      broken.push(`${path} → ${target}: ${rowOf(target) === rowOf(path) ? 'sideways' : 'upwards'}`);
    }
  }
  return broken;
}

const transpiler = new Bun.Transpiler({ loader: 'ts' });

/** Every impurity of a pure file, its own or by what it imports (types do nothing, so they may come from anywhere). */
function impurities(tree: Tree): string[] {
  const found: string[] = [];
  for (const start of [...tree.keys()].filter((path) => PURE.test(path))) {
    const seen = new Set([start]);
    for (const path of seen) {
      const text = tree.get(path) ?? '';
      const by = path === start ? start : `${start} by way of ${path}`;
      // Transpiled, so that words in comments and types don't count.
      const code = IMPURE_CODE.exec(transpiler.transformSync(text));
      if (code) found.push(`${by}: ${code[0]}`);
      for (const { target, typeOnly } of importsOf(path, text)) {
        if (typeOnly) continue;
        if (IMPURE_MODULE.test(target)) found.push(`${by}: imports ${target}`);
        else if (tree.has(target)) seen.add(target);
      }
    }
  }
  return found;
}

function readTree(): Tree {
  const src = join(import.meta.dir, '../src');
  const paths = [...new Bun.Glob('**/*.ts').scanSync(src)].sort();
  return new Map(paths.map((path) => [path, readFileSync(join(src, path), 'utf8')]));
}

describe('layers of src/', () => {
  const tree = readTree();

  test('there is something to check', () => {
    expect(tree.size).toBeGreaterThan(10);
    expect([...tree].flatMap(([path, text]) => importsOf(path, text)).length).toBeGreaterThan(tree.size / 2);
  });

  test('imports point downwards or stay inside their room', () => {
    expect(brokenArrows(tree)).toEqual([]);
  });

  test('pure files have no effects', () => {
    expect(impurities(tree)).toEqual([]);
  });

  test('what peers say is handled in one go: nothing in swarm waits but where nobody speaks', () => {
    expect(waitingFiles(tree, 'swarm')).toEqual(MAY_WAIT);
  });

  test('only a flight writes files into the store', () => {
    expect(storeWriters(tree)).toEqual(['acquire']);
  });
});

/** Files of a room with an `await` or an async function. */
function waitingFiles(files: Tree, room: string): string[] {
  const waits = (text: string) => /\b(?:async|await)\b/.test(transpiler.transformSync(text));
  return [...files].filter(([path, text]) => roomOf(path) === room && waits(text)).map(([path]) => path);
}

/** Sockets before there is a dialogue, piece layers of stored files, and the end. */
const MAY_WAIT = ['swarm/library.ts', 'swarm/swarms.ts', 'swarm/tcp.ts'];

/** Rooms above the store that make a file of it. */
function storeWriters(files: Tree): string[] {
  const writers = [...files].filter(
    ([path, text]) =>
      roomOf(path) !== 'store' && /\.(?:createPartial|commit)\(/.test(transpiler.transformSync(text)),
  );
  return [...new Set(writers.map(([path]) => roomOf(path)))];
}

describe('waitingFiles() and storeWriters() find', () => {
  test('an await and an async function, but no word in a comment', () => {
    const files = new Map([
      ['swarm/a.ts', 'export const a = async () => {};'],
      ['swarm/b.ts', 'export async function b() { await 1; }'],
      ['swarm/c.ts', '/** Does not await. */\nexport const c = 1;'],
      ['store/d.ts', 'export const d = async () => {};'],
    ]);
    expect(waitingFiles(files, 'swarm')).toEqual(['swarm/a.ts', 'swarm/b.ts']);
  });

  test('who makes or commits a partial file', () => {
    const files = new Map([
      ['store/store.ts', 'export const s = (p: any) => p.commit({});'],
      ['swarm/a.ts', 'export const a = (s: any) => s.createPartial("k", 1);'],
      ['proxy/b.ts', 'export const b = (p: any) => p.commit({});'],
    ]);
    expect(storeWriters(files)).toEqual(['swarm', 'proxy']);
  });
});

describe('brokenArrows() finds', () => {
  const broken = (path: string, text: string) => brokenArrows(new Map([[path, text]]));

  test.each([
    ['a static import', "import { x } from '../swarm/swarm.ts';"],
    ['an import over lines', "import {\n  x,\n  y,\n} from '../swarm/swarm.ts';"],
    ['an import of types', "import type { X } from '../swarm/swarm.ts';"],
    ['a type named in place', "type X = import('../swarm/swarm.ts').X;"],
    ['a re-export', "export * from '../swarm/swarm.ts';"],
    ['an import for effect', "import '../swarm/swarm.ts';"],
    ['a dynamic import', "const x = await import('../swarm/swarm.ts');"],
    ['a worker', "new Worker(new URL('../swarm/swarm.ts', import.meta.url));"],
  ])('%s that points upwards', (_name, text) => {
    expect(broken('store/disk-store.ts', text)).toEqual(['store/disk-store.ts → swarm/swarm.ts: upwards']);
  });

  test('an import from a room of the same row', () => {
    expect(broken('swarm/a.ts', "import { b } from '../mirror/b.ts';")).toEqual([
      'swarm/a.ts → mirror/b.ts: sideways',
    ]);
  });

  test('a room that nobody listed', () => {
    expect(broken('attic/a.ts', '')).toEqual(["attic/a.ts: the room attic isn't listed in ROWS"]);
  });

  test('nothing in imports downwards, inside the room, and of modules', () => {
    const text =
      "import a from '../lib/a.ts';\nimport b from './b.ts';\nimport c from 'node:fs';\n// import d from '../main.ts'";
    expect(broken('store/a.ts', text)).toEqual([]);
    expect(broken('main.ts', "import s from './commands/serve.ts';")).toEqual([]);
    expect(broken('hash-worker.ts', "import s from './torrent/merkle.ts';")).toEqual([]);
  });
});

describe('impurities() finds', () => {
  const impure = (tree: Record<string, string>) => impurities(new Map(Object.entries(tree)));

  test.each([
    "import { readFileSync } from 'node:fs';",
    "import { open } from 'node:fs/promises';",
    "import { log } from '../lib/log.ts';",
    'export const t = setTimeout(() => {}, 1);',
    'export const t = () => Date.now();',
    'export const t = () => performance.now();',
    'export const t = () => fetch("http://example.org/");',
    'export const t = () => Bun.listen({} as never);',
    'export const t = () => Math.random();',
  ])('%s in a pure file', (text) => {
    expect(impure({ 'wire/a.ts': text })).toHaveLength(1);
    expect(impure({ 'store/a.ts': text })).toEqual([]);
  });

  test('an effect in what a pure file imports', () => {
    const clock = { 'lib/clock.ts': 'export interface Clock {}\nexport const now = () => Date.now();' };
    expect(impure({ ...clock, 'torrent/a.ts': "import { now } from '../lib/clock.ts';" })).toEqual([
      'torrent/a.ts by way of lib/clock.ts: Date.now',
    ]);
    expect(impure({ ...clock, 'torrent/a.ts': "import type { Clock } from '../lib/clock.ts';" })).toEqual([]);
  });

  test('nothing in comments', () => {
    expect(
      impure({ 'wire/a.ts': '/** Not Date.now(), not fetch(). */\nexport const a = 1; // setTimeout(' }),
    ).toEqual([]);
  });
});

import { describe, expect, test } from 'bun:test';
import {
  ASKED,
  type FlightView,
  HAVE,
  MISSING,
  type MirrorView,
  NO_SOURCE,
  type OfferView,
  planFlight,
} from '../../src/acquire/plan.ts';
import { seeded } from '../wire/samples.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const NOW = 10_000;

/** A peer that has everything, on the LAN, idle and not measured yet. */
function peer(id: number, changes: Partial<OfferView> = {}): OfferView {
  return {
    id,
    has: () => true,
    roomBytes: MIB,
    bytesPerSecond: undefined,
    latencyMs: 20,
    queuedBytes: 0,
    silentMs: 0,
    ...changes,
  };
}

const MIRROR: MirrorView = { latencyMs: 50, bytesPerSecond: 10 * MIB, run: undefined, usable: true };

interface Scene {
  readonly count?: number;
  readonly pieceLength?: number;
  readonly offers?: readonly OfferView[];
  readonly mirror?: Partial<MirrorView>;
  /** "." missing, "#" here, a digit: asked of that peer. */
  readonly pieces?: string;
  readonly answersUntilMs?: number;
  readonly shown?: boolean;
  readonly quietMs?: number;
  readonly draw?: () => number;
}

function view({
  count = 8,
  pieceLength = 256 * KIB,
  pieces,
  offers = [],
  mirror,
  ...rest
}: Scene = {}): FlightView {
  const text = pieces ?? '.'.repeat(count);
  const state = Uint8Array.from(text, (c) => (c === '.' ? MISSING : c === '#' ? HAVE : ASKED));
  const askedOf = Int32Array.from(text, (c) => (/\d/.test(c) ? Number(c) : -1));
  const head = state.findIndex((s) => s !== HAVE);
  return {
    nowMs: NOW,
    sizeBytes: text.length * pieceLength,
    pieceLength,
    pieces: state,
    askedOf,
    head: head < 0 ? text.length : head,
    haveBytes: state.filter((s) => s === HAVE).length * pieceLength,
    offers,
    mirror: { ...MIRROR, ...mirror },
    quietMs: rest.quietMs ?? 0,
    shown: rest.shown ?? true,
    answersUntilMs: rest.answersUntilMs,
    draw: rest.draw ?? (() => 0.5),
  };
}

const asked = (decision: ReturnType<typeof planFlight>) =>
  decision.requests.map(({ offer, piece }) => `${piece}@${offer}`);

describe('planFlight() with nobody to ask', () => {
  test('takes all of it from the mirror at once', () => {
    const { mirror, requests } = planFlight(view());
    expect(mirror).toEqual({ kind: 'start', from: 0, to: 8 });
    expect(requests).toEqual([]);
  });

  test('waits for an answer that is due, and no longer than that', () => {
    const waiting = planFlight(view({ answersUntilMs: NOW + 40 }));
    expect(waiting.mirror.kind).toBe('keep');
    expect(waiting.wakeAtMs).toBe(NOW + 40);
    expect(planFlight(view({ answersUntilMs: NOW })).mirror.kind).toBe('start');
    expect(planFlight(view({ answersUntilMs: NOW - 1 })).mirror.kind).toBe('start');
  });

  test('asks the mirror only for what comes before a piece that is here', () => {
    expect(planFlight(view({ pieces: '##...##.' })).mirror).toEqual({ kind: 'start', from: 2, to: 5 });
  });

  test('lets a run of the mirror go on', () => {
    expect(planFlight(view({ pieces: '##......', mirror: { run: { at: 2, to: 8 } } })).mirror.kind).toBe(
      'keep',
    );
  });

  test('stops a run that is beyond the piece apt waits for', () => {
    expect(planFlight(view({ pieces: '#.#.....', mirror: { run: { at: 3, to: 8 } } })).mirror.kind).toBe(
      'stop',
    );
  });

  test('says so when the mirror cannot be asked either', () => {
    const { why, mirror } = planFlight(view({ mirror: { usable: false } }));
    expect(why).toBe(NO_SOURCE);
    expect(mirror.kind).toBe('keep');
  });

  test('does not call the mirror when nothing is missing', () => {
    expect(planFlight(view({ pieces: '####' })).mirror.kind).toBe('keep');
  });
});

describe('planFlight() with peers that have it', () => {
  test('gives them a head start: no mirror while nothing was measured', () => {
    const { mirror, requests } = planFlight(view({ offers: [peer(1)] }));
    expect(mirror.kind).toBe('keep');
    expect(requests.length).toBeGreaterThan(0);
  });

  test('asks a single piece of the quicker one, once', () => {
    const offers = [peer(1, { latencyMs: 80 }), peer(2, { latencyMs: 5 })];
    expect(asked(planFlight(view({ count: 1, offers })))).toEqual(['0@2']);
  });

  test('counts what is queued at a peer already', () => {
    const offers = [
      peer(1, { latencyMs: 5, bytesPerSecond: MIB, queuedBytes: MIB }),
      peer(2, { latencyMs: 80, bytesPerSecond: MIB }),
    ];
    expect(asked(planFlight(view({ count: 1, offers })))).toEqual(['0@2']);
  });

  test('asks in order inside the window, for as much as there is room for', () => {
    expect(asked(planFlight(view({ offers: [peer(1)] })))).toEqual(['0@1', '1@1', '2@1', '3@1']);
    expect(asked(planFlight(view({ offers: [peer(1, { roomBytes: 1 })] })))).toEqual(['0@1']);
    expect(asked(planFlight(view({ offers: [peer(1, { roomBytes: 0 })] })))).toEqual([]);
    expect(asked(planFlight(view({ offers: [peer(1, { roomBytes: -MIB })] })))).toEqual([]);
  });

  test('one whose queue is full takes no room from the others', () => {
    const offers = [peer(1, { roomBytes: -8 * MIB }), peer(2, { roomBytes: 512 * KIB })];
    expect(asked(planFlight(view({ offers })))).toEqual(['0@2', '1@2']);
  });

  test('passes over pieces that none of them has, rather than ask for nothing', () => {
    const offers = [peer(1, { has: (piece) => piece >= 6 })];
    expect(asked(planFlight(view({ offers })))).toEqual(['6@1', '7@1']);
  });

  test('passes over pieces that are here or on their way', () => {
    expect(asked(planFlight(view({ pieces: '#11.#..1', offers: [peer(1)] })))).toEqual(['3@1', '5@1', '6@1']);
  });

  test('beyond the window the rarest comes first, and chance decides between equals', () => {
    const count = 64; // half a second of what the first delivers is 32 of them
    const rare = 50;
    const offers = [
      peer(1, { roomBytes: 32 * MIB, bytesPerSecond: 16 * MIB, has: (piece) => piece !== rare }),
      peer(2, { roomBytes: 256 * KIB, latencyMs: 5_000 }),
    ];
    const beyond = planFlight(view({ count, offers }))
      .requests.map(({ piece }) => piece)
      .slice(32);
    expect(beyond[0]).toBe(rare);
    const order = (seed: number) => {
      const draw = seeded(seed);
      const decision = planFlight(view({ count, offers, draw: () => draw(1000) / 1000 }));
      return decision.requests
        .map(({ piece }) => piece)
        .slice(33)
        .join();
    };
    expect(order(1)).not.toBe(order(2));
  });

  test('a piece that no peer has is the mirror’s at once', () => {
    const offers = [peer(1, { has: (piece) => piece !== 2 && piece !== 3 })];
    expect(planFlight(view({ offers })).mirror).toEqual({ kind: 'start', from: 2, to: 4 });
  });

  test('without a mirror there is no source to miss while one of them is there', () => {
    const offers = [peer(1, { silentMs: 60_000, roomBytes: 0, queuedBytes: MIB })];
    expect(planFlight(view({ pieces: '1111....', offers, mirror: { usable: false } })).why).not.toBe(
      NO_SOURCE,
    );
  });
});

describe('planFlight() of one piece', () => {
  const owing = { bytesPerSecond: MIB, queuedBytes: 2 * MIB };

  test('a peer that owes two seconds of other files is later than the mirror', () => {
    const { mirror } = planFlight(view({ pieces: '1', offers: [peer(1, { ...owing, roomBytes: 0 })] }));
    expect(mirror).toEqual({ kind: 'start', from: 0, to: 1 });
  });

  test('what waits at the front of its queue is not', () => {
    const offers = [
      peer(1, { ...owing, bytesPerSecond: 16 * MIB, roomBytes: 0, waiting: () => new Map([[0, 0]]) }),
    ];
    expect(planFlight(view({ pieces: '1', offers })).mirror.kind).toBe('keep');
  });
});

describe('planFlight() with peers that stall', () => {
  const silent = { silentMs: 4_000, queuedBytes: MIB, roomBytes: 0 };

  test('in a crowd each waits for its turn: two seconds are no stall, of one that ever brought anything', () => {
    const share = () => ({ run: undefined, untilMs: undefined, why: 'others' });
    const offers = [peer(1, { ...silent, silentMs: 1_500 }), peer(2)];
    const crowd = { ...view({ pieces: '11......', offers }), share };
    expect(asked(planFlight(crowd))).not.toContain('0@2');
    expect(asked(planFlight(view({ pieces: '11......', offers })))).toContain('0@2');
    const untried = [peer(1, { ...silent, silentMs: 1_500, isUntried: true }), peer(2)];
    expect(asked(planFlight({ ...crowd, offers: untried }))).toContain('0@2');
  });

  test('the mirror takes over what the only one was asked for', () => {
    const { mirror, requests } = planFlight(view({ pieces: '1111....', offers: [peer(1, silent)] }));
    expect(mirror).toEqual({ kind: 'start', from: 0, to: 8 });
    expect(requests).toEqual([]);
  });

  test('an answer that is due elsewhere is no reason to wait any longer', () => {
    const scene = { pieces: '1111....', offers: [peer(1, silent)], answersUntilMs: NOW + 500 };
    expect(planFlight(view(scene)).mirror.kind).toBe('start');
  });

  test('another one is asked for their pieces, the head first', () => {
    const offers = [peer(1, silent), peer(2)];
    expect(asked(planFlight(view({ pieces: '11......', offers })))).toEqual(['0@2', '1@2', '2@2', '3@2']);
    const noMirror = { pieces: '11......', offers, mirror: { usable: false } };
    expect(asked(planFlight(view(noMirror)))).toEqual(['0@2', '1@2', '2@2', '3@2']);
  });

  test('what was asked of one that chokes or has gone is free again', () => {
    expect(asked(planFlight(view({ pieces: '77..', offers: [peer(2)] })))).toEqual([
      '0@2',
      '1@2',
      '2@2',
      '3@2',
    ]);
  });

  test('half a second of silence is nothing on a slow mirror, eight seconds always are too much', () => {
    const slow = { bytesPerSecond: 100 * KIB };
    const at = (silentMs: number) =>
      planFlight(view({ pieces: '1111....', offers: [peer(1, { ...silent, silentMs })], mirror: slow }))
        .mirror.kind;
    expect(at(2_000)).toBe('keep');
    expect(at(8_000)).toBe('start');
  });
});

describe('planFlight() with pieces that wait deep in one peer’s queue', () => {
  const waiting = () => new Map([0, 1, 2, 3].map((piece) => [piece, piece * 256 * KIB]));
  const busy = peer(1, { bytesPerSecond: 128 * KIB, queuedBytes: MIB, roomBytes: 0, waiting });
  const deep = { pieces: '1111####', mirror: { bytesPerSecond: 100 * KIB } };

  test('those that another would bring in half the time are asked of that one', () => {
    const offers = [busy, peer(2, { bytesPerSecond: MIB })];
    expect(asked(planFlight(view({ ...deep, offers })))).toEqual(['1@2', '2@2', '3@2']);
  });

  test('they stay where they are when nobody else has them, or is as busy', () => {
    expect(asked(planFlight(view({ ...deep, offers: [busy, peer(2, { has: () => false })] })))).toEqual([]);
    const also = peer(2, { bytesPerSecond: 128 * KIB, queuedBytes: 512 * KIB });
    expect(asked(planFlight(view({ ...deep, offers: [busy, also] })))).toEqual([]);
  });

  test('a piece of which something has come stays', () => {
    const begun = { ...busy, waiting: () => new Map([[3, 768 * KIB]]) };
    expect(asked(planFlight(view({ ...deep, offers: [begun, peer(2, { bytesPerSecond: MIB })] })))).toEqual([
      '3@2',
    ]);
  });
});

describe('planFlight() with peers that are slower than the mirror', () => {
  const slow = { bytesPerSecond: MIB };

  test('the mirror joins from the head, for its share', () => {
    const offers = [peer(1, { ...slow, roomBytes: 0, queuedBytes: 256 * KIB })];
    const { mirror } = planFlight(view({ pieces: '1...............', offers }));
    expect(mirror.kind).toBe('start');
    if (mirror.kind !== 'start') throw new Error('unreachable');
    expect(mirror.from).toBe(1);
    expect(mirror.to).toBeWithin(12, 17);
  });

  test('they work towards it from the end', () => {
    const scene = { pieces: '#...............', offers: [peer(1, slow)], mirror: { run: { at: 1, to: 14 } } };
    const decision = planFlight(view(scene));
    expect(decision.mirror.kind).toBe('keep');
    expect(asked(decision)).toEqual(['15@1', '14@1', '13@1', '12@1']);
  });

  test('nobody is asked for the piece that the mirror is streaming', () => {
    const scene = { pieces: '###.', offers: [peer(1, slow)], mirror: { run: { at: 3, to: 4 } } };
    expect(asked(planFlight(view(scene)))).toEqual([]);
  });

  test('pieces that would come too late are taken from them', () => {
    const late = peer(1, { bytesPerSecond: 20 * KIB, queuedBytes: MIB, roomBytes: 0 });
    const { mirror } = planFlight(view({ pieces: '1111', offers: [late] }));
    expect(mirror.kind).toBe('start');
    if (mirror.kind === 'start') expect(mirror.from).toBe(0);
  });

  test('a little slower is not worth the mirror’s bytes', () => {
    const offers = [peer(1, { bytesPerSecond: 9.5 * MIB })];
    expect(planFlight(view({ offers })).mirror.kind).toBe('keep');
  });

  test('those that owe nothing and have nothing to give do not count as quick', () => {
    const mine = peer(0, { bytesPerSecond: MIB, queuedBytes: MIB, roomBytes: 0 });
    const others = [1, 2, 3, 4, 5, 6].map((id) => peer(id, { bytesPerSecond: 4 * MIB, has: () => false }));
    const scene = { pieces: '####0000', mirror: { bytesPerSecond: 4 * MIB } };
    expect(planFlight(view({ ...scene, offers: [mine, ...others] })).mirror.kind).toBe('start');
    const giving = others.map((offer) => ({ ...offer, queuedBytes: 256 * KIB }));
    expect(planFlight(view({ ...scene, offers: [mine, ...giving] })).mirror.kind).toBe('keep');
  });

  test('the last pieces, all waiting at one of them, go to a quick mirror and not to a slow one', () => {
    const waiting = () => new Map([5, 6, 7].map((piece, at) => [piece, (at + 1) * 256 * KIB]));
    const late = peer(0, { bytesPerSecond: MIB, queuedBytes: MIB, roomBytes: 0, waiting });
    const quick = peer(1, { bytesPerSecond: 20 * MIB, queuedBytes: 16 * KIB });
    const scene = { pieces: '####0000', offers: [late, quick] };
    const mirror = { bytesPerSecond: 8 * MIB };
    expect(planFlight(view({ ...scene, mirror: { ...mirror, isQuick: true } })).mirror.kind).toBe('start');
    expect(planFlight(view({ ...scene, mirror })).mirror.kind).toBe('keep');
  });

  test('the mirror rests when peers have proven that they suffice', () => {
    const scene = { pieces: '#...............', mirror: { run: { at: 1, to: 16 } } };
    const quick = planFlight(view({ ...scene, offers: [peer(1, { bytesPerSecond: 30 * MIB })] }));
    expect(quick.mirror.kind).toBe('stop');
  });

  test('but not for one of whom nothing is known yet', () => {
    const scene = { pieces: '#...............', mirror: { run: { at: 1, to: 16 } } };
    const decision = planFlight(view({ ...scene, offers: [peer(1)] }));
    expect(decision.mirror.kind).toBe('keep');
    expect(asked(decision)[0]).toBe('15@1');
  });

  test('a mirror that brings nothing makes room for a peer that has the piece', () => {
    const scene = (silentMs: number, has = true) => ({
      pieces: '####....',
      mirror: { run: { at: 4, to: 8, silentMs } },
      offers: [peer(1, { has: () => has })],
    });
    expect(planFlight(view(scene(1_500))).mirror.kind).toBe('stop');
    expect(planFlight(view(scene(500))).mirror.kind).toBe('keep');
    expect(planFlight(view(scene(1_500, false))).mirror.kind).toBe('keep');
  });

  test('nor when its run is about to end, or nobody else has the piece', () => {
    const quick = { bytesPerSecond: 30 * MIB };
    const ending = {
      pieces: '##############..',
      mirror: { run: { at: 14, to: 16 } },
      offers: [peer(1, quick)],
    };
    expect(planFlight(view(ending)).mirror.kind).toBe('keep');
    const alone = peer(1, { ...quick, has: (piece) => piece > 4 });
    const scene = { pieces: '#...............', mirror: { run: { at: 1, to: 16 } }, offers: [alone] };
    expect(planFlight(view(scene)).mirror.kind).toBe('keep');
  });
});

/** Every invariant of one decision. */
function check(v: FlightView): void {
  const { requests, mirror } = planFlight(v);
  const stalled = new Set(v.offers.filter((o) => o.silentMs >= 8_000).map((o) => o.id));
  const room = new Map(v.offers.map((o) => [o.id, o.roomBytes]));
  const seen = new Set<number>();
  for (const { offer: id, piece } of requests) {
    const offer = v.offers.find((o) => o.id === id);
    if (!offer) throw new Error(`asks ${id}, whom nobody knows`);
    if (seen.has(piece)) throw new Error(`asks for piece ${piece} twice`);
    seen.add(piece);
    if (!offer.has(piece)) throw new Error(`asks ${id} for piece ${piece}, which it has not got`);
    if ((room.get(id) ?? 0) <= 0) throw new Error(`asks ${id}, where no room is left`);
    room.set(id, (room.get(id) ?? 0) - v.pieceLength);
    if (v.pieces[piece] === HAVE) throw new Error(`asks for piece ${piece}, which is here`);
    if (v.pieces[piece] === ASKED) {
      const before = v.offers.find((o) => o.id === v.askedOf[piece]);
      const live = before && before.silentMs < 500;
      if (live) throw new Error(`asks for piece ${piece}, which is on its way`);
    }
    if (piece === v.mirror.run?.at) throw new Error(`asks for piece ${piece}, which the mirror is streaming`);
    if (stalled.has(id) && v.mirror.usable) throw new Error(`asks ${id}, which stalls`);
  }
  if (mirror.kind === 'start') {
    if (v.mirror.run || !v.mirror.usable) throw new Error('starts a mirror that runs or cannot');
    if (!(mirror.from >= 0 && mirror.from < mirror.to && mirror.to <= v.pieces.length))
      throw new Error('no run');
    for (let piece = mirror.from; piece < mirror.to; piece += 1) {
      if (v.pieces[piece] === HAVE) throw new Error(`the mirror is asked for piece ${piece}, which is here`);
      if (seen.has(piece)) throw new Error(`piece ${piece} is asked of a peer and of the mirror`);
    }
  }
  if (mirror.kind === 'stop' && !v.mirror.run) throw new Error('stops a mirror that does not run');
}

describe('planFlight() in any situation', () => {
  test('keeps its invariants (20,000 drawn views)', () => {
    const draw = seeded(7);
    const one = <T>(...of: T[]): T => of[draw(of.length)] as T;
    for (let i = 0; i < 20_000; i += 1) {
      const count = one(1, 2, 5, 17, 40);
      const offers = Array.from({ length: draw(4) }, (_, id) => {
        const mask = Array.from({ length: count }, () => draw(3) > 0);
        const all = draw(2) === 0;
        return peer(id, {
          has: (piece) => all || mask[piece] === true,
          all,
          roomBytes: one(-MIB, 0, 1, 300 * KIB, MIB, 16 * MIB),
          bytesPerSecond: one(undefined, 0, 10 * KIB, MIB, 100 * MIB),
          latencyMs: one(0, 1, 20, 500),
          queuedBytes: one(0, 16 * KIB, 4 * MIB),
          silentMs: one(0, 0, 0, 499, 700, 8_000, 60_000),
        });
      });
      const letters = ['.', '#', '0', '1', '2', '9'];
      const pieces = Array.from({ length: count }, () => letters[draw(letters.length)]).join('');
      if (!pieces.includes('.') && !/\d/.test(pieces)) continue;
      const at = draw(count);
      check(
        view({
          pieces,
          offers,
          mirror: {
            run: draw(3) === 0 ? { at, to: at + 1 + draw(count - at) } : undefined,
            usable: draw(3) > 0,
            bytesPerSecond: one(10 * KIB, MIB, 50 * MIB),
            latencyMs: one(1, 50, 2_000),
          },
          ...(draw(3) === 0 && { answersUntilMs: NOW + draw(400) - 200 }),
          draw: () => draw(1_000_000) / 1_000_000,
        }),
      );
    }
  });
});

/** How a peer of the simulated world behaves. */
type Nature = 'honest' | 'slow' | 'silent' | 'rejects' | 'late' | 'partial' | 'leaves' | 'hiccups';
const NATURES: readonly Nature[] = [
  'honest',
  'slow',
  'silent',
  'rejects',
  'late',
  'partial',
  'leaves',
  'hiccups',
];

interface Source {
  readonly id: number;
  readonly nature: Nature;
  has: boolean[];
  queue: number[];
  /** Bytes of the queue's first piece that have come. */
  partBytes: number;
  /** As downloads.ts has it: since when it owes; kept for ten seconds after what it owed was taken back. */
  owesSinceMs: number | undefined;
  forgivenMs: number;
  rate: number | undefined;
  gone: boolean;
}

function owes(s: Source, now: number): boolean {
  return s.owesSinceMs !== undefined && (s.queue.length > 0 || now < s.forgivenMs);
}

function cancel(s: Source, piece: number, now: number): void {
  if (!s.queue.includes(piece)) return;
  s.queue = s.queue.filter((p) => p !== piece);
  if (s.queue.length > 0) return;
  s.partBytes = 0;
  if (now - (s.owesSinceMs ?? now) < 500) s.owesSinceMs = undefined;
  else s.forgivenMs = now + 10_000;
}

/** Simulated in steps of 10 ms, planned at each. Returns how long it took. */
function simulate(seed: number, mirrorWorks: boolean): number {
  const draw = seeded(seed);
  const count = 1 + draw(40);
  const pieceLength = 256 * KIB;
  const mirrorRate = (1 + draw(20)) * MIB;
  const pieces = new Uint8Array(count);
  const askedOf = new Int32Array(count).fill(-1);
  const sources: Source[] = Array.from({ length: draw(5) }, (_, id) => ({
    id,
    nature: NATURES[draw(NATURES.length)] as Nature,
    has: Array.from({ length: count }, () => true),
    queue: [],
    partBytes: 0,
    owesSinceMs: undefined,
    forgivenMs: 0,
    rate: undefined,
    gone: false,
  }));
  for (const s of sources) if (s.nature === 'partial') s.has = s.has.map(() => draw(2) === 0);
  if (!mirrorWorks && sources[0]) {
    // Somebody must have it.
    sources[0] = { ...sources[0], nature: 'honest', has: Array.from({ length: count }, () => true) };
  }
  const speed = (s: Source, now: number) => {
    if (s.nature === 'silent') return 0;
    if (s.nature === 'slow') return 40 * KIB;
    if (s.nature === 'late') return now < 4_000 ? 0 : 5 * MIB;
    if (s.nature === 'hiccups') return Math.floor(now / 900) % 2 === 0 ? 0 : 8 * MIB;
    return 6 * MIB;
  };
  let run: { at: number; to: number; part: number; readyMs: number; overtakes: Set<number> } | undefined;
  const take = (piece: number) => {
    pieces[piece] = HAVE;
    askedOf[piece] = -1;
  };
  for (let now = 0; now < 600_000; now += 10) {
    const head = pieces.findIndex((p) => p !== HAVE);
    if (head < 0) return now;
    const offers = sources
      .filter((s) => !s.gone)
      .map((s) => ({
        id: s.id,
        has: (piece: number) => s.has[piece] === true,
        roomBytes: MIB - s.queue.length * pieceLength,
        bytesPerSecond: s.rate,
        latencyMs: 20,
        queuedBytes: s.queue.length * pieceLength,
        silentMs: owes(s, now) ? now - (s.owesSinceMs ?? now) : 0,
      }));
    const decision = planFlight({
      nowMs: now,
      shown: true,
      quietMs: 0,
      sizeBytes: count * pieceLength,
      pieceLength,
      pieces,
      askedOf,
      head,
      haveBytes: pieces.filter((p) => p === HAVE).length * pieceLength,
      offers,
      answersUntilMs: undefined,
      mirror: { latencyMs: 50, bytesPerSecond: mirrorRate, run, usable: mirrorWorks },
      draw: () => draw(1000) / 1000,
    });
    for (const { offer, piece } of decision.requests) {
      for (const s of sources) cancel(s, piece, now);
      const s = sources[offer] as Source;
      if (!owes(s, now)) s.owesSinceMs = now;
      s.queue.push(piece);
      pieces[piece] = ASKED;
      askedOf[piece] = offer;
    }
    if (decision.mirror.kind === 'stop') run = undefined;
    if (decision.mirror.kind === 'start') {
      const { from, to } = decision.mirror;
      const overtakes = new Set<number>();
      for (let p = from; p < to; p += 1) if (pieces[p] === ASKED) overtakes.add(p);
      run = { at: from, to, part: 0, readyMs: now + 50, overtakes };
    }
    if (run && now >= run.readyMs) {
      run.part += mirrorRate / 100;
      while (run && run.part >= pieceLength) {
        run.part -= pieceLength;
        take(run.at);
        for (const s of sources) cancel(s, run.at, now);
        run.at += 1;
        const next = pieces[run.at];
        if (run.at >= run.to || next === HAVE || (next === ASKED && !run.overtakes.has(run.at)))
          run = undefined;
      }
    }
    for (const s of sources) {
      if (s.gone || s.queue.length === 0) continue;
      if (s.nature === 'leaves' && now > 300) {
        s.gone = true;
        for (const p of s.queue) if (pieces[p] === ASKED) pieces[p] = MISSING;
        s.queue = [];
        continue;
      }
      if (s.nature === 'rejects') {
        const piece = s.queue.shift() as number;
        s.has[piece] = false;
        if (pieces[piece] === ASKED) pieces[piece] = MISSING;
        s.owesSinceMs = s.queue.length > 0 ? now : undefined;
        continue;
      }
      const got = speed(s, now) / 100;
      if (got === 0) continue;
      s.owesSinceMs = now;
      s.rate = s.rate === undefined ? got * 100 : 0.9 * s.rate + 0.1 * got * 100;
      s.partBytes += got;
      while (s.partBytes >= pieceLength && s.queue.length > 0) {
        s.partBytes -= pieceLength;
        take(s.queue.shift() as number);
        if (s.queue.length === 0) s.owesSinceMs = undefined;
      }
    }
  }
  const what = sources.map((s) => `${s.nature}${s.gone ? ' (gone)' : ''}:${s.queue}`).join('; ');
  throw new Error(
    `seed ${seed}: not done in ten minutes: ${[...pieces].join('')} ${what} run ${JSON.stringify(run)}`,
  );
}

describe('planFlight() in a world of sources with any behaviour', () => {
  test('comes to an end where the mirror works (400 worlds)', () => {
    for (let seed = 1; seed <= 400; seed += 1) simulate(seed, true);
  });

  test('comes to an end without a mirror where one honest peer has it (200 worlds)', () => {
    for (let seed = 1; seed <= 250; seed += 1) {
      const draw = seeded(seed);
      draw(40);
      draw(20);
      if (draw(5) === 0) continue; // nobody at all
      simulate(seed, false);
    }
  });
});

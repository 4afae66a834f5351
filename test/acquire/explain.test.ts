import { expect, test } from 'bun:test';
import { explain } from '../../src/acquire/explain.ts';

const addressOf = (offer: number) => `192.0.2.${offer}`;

test('explain() names pieces, peers, the mirror’s run and the reason', () => {
  const requests = [5, 3, 4, 0].map((piece) => ({ offer: 7, piece })).concat({ offer: 8, piece: 9 });
  const mirror = { kind: 'start', from: 10, to: 12 } as const;
  expect(
    explain({ requests, mirror, wakeAtMs: undefined, why: 'peers and mirror together' }, addressOf),
  ).toBe(
    'pieces 0, 3–5 of 192.0.2.7; pieces 9 of 192.0.2.8; mirror from piece 10 to 12: peers and mirror together',
  );
});

test('explain() says when the mirror rests, and nothing where nothing was decided', () => {
  const decision = { requests: [], wakeAtMs: undefined, why: 'peers suffice' };
  expect(explain({ ...decision, mirror: { kind: 'stop' } }, addressOf)).toBe(
    'the mirror rests: peers suffice',
  );
  expect(explain({ ...decision, mirror: { kind: 'keep' } }, addressOf)).toBeUndefined();
});

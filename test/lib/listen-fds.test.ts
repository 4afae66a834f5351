import { describe, expect, test } from 'bun:test';
import { inheritedSockets } from '../../src/lib/listen-fds.ts';

const PID = 4711;
const env = (more: Record<string, string>) => ({ LISTEN_PID: String(PID), LISTEN_FDS: '2', ...more });

describe('inheritedSockets()', () => {
  test('are descriptors from 3 on, with their names', () => {
    expect(inheritedSockets(env({ LISTEN_FDNAMES: 'apt:lan' }), PID)).toEqual([
      { fd: 3, name: 'apt' },
      { fd: 4, name: 'lan' },
    ]);
    expect(inheritedSockets(env({}), PID).map(({ name }) => name)).toEqual(['unknown', 'unknown']);
  });

  test.each([
    ['are somebody else’s', { LISTEN_PID: '4712' }],
    ['are no number', { LISTEN_FDS: 'two' }],
    ['are negative', { LISTEN_FDS: '-1' }],
    ['are none', { LISTEN_FDS: '0' }],
    ['are more than anybody opens', { LISTEN_FDS: '1000000000' }],
  ])('there are none when they %s', (_title, more) => {
    expect(inheritedSockets(env(more), PID)).toEqual([]);
  });

  test('are not passed on to children', () => {
    const variables: Record<string, string | undefined> = { ...env({ LISTEN_FDNAMES: 'apt' }), OTHER: '1' };
    inheritedSockets(variables, PID);
    expect(variables).toEqual({ OTHER: '1' });
  });
});

import { describe, expect, test } from 'bun:test';
import { watchStatus } from '../../src/commands/watch-status.ts';
import { errorOf } from '../fixtures/world.ts';
import { busy } from '../status/fixtures.ts';

/** Watches as long as there are answers. */
async function watched(answers: readonly ('answer' | 'gone')[], terminal = {}, json = false) {
  const written: string[] = [];
  let asked = 0;
  const code = await watchStatus({
    json,
    out: { write: (text) => written.push(text), ...terminal },
    ask: async () => {
      asked += 1;
      if (answers[asked - 1] === 'gone') throw new Error('could not reach the daemon');
      return { ...busy, uptimeSeconds: asked };
    },
    pause: async () => asked < answers.length,
  });
  return { written, code };
}

describe('watchStatus()', () => {
  test('writes over what was there before on a terminal, and never more than fits', async () => {
    const { written } = await watched(['answer', 'answer'], { isTTY: true, columns: 80, rows: 12 });
    expect(written[0]).toBe('\x1b[2J');
    for (const screen of written.slice(1)) {
      expect(screen.startsWith('\x1b[H')).toBe(true);
      expect(screen.endsWith('…\x1b[K\n\x1b[J')).toBe(true);
      expect(screen.split('\n').length).toBe(12);
    }
  });

  test('writes one table after the other into a file', async () => {
    const { written } = await watched(['answer', 'answer']);
    expect(written.length).toBe(2);
    expect(written.join('')).not.toContain('\x1b');
  });

  test('with --json writes one line for each answer, and nothing else', async () => {
    const { written } = await watched(['answer', 'gone', 'answer'], { isTTY: true }, true);
    const lines = written.join('').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).uptimeSeconds)).toEqual([1, 3]);
  });

  test('waits for a daemon that is started again, but not for one that was never there', async () => {
    const { written, code } = await watched(['answer', 'gone', 'answer']);
    expect(written[1]).toBe('could not reach the daemon\n');
    expect([written.length, code]).toEqual([3, 0]);
    expect(await errorOf(watched(['gone']))).toBeInstanceOf(Error);
  });
});

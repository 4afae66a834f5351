import { describe, expect, test } from 'bun:test';
import { runCache } from '../../src/commands/cache.ts';
import { UsageError } from '../../src/lib/errors.ts';
import { errorOf } from '../fixtures/world.ts';

describe('runCache()', () => {
  test.each([
    ['what it does not know', { action: 'forget' }, /does not know "forget"/],
    ['a URL that is none', { action: 'import', directory: '/tmp', url: 'nonsense' }, /isn't an http URL/],
  ])('refuses %s', async (_, args, expected) => {
    const error = await errorOf(runCache({ args: args as never, rawArgs: [] }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toMatch(expected);
  });
});

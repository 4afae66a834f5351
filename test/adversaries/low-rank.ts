/** Grinds peer ids until it comes first in the order of every file that its victim looks for, and then neither claims nor fetches it. */
import type { Sha256 } from '../../src/lib/sha256.ts';
import type { Talk } from './hostile.ts';
import { type StartAdversary, startWith } from './hostile.ts';
import { runAsProgram } from './program.ts';

/** Leading zero bits of a rank that comes before all others: some 4,000 tries a key. */
const ZERO_BITS = 12;

export const start: StartAdversary = async (ground, aim) => {
  const wishes = new WeakMap<Talk, Sha256>();
  const adversary = await startWith({
    name: 'low-rank',
    ready(talk) {
      const key = wishes.get(talk);
      if (key) talk.want(0, key);
    },
  })(ground, { ...aim, files: [] });
  // What will be wanted can be known beforehand: it is in the archive's index.
  for (const { key } of aim.files) {
    const id = grind(key);
    for (const victim of aim.victims ?? []) {
      void adversary.dial(victim, id).then((talk) => {
        if (talk) wishes.set(talk, key);
      });
    }
  }
  return adversary;
};

/** A peer id whose hash with the key is very low. */
function grind(key: Sha256): Uint8Array {
  const id = crypto.getRandomValues(new Uint8Array(20));
  const keyBytes = Buffer.from(key, 'hex');
  for (;;) {
    crypto.getRandomValues(id.subarray(8));
    const rank = new Bun.CryptoHasher('sha256').update(id).update(keyBytes).digest();
    if (rank.readUInt32BE(0) >>> (32 - ZERO_BITS) === 0) return id;
  }
}

if (import.meta.main) await runAsProgram(start);

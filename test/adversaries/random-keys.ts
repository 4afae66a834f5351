/** Keys that no file has. */
import { type Sha256, sha256Of } from '../../src/lib/sha256.ts';

export function randomKeys(count: number): Sha256[] {
  return Array.from({ length: count }, () => sha256Of(crypto.getRandomValues(new Uint8Array(16))));
}

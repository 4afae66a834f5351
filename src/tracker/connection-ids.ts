/**
 * Connection ids of the UDP tracker protocol (BEP 15): who can name one has received what was sent to its address, so
 * that nobody can have answers sent to a third party. Nothing is remembered for it: an id is a hash, under a key that
 * only this process knows, of the address and of the time in steps of half a minute, and its last three bits say which
 * step. It holds two minutes at least, two and a half at most.
 */

const STEP_SECONDS = 30;
/** Steps after its own in which an id is still taken. */
const VALID_STEPS = 4;
const STEP_BITS = 7;
const KEY_BYTES = 32;
export const CONNECTION_ID_BYTES = 8;

export class ConnectionIds {
  /** Key, step, and address, which begins with its length. */
  readonly #message = new Uint8Array(KEY_BYTES + 8 + 17);
  readonly #view = new DataView(this.#message.buffer);
  readonly #hash = new Uint8Array(32);
  readonly #id = this.#hash.subarray(0, CONNECTION_ID_BYTES);

  /** `key`: 32 random bytes. */
  constructor(key: Uint8Array) {
    this.#message.set(key.subarray(0, KEY_BYTES));
  }

  /** For 4 or 16 bytes of address. */
  issue(address: Uint8Array, nowSeconds: number): Uint8Array {
    return this.#of(address, stepAt(nowSeconds)).slice();
  }

  isValid(id: Uint8Array, address: Uint8Array, nowSeconds: number): boolean {
    const step = stepAt(nowSeconds);
    const age = (step - (id[CONNECTION_ID_BYTES - 1] as number)) & STEP_BITS;
    if (age > VALID_STEPS || age > step) return false;
    const expected = this.#of(address, step - age);
    // In constant time: the bytes of an id must not be guessed one by one.
    let differs = 0;
    for (let i = 0; i < CONNECTION_ID_BYTES; i += 1) differs |= (expected[i] as number) ^ (id[i] as number);
    return differs === 0;
  }

  /** A view that the next call overwrites. */
  #of(address: Uint8Array, step: number): Uint8Array {
    const message = this.#message;
    this.#view.setFloat64(KEY_BYTES, step);
    message.fill(0, KEY_BYTES + 8);
    message[KEY_BYTES + 8] = address.length;
    message.set(address, KEY_BYTES + 9);
    // The key comes first, all messages are of one length and most of the hash is kept back.
    Bun.SHA256.hash(message, this.#hash);
    const id = this.#id;
    id[CONNECTION_ID_BYTES - 1] = ((id[CONNECTION_ID_BYTES - 1] as number) & ~STEP_BITS) | (step & STEP_BITS);
    return id;
  }
}

function stepAt(seconds: number): number {
  return Math.floor(seconds / STEP_SECONDS);
}

/** The part of npm bencode 4.0.1 that is used here; the package brings no types. */
declare module 'bencode' {
  const bencode: {
    decode(data: Uint8Array): unknown;
    encode(data: unknown): Uint8Array;
  };
  export default bencode;
}

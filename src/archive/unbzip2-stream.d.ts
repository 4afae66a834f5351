/** unbzip2-stream 1.4.3 ships no types; only what decompress.ts uses of it, an old-style stream that works synchronously. */
declare module 'unbzip2-stream' {
  interface Unbzip2Stream {
    on(event: 'data', listener: (chunk: Uint8Array) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    write(chunk: Uint8Array): boolean;
    end(): void;
  }
  export default function unbzip2Stream(): Unbzip2Stream;
}

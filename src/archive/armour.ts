/** Takes the ASCII armour off OpenPGP data (RFC 9580 §6.2), as gpgv wants its keyrings. Pure. */

const BLOCK = /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g;

/** The binary keys of all blocks in it, in order; what isn't armoured comes back as it is. */
export function withoutArmour(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const blocks = [...text.matchAll(BLOCK)].map(([, body = '']) => {
    const lines = body.split('\n').map((line) => line.trim());
    // Headers ("Comment: …") end with an empty line; the checksum begins with "=".
    const from = lines.indexOf('') + 1;
    return Buffer.from(
      lines
        .slice(from)
        .filter((line) => !line.startsWith('='))
        .join(''),
      'base64',
    );
  });
  return blocks.length === 0 ? bytes : Buffer.concat(blocks);
}

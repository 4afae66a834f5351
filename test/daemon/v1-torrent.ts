/** The least of a v1 torrent that is one, told from others by its name. */
export function v1TorrentNamed(name: string): Uint8Array {
  const info = `d6:lengthi1e4:name${name.length}:${name}12:piece lengthi16384e6:pieces20:${'x'.repeat(20)}e`;
  return new TextEncoder().encode(`d4:info${info}e`);
}

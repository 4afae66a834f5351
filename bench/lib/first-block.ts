/** How soon a node gives: asks it for the first block of a file, as a peer that dials it again and again until it can. */

import type { HostPort } from '../../src/lib/host-port.ts';
import type { Sha256 } from '../../src/lib/sha256.ts';
import { dialTcp } from '../../src/swarm/tcp.ts';
import { BLOCK_BYTES, encodeInterested, encodeRequest } from '../../src/wire/message.ts';
import { RawPeer } from '../../test/fixtures/raw-peer.ts';

/** Resolves when the block is here. `swarm`: the info-hash in hexadecimal. */
export async function firstBlock(
  at: HostPort,
  swarm: string,
  file: { key: Sha256; sizeBytes: number },
): Promise<void> {
  for (;;) {
    const link = await dialTcp(at, 1000).catch(() => undefined);
    if (link && (await isGiven(new RawPeer(link, 'bench'), swarm, file))) return;
    await Bun.sleep(2);
  }
}

/** False when it closes: it isn't in the swarm yet. */
function isGiven(
  peer: RawPeer,
  swarm: string,
  { key, sizeBytes }: { key: Sha256; sizeBytes: number },
): Promise<boolean> {
  const given = Promise.withResolvers<boolean>();
  let timer: Timer | undefined;
  peer.onClosed = () => given.resolve(false);
  peer.onMessage = (message) => {
    if (message.type === 'extended' && message.id === 0) {
      peer.hello([swarm]);
      peer.archive({ kind: 'want', first: 0, keys: [key], ahead: false });
    }
  };
  peer.onArchive = (said) => {
    if (said.kind === 'none') return given.resolve(false);
    if (said.kind !== 'have') return;
    const [entry] = said.entries;
    if (entry === undefined) return;
    const length = Math.min(BLOCK_BYTES, sizeBytes);
    peer.send(encodeInterested(), encodeRequest({ index: entry.firstPiece, begin: 0, length }));
    timer ??= setInterval(() => {
      if (peer.pieces.length > 0) given.resolve(true);
    }, 1);
  };
  peer.handshake(swarm);
  peer.extendedHandshake();
  return given.promise.finally(() => {
    clearInterval(timer);
    peer.link.close('done');
  });
}

/**
 * The peers of a tracker as bytes, for keeping over a restart: what is written, and what is believed of what is read.
 * After a head (magic, wall clock in seconds) comes each swarm: info-hash, downloads, numbers of IPv4 and IPv6 peers, and
 * the peers as PeerList.pack() gives them. A reader ages them by the time in between; the table's limits hold as
 * always. Pure; state-file.ts has the file. Throws ProtocolError for what this can't have written.
 */
import { readU32, writeU32 } from '../announce/datagram.ts';
import { ProtocolError } from '../lib/errors.ts';
import type { PeerTable } from './peer-table.ts';

const MAGIC = 0x44_54_70_31; // "DTp1"
const HEAD_BYTES = 12;
const SWARM_BYTES = 20 + 3 * 4;
/** Behind address and port: seconds since it was heard of, in steps of eight; the first bit for who has all. */
const AGE_BYTES = 2;
const STEP_SECONDS = 8;

export interface StateTime {
  /** By which the table counts. */
  readonly nowSeconds: number;
  /** Since 1970. */
  readonly wallSeconds: number;
}

/** Parts to be written one after the other; the table may change between them, each part is whole in itself. */
export function* encodeState(table: PeerTable, time: () => StateTime): Generator<Uint8Array> {
  const head = new Uint8Array(HEAD_BYTES);
  writeU32(head, 0, MAGIC);
  new DataView(head.buffer).setBigUint64(4, BigInt(Math.floor(time().wallSeconds)));
  yield head;
  for (const { infoHash, downloaded } of table.swarms()) {
    const [ipv4, ipv6] = table.pack(infoHash, time().nowSeconds);
    const part = new Uint8Array(SWARM_BYTES + ipv4.length + ipv6.length);
    part.set(infoHash);
    writeU32(part, 20, downloaded);
    writeU32(part, 24, ipv4.length / (6 + AGE_BYTES));
    writeU32(part, 28, ipv6.length / (18 + AGE_BYTES));
    part.set(ipv4, SWARM_BYTES);
    part.set(ipv6, SWARM_BYTES + ipv4.length);
    yield part;
  }
}

/** Puts those peers into the table that haven't expired; gives how many. `isNamed`: see PeerTable.put(). */
export function restoreState(
  table: PeerTable,
  bytes: Uint8Array,
  time: StateTime,
  isNamed: (infoHash: Uint8Array) => boolean | undefined,
): number {
  if (bytes.length < HEAD_BYTES || readU32(bytes, 0) !== MAGIC)
    throw new ProtocolError("not a tracker's state");
  const written = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(4));
  // A clock that went back says nothing; peers then seem as fresh as they were.
  const downSeconds = Math.max(0, time.wallSeconds - written);
  let restored = 0;
  for (let at = HEAD_BYTES; at < bytes.length; ) {
    if (bytes.length - at < SWARM_BYTES) throw new ProtocolError('the state is cut short');
    const infoHash = bytes.subarray(at, at + 20);
    const downloaded = readU32(bytes, at + 20);
    const counts = [
      [readU32(bytes, at + 24), 6],
      [readU32(bytes, at + 28), 18],
    ] as const;
    at += SWARM_BYTES;
    const named = isNamed(infoHash);
    for (const [count, width] of counts) {
      const end = at + count * (width + AGE_BYTES);
      if (end > bytes.length) throw new ProtocolError('the state is cut short');
      for (; at < end; at += width + AGE_BYTES) {
        const age = ((bytes[at + width] as number) << 8) | (bytes[at + width + 1] as number);
        const ageSeconds = (age & 0x7fff) * STEP_SECONDS + downSeconds;
        const peer = { compact: bytes.subarray(at, at + width), complete: age > 0x7fff, ageSeconds };
        if (named !== undefined && table.restore(infoHash, peer, time.nowSeconds, named)) restored += 1;
      }
    }
    table.restoreDownloads(infoHash, downloaded);
  }
  return restored;
}

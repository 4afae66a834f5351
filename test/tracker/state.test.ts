import { describe, expect, test } from 'bun:test';
import { ProtocolError } from '../../src/lib/errors.ts';
import { countDownloads, countsOf, DEFAULT_LIMITS, PeerTable } from '../../src/tracker/peer-table.ts';
import { encodeState, restoreState } from '../../src/tracker/state.ts';
import { seededDraw } from './samples.ts';

const hash = (i: number) => new Uint8Array(20).fill(i);
const peer = (i: number) => Uint8Array.of(10, 0, i >> 8, i, 1, 2);
const peer6 = (i: number) => Uint8Array.of(0x20, 1, ...new Array<number>(13).fill(0), i, 0, 1);
const time = (nowSeconds: number, wallSeconds: number) => ({ nowSeconds, wallSeconds });
const tableOf = () => new PeerTable(seededDraw(1), { ...DEFAULT_LIMITS, expirySeconds: 1000 });
const bytesOf = (table: PeerTable, nowSeconds: number, wallSeconds: number) =>
  new Uint8Array(Buffer.concat([...encodeState(table, () => time(nowSeconds, wallSeconds))]));
const nobodys = () => false;

/** Two swarms, three peers of both families. */
function filled(): PeerTable {
  const table = tableOf();
  table.put(hash(1), peer(1), { complete: true, nowSeconds: 5000 });
  const swarm = table.put(hash(1), peer6(1), { complete: false, nowSeconds: 5080 });
  if (swarm) countDownloads(swarm, 7);
  table.put(hash(2), peer(3), { complete: false, nowSeconds: 5800 });
  return table;
}

describe('tracker state', () => {
  test('comes back with downloads, seeds and ages', () => {
    const table = tableOf();
    expect(
      restoreState(table, bytesOf(filled(), 5800, 1_900_000_000), time(9000, 1_900_000_000), nobodys),
    ).toBe(3);
    expect(countsOf(table.find(hash(1)))).toEqual({ complete: 1, incomplete: 1, downloaded: 7 });
    expect(table.pack(hash(1), 9000)).toEqual([
      Uint8Array.of(...peer(1), 0x80, 100),
      Uint8Array.of(...peer6(1), 0, 90),
    ]);
  });

  test('ages peers by the time in between, and leaves those out that have expired meanwhile', () => {
    const table = tableOf();
    const bytes = bytesOf(filled(), 5800, 1_900_000_000);
    expect(restoreState(table, bytes, time(9000, 1_900_000_240), nobodys)).toBe(2);
    expect(table.pack(hash(1), 9000)).toEqual([new Uint8Array(0), Uint8Array.of(...peer6(1), 0, 120)]);
    expect(restoreState(tableOf(), bytes, time(9000, 1_900_100_000), nobodys)).toBe(0);
    expect(restoreState(tableOf(), bytes, time(9000, 1_800_000_000), nobodys)).toBe(3);
  });

  test('leaves swarms out that are not served any more', () => {
    const table = tableOf();
    const isNamed = (infoHash: Uint8Array) => infoHash[0] === 2 || undefined;
    expect(restoreState(table, bytesOf(filled(), 5800, 0), time(9000, 0), isNamed)).toBe(1);
    expect(table.find(hash(1))).toBeUndefined();
  });

  test('is refused where it is cut, and for any other bytes ProtocolError or peers come out, nothing else', () => {
    const bytes = bytesOf(filled(), 5800, 1_900_000_000);
    const restore = (changed: Uint8Array) =>
      restoreState(tableOf(), changed, time(9000, 1_900_000_000), nobodys);
    let whole = 0;
    for (let length = 0; length < bytes.length; length += 1) {
      try {
        restore(bytes.slice(0, length));
        whole += 1;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
    // After the head and after the first swarm it isn't seen.
    expect(whole).toBe(2);
    const draw = seededDraw(3);
    for (let round = 0; round < 3000; round += 1) {
      const changed = bytes.slice();
      for (let change = 0; change < 3; change += 1)
        changed[Math.floor(draw() * changed.length)] = Math.floor(draw() * 256);
      try {
        restore(changed);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }
  });
});

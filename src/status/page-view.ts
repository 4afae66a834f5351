/** What the sections of the status page are made from. Types only. */
import type { html } from 'hono/html';
import type { ByteTotals, StatusSnapshot } from './snapshot.ts';

export type Html = ReturnType<typeof html>;

export interface PageView {
  readonly snapshot: StatusSnapshot;
  /** Bytes a second, oldest first, as Pulse has them. */
  readonly history: readonly ByteTotals[];
  /** Whether the reader may see peers, transfers, archives and bans. */
  readonly details: boolean;
}

/** Where bytes come from, in the order in which all parts of the page show them; the class gives the colour. */
export const SOURCES = [
  { kind: 'lan', name: 'Local network' },
  { kind: 'peers', name: 'Other peers' },
  { kind: 'store', name: 'Cache' },
  { kind: 'mirror', name: 'Mirrors' },
] as const;

export type SourceKind = (typeof SOURCES)[number]['kind'];

/** What `fromPeers` holds is taken apart: near ones, and the others. */
export function bySource({
  fromPeers,
  fromLan,
  fromStore,
  fromMirror,
}: ByteTotals): Record<SourceKind, number> {
  return { lan: fromLan, peers: Math.max(0, fromPeers - fromLan), store: fromStore, mirror: fromMirror };
}

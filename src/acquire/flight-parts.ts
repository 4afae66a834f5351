/** What a flight is handed: the rooms below it, and what it reports to. */
import type { Entry, Location } from '../archive/entry.ts';
import type { Clock } from '../lib/clock.ts';
import type { TokenBucket } from '../lib/token-bucket.ts';
import type { Mirror } from '../mirror/mirror.ts';
import type { Store } from '../store/store.ts';
import type { Library } from '../swarm/library.ts';
import type { Swarms } from '../swarm/swarms.ts';
import type { Hasher } from './hasher.ts';

export interface FlightParts {
  readonly store: Store;
  readonly library: Library;
  readonly swarms: Swarms;
  readonly mirror: Mirror;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly downloadBucket: TokenBucket;
  readonly draw: () => number;
  /** Payload bytes from the mirror, for totals. */
  readonly fromMirror: (bytes: number) => void;
  /** The file is in the store; called before any reader sees its end. */
  readonly landed: (entry: Entry, at: Location) => void;
}

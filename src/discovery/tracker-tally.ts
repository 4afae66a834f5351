/**
 * How each tracker is, for the status and the log: whether it answers, over any family, and how many peers it counts.
 * Decides nothing. Bounded by our own trackers and swarms.
 */
import type { AnnounceAnswer } from '../announce/http.ts';
import type { Family } from './tracker-addresses.ts';

export interface TrackerStatus {
  readonly url: string;
  /** `unused`: not asked, as there is no swarm yet, or another of its list answers. */
  readonly state: 'working' | 'failing' | 'unused';
  /** Peers of our swarms by its own count, as far as it tells; we are among them. */
  readonly peers: number;
  /** Why it fails; partly remote text. */
  readonly reason?: string;
}

interface Tally {
  readonly failing: Map<Family, string>;
  readonly working: Set<Family>;
  /** By swarm and family. */
  readonly peers: Map<string, number>;
}

export class TrackerTally {
  readonly #tallies = new Map<string, Tally>();

  answered(url: string, family: Family, infoHash: string, answer: AnnounceAnswer): void {
    const tally = this.#tally(url);
    tally.working.add(family);
    tally.failing.delete(family);
    if (hasCounts(answer)) this.counted(url, family, infoHash, answer);
  }

  counted(
    url: string,
    family: Family,
    infoHash: string,
    { complete = 0, incomplete = 0 }: Pick<AnnounceAnswer, 'complete' | 'incomplete'>,
  ): void {
    this.#tally(url).peers.set(`${infoHash} ${family}`, complete + incomplete);
  }

  failed(url: string, family: Family, reason: string): void {
    const { failing, working } = this.#tally(url);
    working.delete(family);
    failing.set(family, reason);
  }

  of(url: string): TrackerStatus {
    const tally = this.#tallies.get(url);
    if (!tally) return { url, state: 'unused', peers: 0 };
    // A swarm's peers of both families are often the same.
    const bySwarm = new Map<string, number>();
    for (const [key, peers] of tally.peers) {
      const infoHash = key.slice(0, 40);
      bySwarm.set(infoHash, Math.max(peers, bySwarm.get(infoHash) ?? 0));
    }
    const peers = [...bySwarm.values()].reduce((sum, count) => sum + count, 0);
    if (tally.working.size > 0) return { url, state: 'working', peers };
    const [reason = ''] = tally.failing.values();
    return { url, state: 'failing', peers, reason };
  }

  #tally(url: string): Tally {
    let tally = this.#tallies.get(url);
    if (!tally) {
      tally = { failing: new Map(), working: new Set(), peers: new Map() };
      this.#tallies.set(url, tally);
    }
    return tally;
  }
}

/** Whether the tracker says how many it knows; many do. */
export function hasCounts({ complete, incomplete }: AnnounceAnswer): boolean {
  return complete !== undefined || incomplete !== undefined;
}

/**
 * Announces this node's swarms to trackers (HTTP and UDP) and hands on the peers that they name. A list of trackers is
 * tiers of alternatives (BEP 12): one of them that answers is enough. Lists are independent of each other, and each
 * `--tracker` is a list by itself: somebody who names two means two places to meet, and a fleet's own tracker must not
 * be passed over because a public one answers; within a .dtorrent its author has said what stands for what. A tracker
 * with addresses of both families is asked over both (BEP 7), as each names the peers of its own.
 * Few requests at a time; a tracker that is down costs nothing but its own retries. Peers are filtered (reach.ts), at
 * most 200 an answer. On disposal and for swarms left `stopped` is said, and waited for two seconds at most.
 */
import { type AnnounceEvent, peersOf } from '../announce/http.ts';
import { parseIp } from '../announce/ip-address.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Announcing } from './announcing.ts';
import { mayName } from './reach.ts';
import type { Family, Resolve } from './tracker-addresses.ts';
import { type HeardAnnounce, isTrackerUrl, TrackerExchange } from './tracker-exchange.ts';
import { hasCounts, type TrackerStatus, TrackerTally } from './tracker-tally.ts';
import { TrackerTask } from './tracker-task.ts';
import { TrackerTiers } from './tracker-tiers.ts';

/** Announces of one list and family that are under way at once. */
const MAX_IN_FLIGHT = 8;
/** Trackers of one list that are tried. */
const MAX_TRACKERS = 50;
const MAX_PEERS = 200;
const NUM_WANT = 50;
const STOP_TIMEOUT_MS = 2_000;

const diary = log.withTag('tracker');

/** Trackers that stand for each other, as in a torrent's announce-list. */
export interface TrackerList {
  /** URLs (http, https, udp; others are passed over), the tier to be tried first first. */
  readonly tiers: readonly (readonly string[])[];
  /** The operator's own choice, rather than a file's. */
  readonly isConfigured: boolean;
  /** The swarms (40 hexadecimal digits) that these trackers are for and may hear of; all of ours unless said. */
  readonly swarms?: ReadonlySet<string>;
}

export interface TrackerClientOptions {
  readonly lists: readonly TrackerList[];
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** TCP port on which we listen for peers. */
  readonly port: number;
  /** The one at which the Internet reaches us over IPv4, at this moment, where a router stands between; else `port`. */
  readonly outerPort?: () => number;
  readonly clock: Clock;
  /** Peers that a tracker of this list named for a swarm: IP addresses that may be dialled. */
  readonly found: (infoHash: string, peers: HostPort[], list: TrackerList) => void;
  /** A tracker says from which address we came (BEP 24): 4 or 16 bytes. `from`: the tracker's host. */
  readonly sawUs?: (address: Uint8Array, from: string) => void;
  /** Payload bytes since start, over all swarms. */
  readonly totals?: () => { uploaded: number; downloaded: number };
  /** 0 to 1. */
  readonly draw?: () => number;
  readonly resolve?: Resolve;
}

interface Line {
  readonly list: TrackerList;
  readonly family: Family;
  readonly tiers: TrackerTiers;
  inFlight: number;
  /** None of them answered last time. */
  failing: boolean;
}

export class TrackerClient implements AsyncDisposable {
  readonly #options: TrackerClientOptions;
  readonly #draw: () => number;
  readonly #exchange: TrackerExchange;
  #given: readonly TrackerList[];
  #lines: readonly Line[];
  /** Of each line the tasks by info-hash. */
  readonly #tasks = new Map<Line, Map<string, TrackerTask>>();
  readonly #tally = new TrackerTally();
  readonly #complete = new Set<string>();
  readonly #abort = new AbortController();
  readonly #goodbyes = new Set<Promise<void>>();
  /** Proves to a tracker that we are the same from another address. */
  readonly #key = crypto.getRandomValues(new Uint8Array(4)).toHex();
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  constructor(options: TrackerClientOptions) {
    this.#options = options;
    this.#draw = options.draw ?? Math.random;
    this.#exchange = new TrackerExchange(options.clock, options.resolve);
    this.#given = options.lists;
    this.#lines = linesOf(options.lists, this.#draw);
    for (const line of this.#lines) this.#tasks.set(line, new Map());
  }

  /** The swarms to be in from now on (40 hexadecimal digits): new ones are announced at once, others left. */
  setSwarms(infoHashes: Iterable<string>): void {
    if (this.#stopped) return;
    const wanted = new Set(infoHashes);
    const nowMs = this.#options.clock.nowMs();
    for (const infoHash of this.#complete) if (!wanted.has(infoHash)) this.#complete.delete(infoHash);
    for (const [{ list, family, tiers }, tasks] of this.#tasks) {
      for (const [infoHash, task] of tasks) {
        if (wanted.has(infoHash)) continue;
        tasks.delete(infoHash);
        this.#sayGoodbye(task);
      }
      for (const infoHash of wanted) {
        if (tasks.has(infoHash) || (list.swarms && !list.swarms.has(infoHash))) continue;
        tasks.set(infoHash, new TrackerTask({ infoHash, family, tiers, nowMs }));
      }
    }
    this.#run();
  }

  /**
   * Lists that come and go, besides those given at the start: those that were named before and are the same stay as they
   * are, others are left. Takes effect for the swarms that setSwarms() gives next.
   */
  setNamed(lists: readonly TrackerList[]): void {
    const nameOf = ({ list, family }: Line) =>
      JSON.stringify([list.tiers, [...(list.swarms ?? [])].sort(), family]);
    const before = new Map(this.#lines.map((line) => [nameOf(line), line]));
    this.#lines = linesOf([...this.#given, ...lists], this.#draw).map(
      (line) => before.get(nameOf(line)) ?? line,
    );
    const kept = new Set(this.#lines);
    for (const [line, tasks] of this.#tasks) {
      if (kept.has(line)) continue;
      this.#tasks.delete(line);
      for (const task of tasks.values()) this.#sayGoodbye(task);
    }
    for (const line of this.#lines) if (!this.#tasks.has(line)) this.#tasks.set(line, new Map());
  }

  /** Others than those given at the start; takes effect with the next setNamed(). */
  setGiven(lists: readonly TrackerList[]): void {
    this.#given = lists;
  }

  /** Announces all swarms again, as soon as each tracker allows: we are short of peers. */
  announceNow(): void {
    for (const [, task] of this.#all()) task.hurry(this.#options.clock.nowMs());
    this.#run();
  }

  /**
   * One whom nobody has named has come into this swarm. It may have met us at a tracker of the operator's, which would
   * make it known to us (docs/protocol.md "Whom we know"): those are asked soon, but not for each who comes.
   */
  strangerCame(infoHash: string): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [{ list }, task] of this.#all())
      if (list.isConfigured && task.infoHash === infoHash) task.strangerCame(nowMs);
    this.#run();
  }

  /** Nothing is left to download in this swarm: says `completed`, once. (Archive swarms are never complete.) */
  completed(infoHash: string): void {
    if (this.#complete.has(infoHash)) return;
    this.#complete.add(infoHash);
    for (const [, task] of this.#all())
      if (task.infoHash === infoHash) task.complete(this.#options.clock.nowMs());
    this.#run();
  }

  /** Of each tracker how it is, in the order of the lists. */
  status(): TrackerStatus[] {
    const urls = new Set(this.#lines.flatMap(({ tiers }) => tiers.inOrder()));
    return [...urls].map((url) => this.#tally.of(url));
  }

  /** Says `stopped` everywhere, for two seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#abort.abort(new UnavailableError('stopping'));
    for (const [, task] of this.#all()) this.#sayGoodbye(task);
    this.#tasks.clear();
    await Promise.allSettled(this.#goodbyes);
    this.#exchange[Symbol.dispose]();
  }

  *#all(): Generator<readonly [Line, TrackerTask]> {
    for (const [line, tasks] of this.#tasks) for (const task of tasks.values()) yield [line, task];
  }

  /** Starts what is due, and wakes up for what is due next. */
  #run(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#stopped) return;
    const { clock } = this.#options;
    const now = clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [line, task] of this.#all()) {
      if (task.running) continue;
      if (task.nextMs > now) nextMs = Math.min(nextMs, task.nextMs);
      else if (line.inFlight < MAX_IN_FLIGHT) void this.#announce(line, task);
      // Beyond that it is started when one of those in flight ends.
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#cancelTimer = clock.after(nextMs - now, () => this.#run());
  }

  /** One round through the list. */
  async #announce(line: Line, task: TrackerTask): Promise<void> {
    const { clock } = this.#options;
    task.running = true;
    line.inFlight += 1;
    try {
      let failed: [url: string, reason: string] | undefined;
      for (const [url, announcing] of task.round(() => clock.nowMs())) {
        task.asked = announcing;
        const failure = await this.#announceTo(line, task, url, announcing);
        if (failure === undefined || this.#stopped || !this.#isOurs(line, task)) return;
        if (failure !== '') failed ??= [url, failure];
      }
      if (failed) await this.#noteSilence(line, ...failed);
    } finally {
      line.inFlight -= 1;
      task.ended(clock.nowMs());
      this.#run();
    }
  }

  /** Why it came to nothing: empty when the host has no address of this family, undefined when it was answered. */
  async #announceTo(
    line: Line,
    task: TrackerTask,
    url: string,
    announcing: Announcing,
  ): Promise<string | undefined> {
    const { clock } = this.#options;
    const { infoHash, family } = task;
    try {
      const heard = await this.#ask(task, url, announcing, announcing.event, this.#abort.signal);
      if (!heard) {
        announcing.postponed(clock.nowMs(), this.#draw());
        task.failed(url);
        return '';
      }
      announcing.answered(heard.answer, clock.nowMs());
      task.answered(url);
      this.#tally.answered(url, family, infoHash, heard.answer);
      if (line.failing) diary.info(`${quoteRemote(url)} answers`);
      line.failing = false;
      this.#take(line, task, url, heard);
      if (!hasCounts(heard.answer)) void this.#scrape(task, url);
      return undefined;
    } catch (error) {
      announcing.failed(clock.nowMs(), this.#draw());
      task.failed(url);
      const isExpected = error instanceof ProtocolError || error instanceof UnavailableError;
      const reason = isExpected ? error.message : String(error);
      if (this.#stopped) return reason;
      this.#tally.failed(url, family, reason);
      diary.debug(
        `could not announce to ${quoteRemote(url)} over IPv${family}:`,
        isExpected ? reason : error,
      );
      return reason;
    }
  }

  /** What a tracker's answer says. */
  #take(line: Line, task: TrackerTask, url: string, { answer, reach }: HeardAnnounce): void {
    const { found, sawUs } = this.#options;
    if (answer.warning) diary.debug(`${quoteRemote(url)} warns: ${quoteRemote(answer.warning, 200)}`);
    if (answer.externalIp) sawUs?.(answer.externalIp, new URL(url).hostname);
    const peers = peersOf(answer, MAX_PEERS).filter((peer) => mayName(reach, peer));
    diary.debug(`${quoteRemote(url)} names ${peers.length} peers of ${task.infoHash}`);
    if (peers.length > 0 && this.#isOurs(line, task)) found(task.infoHash, peers, line.list);
  }

  /** For the status: a tracker that tells no numbers with the peers may tell them by themselves (BEP 48). */
  async #scrape({ infoHash, family }: TrackerTask, url: string): Promise<void> {
    try {
      const wanted = [Uint8Array.fromHex(infoHash)];
      const [entry] = await this.#exchange.scrape(url, family, wanted, this.#abort.signal);
      if (entry) this.#tally.counted(url, family, infoHash, entry);
    } catch (error) {
      diary.debug(`could not scrape ${quoteRemote(url)}:`, (error as Error).message);
    }
  }

  /** It wasn't left meanwhile. */
  #isOurs(line: Line, task: TrackerTask): boolean {
    return this.#tasks.get(line)?.get(task.infoHash) === task;
  }

  #sayGoodbye(task: TrackerTask): void {
    const signal = AbortSignal.timeout(STOP_TIMEOUT_MS);
    for (const [url, announcing] of task.goodbyes()) {
      const goodbye: Promise<void> = this.#ask(task, url, announcing, 'stopped', signal)
        .catch(() => {})
        .then(() => {
          this.#goodbyes.delete(goodbye);
        });
      this.#goodbyes.add(goodbye);
    }
  }

  async #ask(
    { infoHash, family }: TrackerTask,
    url: string,
    { trackerId }: Announcing,
    event: AnnounceEvent | undefined,
    signal: AbortSignal,
  ): Promise<HeardAnnounce | undefined> {
    const { peerId, port, outerPort, totals } = this.#options;
    const isOutside = family === 4 && (await this.#exchange.reachOf(url, family, signal)) === 'public';
    const { uploaded, downloaded } = totals?.() ?? { uploaded: 0, downloaded: 0 };
    const request = {
      infoHash: Uint8Array.fromHex(infoHash),
      peerId,
      port: isOutside ? (outerPort?.() ?? port) : port,
      uploadedBytes: uploaded,
      downloadedBytes: downloaded,
      // Never 0 before we are complete: many trackers name no seeds to a seed.
      leftBytes: this.#complete.has(infoHash) ? 0 : 1,
      numWant: event === 'stopped' ? 0 : NUM_WANT,
      key: this.#key,
      ...(event && { event }),
      ...(trackerId && { trackerId }),
    };
    return this.#exchange.announce(url, family, request, signal);
  }

  /** One line when a whole list begins to fail. Where there is IPv4 as well, IPv6 that doesn't work is nobody's concern. */
  async #noteSilence(line: Line, url: string, reason: string): Promise<void> {
    if (this.#stopped || line.failing) return;
    line.failing = true;
    if (line.family === 6 && !(await this.#exchange.hasOnly(url, 6).catch(() => false))) return;
    const others = line.tiers.inOrder().length - 1;
    const who = `${quoteRemote(url)}${others > 0 ? ` and ${others} that stand for it` : ''}`;
    if (!this.#stopped) diary.warn(`could not announce to ${who}: ${reason}`);
  }
}

/** Of each list its trackers by family. A tracker that is for all swarms needn't be asked for another list, too. */
function linesOf(lists: readonly TrackerList[], draw: () => number): Line[] {
  const forAll = new Set<string>();
  return lists.flatMap((list) => {
    let room = MAX_TRACKERS;
    const usable = list.tiers.map((tier) =>
      tier.filter((url) => isTrackerUrl(url) && !forAll.has(url) && room-- > 0),
    );
    if (!list.swarms) for (const url of usable.flat()) forAll.add(url);
    return ([4, 6] as const).flatMap((family) => {
      const tiers = new TrackerTiers(
        usable.map((tier) => tier.filter((url) => mayHave(url, family))),
        draw,
      );
      return tiers.inOrder().length > 0 ? [{ list, family, tiers, inFlight: 0, failing: false }] : [];
    });
  });
}

/** A name may have addresses of both families, an address is of one. */
function mayHave(url: string, family: Family): boolean {
  const address = parseIp(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
  return !address || (address.length === 4) === (family === 4);
}

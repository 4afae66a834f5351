/**
 * Finds the peers of this node's swarms in the mainline DHT, and lets others find it there: one look-up and announce a
 * swarm (looking.ts says when), one at a time, never one a file. Which swarms may be announced publicly is the caller's
 * business. Without a swarm there is no socket, and the library isn't even loaded (dht-node.ts). IPv4 only. Spec: BEP 5.
 */
import { formatHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import type { DhtNode, DhtNodeOptions } from './dht-node.ts';
import { Looking } from './looking.ts';

/** With fewer peers a swarm is looked up sooner. */
export const FEW_PEERS = 4;
/** How long after nobody answered we try again, doubled each time up to the last. */
const FIRST_REJOIN_MS = 15_000;
const LAST_REJOIN_MS = 15 * 60_000;
/** From one swarm's look-up to the next one's, so that a small DHT's nodes aren't asked more than the gate lets pass. */
export const PAUSE_MS = 2_000;
/** An impatient look-up comes no sooner than this after the last. */
const IMPATIENT_MS = 60_000;

const diary = log.withTag('dht');

/** What is used of a DhtNode here. */
export type NodeInUse = Pick<DhtNode, 'join' | 'lookUp' | 'nodes' | 'isReadOnly' | 'address'> &
  Partial<Pick<DhtNode, 'externalAddress'>> &
  AsyncDisposable;

export interface DhtOptions extends DhtNodeOptions {
  /** Our TCP port as others can dial it. */
  readonly port: () => number;
  /** Connected peers of a swarm. */
  readonly peersIn: (infoHash: string) => number;
  /** 0 to 1. */
  readonly draw?: () => number;
  /** Unless told, a real one. */
  readonly open?: (options: DhtNodeOptions) => Promise<NodeInUse>;
}

export interface DhtStatus {
  /** Nodes in the table; 0 = nobody has answered yet. */
  readonly nodes: number;
  /** Strangers don't reach our UDP port (BEP 43). */
  readonly readOnly: boolean;
}

export class Dht implements AsyncDisposable {
  readonly #options: DhtOptions;
  readonly #swarms = new Map<string, Looking>();
  #node: NodeInUse | undefined;
  #work: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #lastLookUpMs = Number.NEGATIVE_INFINITY;
  #isAlone = true;
  #timesAlone = 0;
  #stopped = false;

  constructor(options: DhtOptions) {
    this.#options = options;
  }

  /** The swarms to be found in from now on (40 hexadecimal digits): new ones are looked up at once. */
  setSwarms(infoHashes: Iterable<string>): void {
    const wanted = new Set(infoHashes);
    for (const infoHash of this.#swarms.keys()) if (!wanted.has(infoHash)) this.#swarms.delete(infoHash);
    for (const infoHash of wanted) {
      if (!this.#swarms.has(infoHash)) this.#swarms.set(infoHash, new Looking(this.#options.clock.nowMs()));
    }
    this.#run();
  }

  /** We are short of peers: looks all swarms up as soon as is decent. */
  announceNow(): void {
    const atMs = Math.max(this.#options.clock.nowMs(), this.#lastLookUpMs + IMPATIENT_MS);
    for (const looking of this.#swarms.values()) looking.hurry(atMs);
    this.#run();
  }

  /** Whether there is a socket, and the library is loaded. */
  get isOpen(): boolean {
    return this.#node !== undefined;
  }

  /** Our IPv4 address as most nodes see it. */
  get externalAddress(): string | undefined {
    return this.#node?.externalAddress;
  }

  status(): DhtStatus {
    return { nodes: this.#node?.nodes ?? 0, readOnly: this.#node?.isReadOnly ?? false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#swarms.clear();
    const node = this.#node;
    this.#node = undefined;
    await node?.[Symbol.asyncDispose]();
    await this.#work;
  }

  /** Starts what is due, or wakes up for what is due next. */
  #run(): void {
    if (this.#stopped || this.#work || this.#swarms.size === 0) return;
    this.#cancelTimer?.();
    const { clock } = this.#options;
    const nextMs = Math.min(...[...this.#swarms.values()].map((looking) => looking.nextMs));
    const waitMs = nextMs - clock.nowMs();
    if (waitMs > 0) {
      this.#cancelTimer = clock.after(waitMs, () => this.#run());
      return;
    }
    this.#work = this.#lookUpNext()
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#work = undefined;
        this.#run();
      });
  }

  /** The swarm that has been due for longest; others wait a moment. */
  async #lookUpNext(): Promise<void> {
    const { clock, draw = Math.random } = this.#options;
    const node = await this.#opened();
    if (!node || this.#stopped) return;
    if (node.nodes === 0 && !(await node.join())) return this.#nobodyAnswers();
    if (this.#isAlone)
      diary.info(`in the DHT with ${node.nodes} nodes, by UDP at ${formatHostPort(node.address)}`);
    this.#isAlone = false;
    this.#timesAlone = 0;
    const next = [...this.#swarms].toSorted(([, a], [, b]) => a.nextMs - b.nextMs)[0];
    if (!next) return;
    const [infoHash, looking] = next;
    await node.lookUp(infoHash, this.#options.port());
    const now = clock.nowMs();
    this.#lastLookUpMs = now;
    looking.done(this.#options.peersIn(infoHash) < FEW_PEERS, now, draw());
    for (const other of this.#swarms.values()) if (other !== looking) other.postpone(now + PAUSE_MS);
  }

  async #opened(): Promise<NodeInUse | undefined> {
    if (this.#node) return this.#node;
    const node = await (this.#options.open ?? openNode)(this.#options);
    if (this.#stopped) {
      await node[Symbol.asyncDispose]();
      return undefined;
    }
    this.#node = node;
    return node;
  }

  #nobodyAnswers(): void {
    if (this.#stopped) return;
    diary[this.#timesAlone === 1 ? 'warn' : 'debug']('no node of the DHT answers');
    this.#isAlone = true;
    this.#postpone();
  }

  #fail(error: Error): void {
    diary[this.#timesAlone === 0 ? 'warn' : 'debug'](`the DHT can't be used: ${error.message}`);
    this.#postpone();
  }

  #postpone(): void {
    const { clock, draw = Math.random } = this.#options;
    const waitMs = Math.min(FIRST_REJOIN_MS * 2 ** this.#timesAlone, LAST_REJOIN_MS) * (0.75 + 0.5 * draw());
    this.#timesAlone += 1;
    for (const looking of this.#swarms.values()) looking.postpone(clock.nowMs() + waitMs);
  }
}

/** On the port of our peers; on any other one when that is taken. */
async function openNode(options: DhtNodeOptions): Promise<NodeInUse> {
  const { DhtNode } = await import('./dht-node.ts');
  try {
    return await DhtNode.open(options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || options.listen.port === 0) throw error;
    log.warn(`UDP port ${options.listen.port} is taken: the DHT uses another one`);
    return await DhtNode.open({ ...options, listen: { ...options.listen, port: 0 } });
  }
}

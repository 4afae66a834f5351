/**
 * The dialogue with apt: its messages in, ours out. Everything that apt asks for is handed to the daemon at once, and
 * answered as it comes. It decides what is said when (with stage.ts), not what a file's end is (transfer.ts).
 * Invariants: every file that apt asks for gets exactly one end; nothing is fetched or written before the rights of
 * root are gone; whatever goes wrong is said to apt and ends nothing else.
 */
import type { Clock } from '../lib/clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { capabilities, ended, log, type Outcome, started, status, warning } from './answers.ts';
import { Configuration } from './configuration.ts';
import { DaemonLink, type Fetch, type Terms } from './daemon-link.ts';
import { fieldOf, type Garbled, type Message, MessageFramer } from './message.ts';
import { Stage } from './stage.ts';
import { Transfer } from './transfer.ts';
import { type WantedFile, wantedFile } from './wanted-file.ts';

export interface MethodParts {
  readonly write: (text: string) => void;
  readonly clock: Clock;
  /** Becomes what the configuration says. Throws when it can't: nothing but redirects then. */
  readonly dropRights: (configuration: Configuration) => void;
  readonly fetch?: Fetch;
}

/** Requests to the daemon under way; what apt gives beyond waits here. */
const AT_ONCE = 32;
const TICK_MS = 250;

class Item {
  readonly file: WantedFile;
  transfer: Transfer | undefined;
  outcome: Outcome | undefined;

  constructor(file: WantedFile) {
    this.file = file;
  }

  get isGrowing(): boolean {
    return this.transfer?.progress.isGrowing ?? false;
  }
}

export class Method {
  readonly #parts: MethodParts;
  readonly #framer = new MessageFramer();
  readonly #stage: Stage<Item>;
  readonly #waiting: Item[] = [];
  readonly #running = new Set<Item>();
  #link: DaemonLink | undefined;
  /** Why nothing but redirects can be answered. */
  #powerless: string | undefined = 'apt has sent no configuration';
  #ticking = false;
  #said = '';

  constructor(parts: MethodParts) {
    this.#parts = parts;
    this.#stage = new Stage(parts.clock.nowMs());
  }

  /** The first thing that apt waits for. */
  greet(): void {
    this.#parts.write(capabilities());
  }

  /** Of stdin. Never throws but what `write` does. */
  push(bytes: Uint8Array): void {
    for (const message of this.#framer.push(bytes)) this.#take(message);
  }

  /** apt is gone, or wants us gone: files get their dates, so that they can be resumed. */
  stop(): void {
    for (const { transfer } of this.#running) transfer?.letGo();
  }

  #take(message: Message | Garbled): void {
    if ('garbled' in message)
      return this.#parts.write(log(`a message of apt's is left out: ${message.garbled}`));
    if (message.code === 601) this.#configure(new Configuration(message));
    else if (message.code === 600) this.#acquire(message);
  }

  #configure(configuration: Configuration): void {
    const { clock, dropRights, write } = this.#parts;
    this.#powerless = undefined;
    try {
      dropRights(configuration);
    } catch (error) {
      this.#powerless = (error as Error).message;
      write(warning(`debtorrent fetches nothing as root: ${this.#powerless}`));
    }
    const { daemon } = configuration;
    this.#link = daemon === 'none' ? undefined : new DaemonLink(daemon, clock, this.#parts.fetch);
    if (daemon === 'none') this.#powerless ??= 'Acquire::debtorrent::Proxy says so';
    this.#configuration = configuration;
    // Then apt wants a hash of its own choice, and counts it itself.
    this.#tellsHash = configuration.forcedHash === undefined;
  }

  #tellsHash = true;
  #configuration = new Configuration();
  /** All files of a process are of one scheme and host. */
  #terms: Terms | undefined;

  #termsOf({ plainUri }: WantedFile): Terms {
    const scheme = plainUri.startsWith('https:') ? 'https' : 'http';
    this.#terms ??= {
      giveUpMs: this.#configuration.timeoutMs(scheme),
      bucket: new TokenBucket(this.#configuration.dlLimit(scheme), this.#parts.clock.nowMs()),
    };
    return this.#terms;
  }

  #acquire(message: Message): void {
    const file = wantedFile(message);
    if (!file) {
      const outcome = { kind: 'failed', text: 'debtorrent does not understand what is asked for' } as const;
      const uri = fieldOf(message, 'URI') ?? '';
      this.#parts.write(ended({ uri } as WantedFile, outcome));
      return;
    }
    const item = new Item(file);
    this.#stage.add(item);
    this.#waiting.push(item);
    this.#next();
    this.#keepTicking();
  }

  #next(): void {
    while (this.#running.size < AT_ONCE) {
      const item = this.#waiting.shift();
      if (!item) return;
      this.#running.add(item);
      void this.#run(item);
    }
  }

  async #run(item: Item): Promise<void> {
    const { clock } = this.#parts;
    let outcome: Outcome;
    if (this.#powerless !== undefined || !this.#link) {
      outcome = { kind: 'redirect', why: this.#powerless ?? 'no daemon' };
    } else {
      const pause = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
      item.transfer = new Transfer(item.file, { link: this.#link, terms: this.#termsOf(item.file), pause });
      outcome = await item.transfer.run();
    }
    item.outcome = outcome;
    this.#running.delete(item);
    this.#say(this.#stage.end(item, clock.nowMs()));
    this.#next();
  }

  #say(cues: ReturnType<Stage<Item>['tick']>): void {
    for (const { kind, act } of cues) {
      if (kind === 'start') this.#sayStarted(act);
      else this.#sayEnded(act);
    }
  }

  #sayStarted({ file, transfer, outcome }: Item): void {
    // What ends without bytes needs no announcement.
    if (outcome && outcome.kind !== 'done') return;
    this.#parts.write(started(file, transfer?.progress ?? {}));
  }

  #sayEnded({ file, outcome }: Item): void {
    if (!outcome) return;
    const { write } = this.#parts;
    if (outcome.kind === 'done') write(log(`${file.uri} came from ${outcome.source ?? 'the mirror'}`));
    if (outcome.kind === 'redirect') write(log(`${file.uri} goes to apt's own method: ${outcome.why}`));
    const isTold = outcome.kind === 'done' && !this.#tellsHash ? { ...outcome, hash: undefined } : outcome;
    write(ended(file, isTold));
    this.#said = '';
  }

  #keepTicking(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#parts.clock.after(TICK_MS, () => {
      this.#ticking = false;
      const cues = this.#stage.tick(this.#parts.clock.nowMs());
      this.#say(cues);
      if (this.#stage.isEmpty) return;
      this.#sayWhatGoesOn();
      this.#keepTicking();
    });
  }

  /** apt shows it while it shows no file. */
  #sayWhatGoesOn(): void {
    const files = this.#running.size + this.#waiting.length;
    const text = files === 1 ? 'Waiting for DebTorrent' : `Waiting for DebTorrent: ${files} files`;
    if (files === 0 || text === this.#said) return;
    this.#said = text;
    this.#parts.write(status(text));
  }
}

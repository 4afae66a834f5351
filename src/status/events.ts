/**
 * The status page as it changes, by server-sent events (HTML Living Standard §9.2): every two seconds, to each page that
 * is open, those sections that differ from what it was sent last. Nothing is done while nobody looks. Bounded: so many
 * pages, fewer of other machines, and a page that doesn't keep up skips beats instead of being queued for.
 */
import type { Clock } from '../lib/clock.ts';
import { pageSections } from './page.ts';
import { type ByteTotals, type StatusSnapshot, withoutDetails } from './snapshot.ts';

const BEAT_MS = 2000;
const PAGES_MAX = 32;
/** So that this machine's own page always opens. */
const STRANGERS_MAX = 24;
/** After a break the browser comes back so soon. */
const RETRY_MS = 2000;

export interface EventsParts {
  readonly clock: Clock;
  readonly snapshot: () => StatusSnapshot;
  readonly history: () => readonly ByteTotals[];
}

interface Open {
  readonly details: boolean;
  readonly out: ReadableStreamDefaultController<Uint8Array>;
  /** By the section's id. */
  readonly sent: Map<string, string>;
}

const encoder = new TextEncoder();

export class Events implements Disposable {
  readonly #parts: EventsParts;
  readonly #open = new Set<Open>();
  #cancel: (() => void) | undefined;
  #ended = false;

  constructor(parts: EventsParts) {
    this.#parts = parts;
  }

  /** Ends when `signal` is aborted, its reader cancels, or this is disposed of. Undefined when too many are open. */
  open(details: boolean, signal: AbortSignal): ReadableStream<Uint8Array> | undefined {
    const strangers = [...this.#open].filter((page) => !page.details).length;
    if (this.#ended || this.#open.size >= PAGES_MAX || (!details && strangers >= STRANGERS_MAX)) return;
    let page: Open | undefined;
    return new ReadableStream<Uint8Array>({
      start: (out) => {
        page = { details, out, sent: new Map() };
        this.#open.add(page);
        out.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`));
        const opened = page;
        signal.addEventListener('abort', () => this.#close(opened), { once: true });
        this.#beatLater();
      },
      cancel: () => {
        if (page) this.#open.delete(page);
      },
    });
  }

  get pages(): number {
    return this.#open.size;
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#cancel?.();
    for (const page of [...this.#open]) this.#close(page);
  }

  #beatLater(): void {
    this.#cancel ??= this.#parts.clock.after(BEAT_MS, () => {
      this.#cancel = undefined;
      this.#beat();
      if (this.#open.size > 0) this.#beatLater();
    });
  }

  #beat(): void {
    if (this.#open.size === 0) return;
    const { snapshot, history } = this.#parts;
    const whole = snapshot();
    const rendered = new Map<boolean, Map<string, string>>();
    for (const page of this.#open) {
      if ((page.out.desiredSize ?? 0) <= 0) continue;
      const { details } = page;
      let sections = rendered.get(details);
      if (!sections) {
        const seen = details ? whole : withoutDetails(whole);
        sections = pageSections({ snapshot: seen, history: history(), details });
        rendered.set(details, sections);
      }
      const changed = [...sections].filter(([id, html]) => page.sent.get(id) !== html);
      for (const [id, html] of changed) page.sent.set(id, html);
      // Also when nothing changed: a client that has gone unseen is found by writing to it.
      page.out.enqueue(
        encoder.encode(`event: sections\ndata: ${JSON.stringify(Object.fromEntries(changed))}\n\n`),
      );
    }
  }

  #close(page: Open): void {
    if (!this.#open.delete(page)) return;
    page.out.close();
  }
}

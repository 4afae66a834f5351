/**
 * A byte stream to one peer, as the dialogue sees it: real TCP (tcp.ts), or memory in tests and simulations.
 * Decides nothing. Invariant: after `close` (by either side) no event comes any more but the one `closed`.
 */
import type { HostPort } from '../lib/host-port.ts';

export interface LinkEvents {
  /** Payload that was asked for and hasn't come, where that is known: while it is much, reading may wait for more. */
  readonly awaitedBytes?: number;
  /** The chunk is good until this returns. */
  data(chunk: Uint8Array): void;
  /** What was queued has gone out. */
  drained(): void;
  /** Once, whoever closed it and why. */
  closed(reason: string): void;
}

export interface Link {
  readonly remote: HostPort;
  /** Bytes handed to `send` that the system hasn't taken yet. */
  readonly queuedBytes: number;
  /** Takes all of `bytes`; the caller may reuse them at once. */
  send(bytes: Uint8Array): void;
  /** Stops and resumes reading: backpressure. */
  pause(): void;
  resume(): void;
  close(reason: string): void;
  /** Must be called before the first event, synchronously after the link was given. */
  attach(events: LinkEvents): void;
}

/** Opens a link. Rejects when that fails or takes longer than `timeoutMs`. */
export type Dial = (to: HostPort, timeoutMs: number) => Promise<Link>;

export interface LinkListener {
  readonly address: HostPort;
  close(): void;
}

/** Accepts links. Throws when the address can't be listened on. */
export type Listen = (at: HostPort, accept: (link: Link) => void) => LinkListener;

/**
 * Asks UDP trackers (BEP 15). For each address one connected socket, so that nobody else's datagrams are heard and a
 * refusal is known at once; it is kept for the minute that its connection id is good for, and all requests share both.
 * A request is sent again after 2.5 and 7.5 s and given up after 17.5 s (BEP 15's 15 · 2^n would be over an hour):
 * whoever announces has its own longer pauses. What doesn't decode or wasn't asked for is passed over. A socket over which
 * nothing came is given up: its own address may be one that this machine no longer has.
 */
import { type ConnectionId, encodeUdpRequest, type UdpAnnounce, type UdpScrape } from '../announce/udp.ts';
import { decodeUdpAnswer, type UdpAnswer } from '../announce/udp-answer.ts';
import type { Clock } from '../lib/clock.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import type { Family, TrackerAddress } from './tracker-addresses.ts';

/** The first of these waits; each further one is twice as long. */
const FIRST_WAIT_MS = 2_500;
const MAX_SENDS = 3;
/** How long a connection id may be used (BEP 15). */
const CONNECTION_MS = 60_000;
/** What an endpoint waits for its next request before its socket is closed. */
const IDLE_MS = CONNECTION_MS;

type Head = 'connectionId' | 'transactionId';
export type UdpQuestion = Omit<UdpAnnounce, Head> | Omit<UdpScrape, Head>;
type Socket = Bun.udp.ConnectedSocket<'uint8array'>;

export class UdpTrackers implements Disposable {
  readonly #clock: Clock;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer to the question's action. Throws UnavailableError (silence, refusal, its own error) or the signal's reason. */
  async ask(
    { host, family }: TrackerAddress,
    port: number,
    question: UdpQuestion,
    signal: AbortSignal,
  ): Promise<UdpAnswer> {
    signal.throwIfAborted();
    const key = `${host} ${port}`;
    const known = this.#endpoints.get(key);
    if (known) return known.ask(question, signal);
    const made = new Endpoint(this.#clock, host, port, family, () => {
      if (this.#endpoints.get(key) === made) this.#endpoints.delete(key);
    });
    this.#endpoints.set(key, made);
    return made.ask(question, signal);
  }

  [Symbol.dispose](): void {
    for (const endpoint of [...this.#endpoints.values()]) endpoint.close('stopping');
  }
}

/** One tracker's address. */
class Endpoint {
  readonly #clock: Clock;
  readonly #family: Family;
  readonly #closed: () => void;
  readonly #socket: Promise<Socket>;
  readonly #pending = new Map<number, PromiseWithResolvers<UdpAnswer | undefined>>();
  #connection: { readonly id: ConnectionId; readonly untilMs: number } | undefined;
  #connecting: Promise<UdpAnswer | undefined> | undefined;
  #asking = 0;
  /** It has failed: whoever asks next gets another one. */
  #isStale = false;
  #cancelIdle: (() => void) | undefined;

  constructor(clock: Clock, host: string, port: number, family: Family, closed: () => void) {
    this.#clock = clock;
    this.#family = family;
    this.#closed = closed;
    this.#socket = Bun.udpSocket({
      // Unless told, Bun's socket is one of IPv4, and doesn't connect to an address of IPv6.
      hostname: family === 6 ? '::' : '0.0.0.0',
      connect: { hostname: host, port },
      binaryType: 'uint8array',
      socket: {
        data: (_socket, bytes) => this.#heard(bytes),
        // Bun gives the error alone, whatever its types say.
        error: (...given: unknown[]) => this.#failed(codeOf(given.find((one) => one instanceof Error))),
      },
    });
    this.#socket.catch(closed);
  }

  async ask(question: UdpQuestion, signal: AbortSignal): Promise<UdpAnswer> {
    this.#asking += 1;
    this.#cancelIdle?.();
    try {
      return await orAborted(this.#ask(question, signal), signal);
    } finally {
      this.#asking -= 1;
      if (this.#asking === 0 && this.#isStale) this.close('it failed');
      else if (this.#asking === 0)
        this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.close('nothing to ask'));
    }
  }

  close(why: string): void {
    this.#cancelIdle?.();
    this.#closed();
    this.#failed(why);
    this.#socket.then(
      (socket) => socket.close(),
      () => {},
    );
  }

  /** Connects where it has to, and asks. A connection id that the tracker no longer knows is renewed once. */
  async #ask(question: UdpQuestion, signal: AbortSignal): Promise<UdpAnswer> {
    const transactionId = newTransactionId();
    let mayRenew = this.#connectionId() !== undefined;
    for (let sends = 0; sends < MAX_SENDS && !signal.aborted; ) {
      const waitMs = FIRST_WAIT_MS * 2 ** sends;
      const connectionId = this.#connectionId();
      const answer = connectionId
        ? await this.#send({ ...question, connectionId, transactionId }, waitMs)
        : await this.#connect(waitMs);
      if (answer?.action === 'error') {
        if (!connectionId || !mayRenew)
          throw new UnavailableError(`it says: ${quoteRemote(answer.failure, 200)}`);
        mayRenew = false;
        this.#connection = undefined;
      } else if (connectionId && answer?.action === question.action) return answer;
      // Silence, or an answer to something else: either has used up a try.
      else if (connectionId || answer?.action !== 'connect') sends += 1;
      // Some say nothing to an id that is too old for them, or for the time that this machine has slept.
      if (connectionId && !answer && mayRenew) {
        mayRenew = false;
        this.#connection = undefined;
      }
    }
    this.#giveUp();
    throw new UnavailableError('no answer', { timedOut: true });
  }

  /** Those that still wait for an answer may do so. */
  #giveUp(): void {
    this.#isStale = true;
    this.#closed();
  }

  #connectionId(): ConnectionId | undefined {
    return this.#connection && this.#connection.untilMs > this.#clock.nowMs()
      ? this.#connection.id
      : undefined;
  }

  /** One for all that wait. */
  #connect(waitMs: number): Promise<UdpAnswer | undefined> {
    const sentMs = this.#clock.nowMs();
    this.#connecting ??= this.#send({ action: 'connect', transactionId: newTransactionId() }, waitMs)
      .then((answer) => {
        if (answer?.action === 'connect')
          this.#connection = { id: answer.connectionId, untilMs: sentMs + CONNECTION_MS };
        return answer;
      })
      .finally(() => {
        this.#connecting = undefined;
      });
    return this.#connecting;
  }

  /** The answer with the request's transaction id; undefined after `waitMs` without one. */
  async #send(
    request: Parameters<typeof encodeUdpRequest>[0],
    waitMs: number,
  ): Promise<UdpAnswer | undefined> {
    const { transactionId } = request;
    const waiting = Promise.withResolvers<UdpAnswer | undefined>();
    waiting.promise.catch(() => {}); // it may fail while the socket is still being made
    this.#pending.set(transactionId, waiting);
    let cancel = () => {};
    try {
      const socket = await this.#socket;
      cancel = this.#clock.after(waitMs, () => waiting.resolve(undefined));
      socket.send(encodeUdpRequest(request));
      return await waiting.promise;
    } catch (cause) {
      this.#giveUp();
      if (cause instanceof UnavailableError) throw cause;
      throw new UnavailableError(codeOf(cause), { cause });
    } finally {
      cancel();
      this.#pending.delete(transactionId);
    }
  }

  #heard(bytes: Uint8Array): void {
    try {
      const answer = decodeUdpAnswer(bytes, this.#family);
      this.#pending.get(answer.transactionId)?.resolve(answer);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #failed(why: string): void {
    for (const { reject } of this.#pending.values()) reject(new UnavailableError(why));
  }
}

function codeOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return code ?? message ?? 'the socket failed';
}

/** Not to be guessed: it is what tells the tracker's answer from a stranger's. */
function newTransactionId(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

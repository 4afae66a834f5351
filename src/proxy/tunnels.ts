/**
 * CONNECT: bytes carried to an https mirror and back, unread. apt asks for it wherever a host has http and https sources
 * and the proxy is set for one of them. It decides who is let through where: the same upstreams as for files, checked
 * after name resolution and dialled at the address that was checked, at port 443 only unless the upstream is named; and
 * how many tunnels there may be, and how long one may be silent. What passes isn't kept and can't be shared.
 * Source: RFC 9110 §9.3.6.
 */
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Location } from '../archive/entry.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { RefusedError, UnavailableError } from '../lib/errors.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { orAborted } from '../lib/or-aborted.ts';
import { quoteRemote } from '../lib/quote-remote.ts';
import { dialInTurn } from '../mirror/dial-in-turn.ts';
import type { ClientAccess } from './client-access.ts';
import type { LoopGuard } from './loop-guard.ts';
import { answerRaw } from './raw-answer-text.ts';

/** What is wanted of UpstreamPolicy. */
export interface TunnelPolicy {
  check(at: Location): Promise<readonly string[]>;
  allowsByName(at: Location): boolean;
  isKnown(at: Location): boolean;
}

export interface TunnelsOptions {
  readonly clients: Pick<ClientAccess, 'allows' | 'isHere'>;
  readonly policy: TunnelPolicy;
  readonly loopGuard: Pick<LoopGuard, 'isOwnHost'>;
  readonly clock?: Clock;
  /** Default 256. */
  readonly total?: number;
  /** For one client that isn't on this machine. Default 32. */
  readonly perClient?: number;
  /** A tunnel without a byte either way ends after this. Default 5 min. */
  readonly idleMs?: number;
  /** To a connection with the upstream. Default 15 s: apt gives up after 30. */
  readonly connectMs?: number;
}

/** One of several addresses may be silent for so long before the next is tried as well. */
const NEXT_ADDRESS_MS = 2_500;

const diary = log.withTag('proxy');

export class Tunnels implements Disposable {
  readonly #options: Required<TunnelsOptions>;
  /** By client. */
  readonly #counts = new Map<string, number>();
  readonly #ends = new Set<() => void>();

  constructor(options: TunnelsOptions) {
    this.#options = {
      clock: systemClock,
      total: 256,
      perClient: 32,
      idleMs: 300_000,
      connectMs: 15_000,
      ...options,
    };
  }

  /** Those that are open, or opening. */
  get count(): number {
    return this.#ends.size;
  }

  /** `authority` as it stands behind CONNECT; `head`: what came after the request. Never throws. */
  async open(authority: string, client: Socket, head: Uint8Array): Promise<void> {
    client.on('error', () => {});
    const address = client.remoteAddress;
    const leave = new AbortController();
    const end = () => {
      leave.abort(new Error('the client has gone'));
      client.destroy();
    };
    let release = () => {};
    try {
      const { to, at } = this.#mayOpen(authority, address);
      release = this.#count(address ?? '', end);
      client.once('close', () => {
        leave.abort(new Error('the client has gone'));
        release();
      });
      const upstream = await this.#dial(at, to, leave.signal);
      if (client.destroyed) upstream.destroy();
      else this.#join(client, upstream, head);
    } catch (error) {
      release();
      this.#refuse(client, authority, error);
    }
  }

  /** Ends all of them. */
  [Symbol.dispose](): void {
    for (const end of this.#ends) end();
  }

  #mayOpen(authority: string, address: string | undefined): { to: HostPort; at: Location } {
    const { clients, policy, loopGuard } = this.#options;
    if (!clients.allows(address)) throw new RefusedError(403, 'this proxy is not for your network');
    const to = parseHostPort(authority);
    if (!to || to.port === 0) throw new RefusedError(400, 'CONNECT wants HOST:PORT');
    const host = formatHostPort(to).toLowerCase().replace(/:443$/, '');
    const at: Location = { scheme: 'https', host, path: '/' };
    if (loopGuard.isOwnHost(formatHostPort(to))) throw new RefusedError(403, 'a tunnel to this proxy itself');
    if (to.port !== 443 && !policy.allowsByName(at)) {
      throw new RefusedError(
        403,
        `tunnels go to port 443; --allow-upstream ${formatHostPort(to)} would allow it`,
      );
    }
    if (!clients.isHere(address) && !policy.isKnown(at)) {
      throw new RefusedError(403, `not a known archive; --allow-upstream ${to.host} would allow it`);
    }
    return { to, at };
  }

  /** The function that gives its place back. */
  #count(address: string, end: () => void): () => void {
    const { clients, total, perClient } = this.#options;
    const held = this.#counts.get(address) ?? 0;
    if (this.#ends.size >= total || (held >= perClient && !clients.isHere(address)))
      throw new RefusedError(503, 'too many tunnels at once');
    this.#counts.set(address, held + 1);
    this.#ends.add(end);
    return () => {
      if (!this.#ends.delete(end)) return;
      const left = (this.#counts.get(address) ?? 1) - 1;
      if (left > 0) this.#counts.set(address, left);
      else this.#counts.delete(address);
    };
  }

  async #dial(at: Location, to: HostPort, left: AbortSignal): Promise<Socket> {
    const { policy, clock, connectMs } = this.#options;
    const late = new AbortController();
    const takeBackTimer = clock.after(connectMs, () => {
      const text = `could not connect to ${to.host} within ${Math.round(connectMs / 1000)} s`;
      late.abort(new UnavailableError(text, { timedOut: true }));
    });
    const signal = AbortSignal.any([left, late.signal]);
    try {
      const addresses = await orAborted(policy.check(at), signal);
      // One that is allowed by name is whatever that name means.
      const candidates = addresses.length > 0 ? addresses : [to.host];
      const dial = (host: string, own: AbortSignal) => dialOne({ host, port: to.port }, own);
      return await dialInTurn(candidates, dial, { clock, delayMs: NEXT_ADDRESS_MS, signal });
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (cause instanceof RefusedError || cause instanceof UnavailableError) throw cause;
      const reason = (cause as { code?: string }).code ?? 'no connection';
      throw new UnavailableError(`could not connect to ${to.host}: ${reason}`, { cause });
    } finally {
      takeBackTimer();
    }
  }

  #join(client: Socket, upstream: Socket, head: Uint8Array): void {
    const { clock, idleMs } = this.#options;
    let movedMs = clock.nowMs();
    const moved = () => {
      movedMs = clock.nowMs();
    };
    let takeBackTimer = () => {};
    const watch = () => {
      const leftMs = movedMs + idleMs - clock.nowMs();
      if (leftMs > 0) takeBackTimer = clock.after(leftMs, watch);
      else client.destroy();
    };
    watch();
    // Each side may end before the other.
    client.allowHalfOpen = true;
    client.setNoDelay(true);
    client.on('data', moved);
    upstream.on('data', moved);
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => {
      // What it has sent is still on its way to the client.
      if (!upstream.readableEnded) client.destroy();
    });
    client.on('close', () => {
      takeBackTimer();
      upstream.destroy();
    });
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    upstream.pipe(client);
    client.pipe(upstream);
  }

  #refuse(client: Duplex, authority: string, error: unknown): void {
    const isPlain = error instanceof RefusedError || error instanceof UnavailableError;
    const status = error instanceof RefusedError ? error.status : timedOut(error) ? 504 : 502;
    const text = isPlain ? error.message : 'the tunnel could not be made';
    diary.debug(`no tunnel to ${quoteRemote(authority, 200)}: ${(error as Error).message}`);
    answerRaw(client, status, text, text);
  }
}

function timedOut(error: unknown): boolean {
  return error instanceof UnavailableError && error.timedOut;
}

/** Rejects with the system's error or the signal's reason; the connection is closed then. */
function dialOne({ host, port }: HostPort, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const onAbort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    const onError = (error: Error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}

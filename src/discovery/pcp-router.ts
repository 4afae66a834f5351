/**
 * Asks a router for a port by PCP, or NAT-PMP where it knows only that: from one connected socket, so that nobody
 * else's datagrams are heard, sent again after 250 ms, doubled, four times. RFC 6887 §8.1.1, RFC 6886 §3.1, shortened:
 * a router is one hop away.
 */

import type { Clock } from '../lib/clock.ts';
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import {
  decodePcpAnswer,
  encodeNatPmpAddress,
  encodeNatPmpMap,
  encodePcpMap,
  type MapRequest,
  PCP_PORT,
  type PcpAnswer,
} from './pcp.ts';
import type { Mapped } from './port-mapping.ts';

const FIRST_WAIT_MS = 250;
const MAX_SENDS = 4;

export interface PcpOptions {
  readonly gateway: string;
  readonly clock: Clock;
  /** Where the router listens, unless told 5351. */
  readonly port?: number;
}

/** Throws UnavailableError for silence, ProtocolError for a refusal, or the signal's reason. */
export async function mapByPcp(
  request: MapRequest,
  { gateway, clock, port = PCP_PORT }: PcpOptions,
  signal: AbortSignal,
): Promise<Mapped> {
  await using router = await PcpSocket.open(gateway, port, clock, request);
  const mapped = await router.ask(encodePcpMap(request), 'mapped', signal);
  if (mapped?.kind === 'mapped') return asMapped('PCP', mapped, mapped.outerAddress);
  const older = await router.ask(encodeNatPmpMap(request), 'mapped', signal);
  if (older?.kind !== 'mapped') throw new ProtocolError('speaks neither PCP nor NAT-PMP');
  if (request.lifetimeSeconds === 0) return asMapped('NAT-PMP', older, undefined);
  const address = await router.ask(encodeNatPmpAddress(), 'address', signal);
  return asMapped('NAT-PMP', older, address?.kind === 'address' ? address.outerAddress : undefined);
}

function asMapped(
  by: Mapped['by'],
  { outerPort, lifetimeSeconds }: Extract<PcpAnswer, { kind: 'mapped' }>,
  outerAddress: string | undefined,
): Mapped {
  return { by, outerPort, lifetimeSeconds, ...(outerAddress && { outerAddress }) };
}

class PcpSocket implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #request: MapRequest;
  #socket: Bun.udp.ConnectedSocket<'uint8array'> | undefined;
  /** Takes what comes, when somebody waits for it. */
  #take: ((answer: PcpAnswer | Error) => void) | undefined;

  static async open(host: string, port: number, clock: Clock, request: MapRequest): Promise<PcpSocket> {
    const made = new PcpSocket(clock, request);
    made.#socket = await Bun.udpSocket({
      connect: { hostname: host, port },
      binaryType: 'uint8array',
      socket: {
        data: (_socket, bytes) => made.#heard(bytes),
        error: () => made.#take?.(new UnavailableError('the router refuses')),
      },
    });
    return made;
  }

  private constructor(clock: Clock, request: MapRequest) {
    this.#clock = clock;
    this.#request = request;
  }

  /** Undefined when the router speaks another version. */
  async ask(bytes: Uint8Array, kind: PcpAnswer['kind'], signal: AbortSignal): Promise<PcpAnswer | undefined> {
    for (let sends = 0; sends < MAX_SENDS; sends += 1) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<PcpAnswer | undefined>();
      const cancel = this.#clock.after(FIRST_WAIT_MS * 2 ** sends, () => resolve(undefined));
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.#take = (answer) => {
        if (answer instanceof Error) reject(answer);
        else if (answer.kind === kind || answer.kind === 'other-version') resolve(answer);
      };
      try {
        this.#socket?.send(bytes);
        const answer = await promise;
        if (answer?.kind === 'other-version') return undefined;
        if (answer) return answer;
      } finally {
        cancel();
        this.#take = undefined;
        signal.removeEventListener('abort', abort);
      }
    }
    throw new UnavailableError('no answer', { timedOut: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.close();
  }

  /** What isn't an answer to us is passed over; a refusal of ours isn't. */
  #heard(bytes: Uint8Array): void {
    try {
      this.#take?.(decodePcpAnswer(bytes, this.#request));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.message.startsWith('refused')) this.#take?.(error);
    }
  }
}

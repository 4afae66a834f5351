/**
 * Asks the router to let others in: a port of its own for our peer port (TCP, and UDP for the DHT), by PCP, NAT-PMP or UPnP, whichever it
 * speaks. Asked only from a private address; renewed at half its time and every 20 minutes, taken back on disposal (for two seconds at most).
 * A router that doesn't is no fault of ours, so failures are told in the status and the debug log only.
 *
 * The codecs are our own: of the kept libraries, nat-port-mapper 4.0.5 and nat-api 0.4.9 both ended the process on a
 * datagram of one byte from anybody on the network, fetched whatever an SSDP answer named, without limit; and one knows
 * routers of UPnP's second version only.
 */
import type { Clock } from '../lib/clock.ts';
import { UnavailableError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import { log } from '../lib/log.ts';
import { type Gateway, privateGateway } from './default-gateway.ts';
import { describeIgd, mapByUpnp, unmapByUpnp } from './igd.ts';
import type { MapRequest } from './pcp.ts';
import { mapByPcp } from './pcp-router.ts';
import { reachOf } from './reach.ts';
import { findRouters } from './ssdp.ts';

/** RFC 6886 §3.3 recommends two hours. */
const LIFETIME_SECONDS = 7_200;
/** Whatever the router says, renewals are no burden; and a router that was restarted hears of us again soon. */
const MIN_RENEW_MS = 60_000;
const MAX_RENEW_MS = 20 * 60_000;
const FIRST_RETRY_MS = 10 * 60_000;
const MAX_RETRY_MS = 2 * 60 * 60_000;
/** How often it is looked whether the machine is in another network than it was, or in one at last. */
const LOOK_MS = 30_000;
const STOP_TIMEOUT_MS = 2_000;
/** For one try at all that a router might speak. */
const TRY_TIMEOUT_MS = 20_000;

const diary = log.withTag('port-mapping');

/** What a router gave. */
export interface Mapped {
  readonly by: 'PCP' | 'NAT-PMP' | 'UPnP';
  /** Where it says that it can be reached itself. */
  readonly outerAddress?: string;
  readonly outerPort: number;
  /** 0: until it is taken back. */
  readonly lifetimeSeconds: number;
}

export interface PortMappingStatus {
  /** needless: we have no private address, so there is nothing to ask for. */
  readonly state: 'asking' | 'mapped' | 'failed' | 'needless';
  readonly by?: Mapped['by'];
  /** HOST:PORT as the router says; it may have no public address itself. */
  readonly outer?: HostPort;
  /** Why it failed; partly remote text. */
  readonly reason?: string;
}

export interface PortMappingOptions {
  /** TCP port on which we listen. */
  readonly port: number;
  readonly clock: Clock;
  /** Whether UDP is wanted on the same port, too. */
  readonly withUdp?: boolean;
  /** Whenever the status changes. */
  readonly changed?: (status: PortMappingStatus) => void;
  /** The router, now; undefined where there is nothing to ask for. */
  readonly gateway?: () => Gateway | undefined;
  /** Where routers listen, when not at the ports of the standards. */
  readonly pcpPort?: number;
  readonly ssdpTargets?: readonly HostPort[];
  /** 0 to 1. */
  readonly draw?: () => number;
}

type Wish = Pick<MapRequest, 'transport' | 'localPort' | 'outerPort' | 'lifetimeSeconds'>;

export class PortMapping implements AsyncDisposable {
  readonly #options: PortMappingOptions;
  readonly #clock: Clock;
  readonly #draw: () => number;
  readonly #abort = new AbortController();
  readonly #nonce = crypto.getRandomValues(new Uint8Array(12));
  #status: PortMappingStatus = { state: 'asking' };
  /** Takes back what was mapped. */
  #unmap: ((signal: AbortSignal) => Promise<unknown>) | undefined;
  #outerPort: number;
  /** Who was asked last. */
  #asked: Gateway | undefined;
  #failures = 0;
  #isTrying = true;
  #cancelTimer: (() => void) | undefined;
  #trying: Promise<void>;

  constructor(options: PortMappingOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#draw = options.draw ?? Math.random;
    this.#outerPort = options.port;
    this.#trying = this.#try();
  }

  status(): PortMappingStatus {
    return this.#status;
  }

  /** The router may have forgotten us: asks it again, if it isn't asked at this moment. */
  askNow(): void {
    if (this.#isTrying || this.#abort.signal.aborted) return;
    this.#cancelTimer?.();
    this.#failures = 0;
    this.#trying = this.#try();
  }

  /** Takes the mapping back, for two seconds at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelTimer?.();
    this.#abort.abort(new UnavailableError('stopping'));
    const signal = AbortSignal.timeout(STOP_TIMEOUT_MS);
    await this.#trying;
    await this.#unmap?.(signal);
  }

  async #try(): Promise<void> {
    this.#isTrying = true;
    const gateway = this.#gateway();
    this.#asked = gateway;
    if (!gateway) {
      this.#become({ state: 'needless' });
      return this.#again(Number.POSITIVE_INFINITY);
    }
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(TRY_TIMEOUT_MS)]);
    try {
      const mapped = await this.#map(gateway, signal);
      this.#failures = 0;
      this.#outerPort = mapped.outerPort;
      const { by, outerAddress, outerPort, lifetimeSeconds } = mapped;
      const isAddress = outerAddress !== undefined && reachOf(outerAddress) !== undefined;
      const outer = isAddress ? { host: outerAddress, port: outerPort } : undefined;
      this.#become({ state: 'mapped', by, ...(outer && { outer }) });
      const halfMs = lifetimeSeconds === 0 ? MAX_RENEW_MS : lifetimeSeconds * 500;
      this.#again(Math.min(Math.max(halfMs, MIN_RENEW_MS), MAX_RENEW_MS));
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#become({ state: 'failed', reason });
      this.#again(Math.min(FIRST_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS));
      this.#failures += 1;
    }
  }

  /** By whatever the router speaks; the last reason is told when it speaks nothing. */
  async #map(gateway: Gateway, signal: AbortSignal): Promise<Mapped> {
    const { clock, pcpPort, ssdpTargets } = this.#options;
    const pcp = { gateway: gateway.address, clock, ...(pcpPort && { port: pcpPort }) };
    const asked = { localAddress: gateway.localAddress, nonce: this.#nonce };
    try {
      return await this.#mapAll(
        (wish) => mapByPcp({ ...wish, ...asked }, pcp, signal),
        (wish, until) => mapByPcp({ ...wish, ...asked, lifetimeSeconds: 0 }, pcp, until),
      );
    } catch (error) {
      signal.throwIfAborted();
      diary.debug('no PCP or NAT-PMP:', (error as Error).message);
    }
    const places = await findRouters(
      gateway,
      { clock, ...(ssdpTargets && { targets: ssdpTargets }) },
      signal,
    );
    let failure: unknown = new UnavailableError('the router speaks neither PCP, NAT-PMP nor UPnP');
    for (const place of places) {
      try {
        const service = await describeIgd(place, signal);
        const { localAddress } = gateway;
        return await this.#mapAll(
          (wish) => mapByUpnp(service, { ...wish, localAddress, description: 'DebTorrent' }, signal),
          (wish, until) => unmapByUpnp(service, wish, until),
        );
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  /** TCP, and UDP on the same outer port: where only that fails, the DHT has to do without. */
  async #mapAll(
    map: (wish: Wish) => Promise<Mapped>,
    unmap: (wish: Wish, until: AbortSignal) => Promise<unknown>,
  ): Promise<Mapped> {
    const wish = { localPort: this.#options.port, lifetimeSeconds: LIFETIME_SECONDS };
    const tcp = { ...wish, transport: 'TCP', outerPort: this.#outerPort } as const;
    const mapped = await map(tcp);
    const have: Wish[] = [{ ...tcp, outerPort: mapped.outerPort }];
    this.#unmap = (until) => Promise.allSettled(have.map((one) => unmap(one, until)));
    if (!this.#options.withUdp) return mapped;
    const udp = { ...wish, transport: 'UDP', outerPort: mapped.outerPort } as const;
    try {
      const { outerPort } = await map(udp);
      have.push({ ...udp, outerPort });
    } catch (error) {
      if (this.#abort.signal.aborted) have.push(udp);
      diary.debug('no port for UDP:', (error as Error).message);
    }
    return mapped;
  }

  /** Tries again when the time has come, or as soon as the gateway is another one. */
  #again(delayMs: number): void {
    // Give or take a tenth: a house's machines don't all ask at once after its router was restarted.
    this.#wait(this.#clock.nowMs() + delayMs * (0.9 + 0.2 * this.#draw()));
  }

  #wait(dueMs: number): void {
    this.#isTrying = false;
    if (this.#abort.signal.aborted) return;
    const leftMs = dueMs - this.#clock.nowMs();
    this.#cancelTimer = this.#clock.after(Math.min(leftMs, LOOK_MS), () => {
      const isMoved = !isSame(this.#gateway(), this.#asked);
      if (isMoved) this.#failures = 0;
      if (isMoved || this.#clock.nowMs() >= dueMs) this.#trying = this.#try();
      else this.#wait(dueMs);
    });
  }

  #gateway(): Gateway | undefined {
    return (this.#options.gateway ?? privateGateway)();
  }

  #become(status: PortMappingStatus): void {
    const before = JSON.stringify(this.#status);
    this.#status = status;
    if (JSON.stringify(status) === before) return;
    diary.debug(`the router's port: ${JSON.stringify(status)}`);
    this.#options.changed?.(status);
  }
}

function isSame(a: Gateway | undefined, b: Gateway | undefined): boolean {
  return a?.address === b?.address && a?.localAddress === b?.localAddress;
}

/**
 * What is said to a router that maps ports: PCP's MAP (RFC 6887) and, for routers that know only that, NAT-PMP
 * (RFC 6886), for TCP and UDP over IPv4. Both on one port; a router of the older kind answers the newer request in its own
 * version. Decides what the bytes say. Pure; decoders throw ProtocolError and nothing else.
 */
import { formatIp, parseIp } from '../announce/ip-address.ts';
import { ProtocolError } from '../lib/errors.ts';

export const PCP_PORT = 5351;
const PCP = 2;
const NAT_PMP = 0;
const MAP = 1;
const NAT_PMP_ADDRESS = 0;
const NAT_PMP_MAP = { UDP: 1, TCP: 2 } as const;
const ANSWER = 0x80;
/** IANA's numbers. */
const PROTOCOLS = { TCP: 6, UDP: 17 } as const;
const PCP_BYTES = 60;
const UNSUPPORTED_VERSION = 1;

const PCP_RESULTS: Readonly<Record<number, string>> = {
  2: 'not authorised',
  8: 'no resources',
  9: 'unsupported protocol',
  10: 'too many ports of ours',
  11: 'no such outer port',
  12: 'the address is not ours: there is another router between',
};
const NAT_PMP_RESULTS: Readonly<Record<number, string>> = {
  2: 'not authorised',
  3: 'the router has no address itself',
  4: 'no resources',
  5: 'unsupported',
};

export type Transport = keyof typeof PROTOCOLS;

export interface MapRequest {
  readonly transport: Transport;
  /** 12 bytes: by it the router knows that a renewal or removal is ours. */
  readonly nonce: Uint8Array;
  /** Our own IPv4 address as text. */
  readonly localAddress: string;
  readonly localPort: number;
  /** The outer port that we'd like. */
  readonly outerPort: number;
  /** 0 takes the mapping back. */
  readonly lifetimeSeconds: number;
}

export type PcpAnswer =
  | {
      readonly kind: 'mapped';
      /** Undefined with NAT-PMP, where it is asked for by itself. */
      readonly outerAddress?: string;
      readonly outerPort: number;
      readonly lifetimeSeconds: number;
    }
  | { readonly kind: 'address'; readonly outerAddress: string }
  /** The router speaks NAT-PMP only (or another version of PCP). */
  | { readonly kind: 'other-version' };

export function encodePcpMap({ nonce, localAddress, ...request }: MapRequest): Uint8Array {
  const bytes = new Uint8Array(PCP_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([PCP, MAP]);
  view.setUint32(4, request.lifetimeSeconds);
  setMapped(bytes, 8, localAddress);
  bytes.set(nonce, 24);
  bytes[36] = PROTOCOLS[request.transport];
  view.setUint16(40, request.localPort);
  view.setUint16(42, request.outerPort);
  // No outer address in mind: IPv4's all zeros.
  setMapped(bytes, 44, '0.0.0.0');
  return bytes;
}

/** To a router that speaks NAT-PMP. */
export function encodeNatPmpMap(request: Omit<MapRequest, 'nonce' | 'localAddress'>): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes.set([NAT_PMP, NAT_PMP_MAP[request.transport]]);
  view.setUint16(4, request.localPort);
  // A mapping is taken back with both zero (RFC 6886 §3.4).
  view.setUint16(6, request.lifetimeSeconds === 0 ? 0 : request.outerPort);
  view.setUint32(8, request.lifetimeSeconds);
  return bytes;
}

export function encodeNatPmpAddress(): Uint8Array {
  return Uint8Array.of(NAT_PMP, NAT_PMP_ADDRESS);
}

/** The answer to `request`. Throws ProtocolError for what isn't its answer, or refuses. */
export function decodePcpAnswer(
  bytes: Uint8Array,
  request: Pick<MapRequest, 'transport' | 'nonce' | 'localPort'>,
): PcpAnswer {
  const { transport, nonce, localPort } = request;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || !((bytes[1] as number) & ANSWER)) throw new ProtocolError('not an answer');
  if (bytes[0] === NAT_PMP) return decodeNatPmp(bytes, view, request);
  const result = bytes[3] as number;
  if (bytes[0] !== PCP || result === UNSUPPORTED_VERSION) return { kind: 'other-version' };
  if (bytes[1] !== (MAP | ANSWER)) throw new ProtocolError('an answer to something else');
  if (bytes.length < PCP_BYTES) throw new ProtocolError('the answer is cut short');
  const isOurs = nonce.every((byte, i) => bytes[24 + i] === byte) && view.getUint16(40) === localPort;
  if (!isOurs || bytes[36] !== PROTOCOLS[transport]) throw new ProtocolError('an answer to another');
  if (result !== 0) throw new ProtocolError(`refused: ${PCP_RESULTS[result] ?? `result ${result}`}`);
  if (view.getUint16(42) === 0 && view.getUint32(4) > 0) throw new ProtocolError('refused: port 0');
  return {
    kind: 'mapped',
    outerAddress: formatIp(parseMapped(bytes.subarray(44, 60))),
    outerPort: view.getUint16(42),
    lifetimeSeconds: view.getUint32(4),
  };
}

function decodeNatPmp(
  bytes: Uint8Array,
  view: DataView,
  { transport, localPort }: Pick<MapRequest, 'transport' | 'localPort'>,
): PcpAnswer {
  const result = view.getUint16(2);
  if (result === UNSUPPORTED_VERSION) return { kind: 'other-version' };
  if (result !== 0) throw new ProtocolError(`refused: ${NAT_PMP_RESULTS[result] ?? `result ${result}`}`);
  if (bytes[1] === (NAT_PMP_ADDRESS | ANSWER) && bytes.length >= 12)
    return { kind: 'address', outerAddress: bytes.subarray(8, 12).join('.') };
  if (bytes[1] !== (NAT_PMP_MAP[transport] | ANSWER) || bytes.length < 16)
    throw new ProtocolError('an answer to something else');
  if (view.getUint16(8) !== localPort) throw new ProtocolError('an answer to another');
  const [outerPort, lifetimeSeconds] = [view.getUint16(10), view.getUint32(12)];
  if (outerPort === 0 && lifetimeSeconds > 0) throw new ProtocolError('refused: port 0');
  return { kind: 'mapped', outerPort, lifetimeSeconds };
}

/** ::ffff:a.b.c.d, as PCP writes IPv4. */
function setMapped(bytes: Uint8Array, at: number, address: string): void {
  const ip = parseIp(address);
  if (ip?.length !== 4) throw new RangeError(`not an IPv4 address: ${address}`);
  bytes.set([0xff, 0xff, ...ip], at + 10);
}

function parseMapped(bytes: Uint8Array): Uint8Array {
  const ip = parseIp(formatIp(bytes));
  if (ip?.length !== 4) throw new ProtocolError('the outer address is not IPv4');
  return ip;
}

/**
 * Looks for a router that speaks UPnP (SSDP's M-SEARCH), by multicast and by asking the gateway itself. Anybody on the
 * network may answer; what counts is an answer from our own network that names a place on the very address that it came
 * from. Bounded in time and in how many answers are looked at. Source: UPnP Device Architecture 1.1 §1.3.
 */
import { createSocket } from 'node:dgram';
import type { Clock } from '../lib/clock.ts';
import type { HostPort } from '../lib/host-port.ts';
import { type Gateway, isInNetworkOf } from './default-gateway.ts';

const GROUP = { host: '239.255.255.250', port: 1900 };
const TARGETS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
];
/** Asked again, as datagrams get lost; then the end is waited for. */
const ASK_AGAIN_MS = 600;
const WAIT_MS = 3_000;
const MAX_ANSWERS = 64;
const MAX_ANSWER_BYTES = 2_048;
const MAX_PLACES = 4;

export interface SsdpOptions {
  readonly clock: Clock;
  /** Who is asked, unless told the group and the gateway. */
  readonly targets?: readonly HostPort[];
}

/** Where devices describe themselves, the gateway's first. Ends early when the gateway has answered. Never throws. */
export async function findRouters(
  gateway: Gateway,
  { clock, targets = [GROUP, { host: gateway.address, port: GROUP.port }] }: SsdpOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const found = new Map<string, string>();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const socket = createSocket('udp4');
  let heard = 0;
  socket.on('error', () => finish());
  socket.on('message', (bytes, { address }) => {
    heard += 1;
    if (heard > MAX_ANSWERS || bytes.length > MAX_ANSWER_BYTES) return;
    const place = placeOf(bytes.toString('latin1'), address);
    if (!place || (address !== gateway.address && !isInNetworkOf(gateway, address))) return;
    if (found.size < MAX_PLACES || address === gateway.address) found.set(place, address);
    if (address === gateway.address) finish();
  });
  const ask = () => {
    for (const { host, port } of targets)
      for (const target of TARGETS) socket.send(searchFor(target), port, host, () => {});
  };
  signal.addEventListener('abort', () => finish(), { once: true });
  const cancels = [clock.after(ASK_AGAIN_MS, ask), clock.after(WAIT_MS, finish)];
  try {
    socket.bind(0, gateway.localAddress, () => {
      try {
        socket.setMulticastInterface(gateway.localAddress);
        socket.setMulticastTTL(2);
        ask();
      } catch {
        finish(); // no multicast here
      }
    });
    await done;
  } finally {
    for (const cancel of cancels) cancel();
    socket.close();
  }
  const byGateway = ([, address]: [string, string]) => (address === gateway.address ? 0 : 1);
  return [...found].sort((a, b) => byGateway(a) - byGateway(b)).map(([place]) => place);
}

/** The LOCATION of an answer, if it is on the host that sent it. */
export function placeOf(answer: string, sender: string): string | undefined {
  const [status = '', ...lines] = answer.split('\r\n');
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) return undefined;
  const field = (name: string) => {
    const line = lines.find((one) => one.toLowerCase().startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim() ?? '';
  };
  if (!/:InternetGatewayDevice:\d+$/.test(field('st'))) return undefined;
  const place = URL.parse(field('location'));
  const isItsOwn = place?.protocol === 'http:' && place.hostname === sender && place.username === '';
  return isItsOwn ? place.href : undefined;
}

function searchFor(target: string): Buffer {
  return Buffer.from(
    `M-SEARCH * HTTP/1.1\r\nHOST: ${GROUP.host}:${GROUP.port}\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ${target}\r\n\r\n`,
  );
}

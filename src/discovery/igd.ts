/**
 * Asks a UPnP router for a port: reads its description, finds the service of its Internet side and calls it (SOAP). All
 * of it stays on the one host that described itself; answers are bounded in size and time, redirects aren't followed.
 * The few values needed are picked out of the XML as text: no document is built, no entity or reference resolved.
 * Source: UPnP Forum, WANIPConnection:1 and :2, WANPPPConnection:1.
 */
import { ProtocolError, UnavailableError } from '../lib/errors.ts';
import type { Transport } from './pcp.ts';
import type { Mapped } from './port-mapping.ts';
import { readAtMost } from './read-at-most.ts';

const SERVICES = ['WANIPConnection:2', 'WANIPConnection:1', 'WANPPPConnection:1'];
const MAX_XML_BYTES = 128 * 1024;
const TIMEOUT_MS = 5_000;
const MAX_SERVICES = 50;
const CONFLICT = 718;
const ONLY_PERMANENT = 725;
/** Outer ports that are tried when others have them. */
const MAX_PORTS = 4;

export interface IgdRequest {
  readonly transport: Transport;
  readonly localAddress: string;
  readonly localPort: number;
  readonly outerPort: number;
  readonly lifetimeSeconds: number;
  readonly description: string;
}

export interface IgdService {
  readonly type: string;
  /** On the host that described it. */
  readonly controlUrl: string;
}

/** The device's answer to an action says that it failed. */
class ActionError extends Error {
  override readonly name = 'ActionError';
  readonly code: number;
  constructor(action: string, code: number) {
    super(`${action} failed with ${code}`);
    this.code = code;
  }
}

/** What the router's description at `place` offers. Throws UnavailableError or ProtocolError. */
export async function describeIgd(place: string, signal: AbortSignal): Promise<IgdService> {
  return serviceIn(await fetchXml(place, {}, signal), place);
}

/** Throws UnavailableError, ProtocolError, or an Error that says what the router said. */
export async function mapByUpnp(
  service: IgdService,
  request: IgdRequest,
  signal: AbortSignal,
): Promise<Mapped> {
  let { outerPort, lifetimeSeconds } = request;
  for (let ports = 1; ; ) {
    try {
      await call(service, 'AddPortMapping', addition(request, outerPort, lifetimeSeconds), signal);
      break;
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      if (error.code === ONLY_PERMANENT && lifetimeSeconds > 0) lifetimeSeconds = 0;
      else if (error.code === CONFLICT && ports < MAX_PORTS) {
        ports += 1;
        outerPort = outerPort < 65_000 ? outerPort + 1 : 10_000 + ports;
      } else throw error;
    }
  }
  const answer = await call(service, 'GetExternalIPAddress', [], signal).catch(() => '');
  const outerAddress = textOf(answer, 'NewExternalIPAddress');
  return { by: 'UPnP', outerPort, lifetimeSeconds, ...(outerAddress && { outerAddress }) };
}

export async function unmapByUpnp(
  service: IgdService,
  { transport, outerPort }: Pick<IgdRequest, 'transport' | 'outerPort'>,
  signal: AbortSignal,
): Promise<void> {
  const fields = [
    ['NewRemoteHost', ''],
    ['NewExternalPort', String(outerPort)],
    ['NewProtocol', transport],
  ] as const;
  await call(service, 'DeletePortMapping', fields, signal);
}

function addition(
  { transport, localAddress, localPort, description }: IgdRequest,
  outerPort: number,
  lifetimeSeconds: number,
) {
  return [
    ['NewRemoteHost', ''],
    ['NewExternalPort', String(outerPort)],
    ['NewProtocol', transport],
    ['NewInternalPort', String(localPort)],
    ['NewInternalClient', localAddress],
    ['NewEnabled', '1'],
    ['NewPortMappingDescription', description],
    ['NewLeaseDuration', String(lifetimeSeconds)],
  ] as const;
}

/** The first service, in our order of liking, whose control URL is on the host of `place`. Throws ProtocolError. */
export function serviceIn(xml: string, place: string): IgdService {
  const base = URL.parse(textOf(xml, 'URLBase') ?? '', place) ?? new URL(place);
  const offered = xml
    .split(/<service>/i, MAX_SERVICES + 1)
    .slice(1)
    .map((body) => ({
      type: textOf(body, 'serviceType') ?? '',
      url: URL.parse(textOf(body, 'controlURL')?.replaceAll('&amp;', '&') ?? '', base.href),
    }));
  const { hostname } = new URL(place);
  for (const wanted of SERVICES) {
    const type = `urn:schemas-upnp-org:service:${wanted}`;
    const service = offered.find((one) => one.type === type);
    if (service?.url?.hostname === hostname && service.url.protocol === 'http:')
      return { type, controlUrl: service.url.href };
  }
  throw new ProtocolError('it describes no Internet side of its own');
}

async function call(
  { type, controlUrl }: IgdService,
  action: string,
  fields: readonly (readonly [string, string])[],
  signal: AbortSignal,
): Promise<string> {
  const values = fields.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('');
  const body = `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${type}">${values}</u:${action}></s:Body></s:Envelope>`;
  const headers = { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${type}#${action}"` };
  return fetchXml(controlUrl, { method: 'POST', headers, body }, signal, action);
}

async function fetchXml(
  url: string,
  more: RequestInit,
  signal: AbortSignal,
  action = 'GET',
): Promise<string> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  // `proxy: false` is Bun's "none, whatever the environment says".
  const options = { ...more, signal: until, redirect: 'manual', decompress: false, proxy: false };
  let status: number;
  let xml: string;
  try {
    const response = await fetch(url, options as unknown as RequestInit);
    status = response.status;
    xml = new TextDecoder().decode(await readAtMost(response, MAX_XML_BYTES));
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ProtocolError) throw cause;
    throw new UnavailableError((cause as { code?: string }).code ?? 'no answer', { cause });
  }
  const code = Number(textOf(xml, 'errorCode'));
  if (status !== 200 && code > 0) throw new ActionError(action, code);
  if (status !== 200) throw new ProtocolError(`HTTP status ${status}`);
  return xml;
}

/** What is between the first such tags, without attributes or inner tags. */
function textOf(xml: string, tag: string): string | undefined {
  const match = new RegExp(`<(?:[\\w-]{1,20}:)?${tag}(?:\\s[^<>]{0,200})?>([^<]{0,500})</`, 'i').exec(xml);
  const text = match?.[1]?.trim();
  return text === '' ? undefined : text;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&'"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/**
 * IP addresses between text and raw bytes, by the RFCs and not by the platform, so that pure rooms can use it. An
 * IPv4 address in IPv6 clothes (::ffff:192.0.2.1), as a dual-stack socket shows it, is the IPv4 address.
 * Zones (fe80::1%eth0) and names are no addresses here. Sources: RFC 4291 §2.2, RFC 5952.
 */

/** 4 or 16 bytes, or undefined when the text is no IP address. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Canonical text (RFC 5952) of 4 or 16 bytes. Throws RangeError for another length. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`);
  const groups = Array.from({ length: 8 }, (_, i) => at16(bytes, i).toString(16));
  const [from, length] = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`;
}

/** The 4 bytes inside ::ffff:0:0/96, or the bytes themselves. */
export function unmapIpv4(bytes: Uint8Array): Uint8Array {
  const mapped =
    bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0) && at16(bytes, 5) === 0xffff;
  return mapped ? bytes.slice(12) : bytes;
}

/** Character by character: a tracker reads one for each datagram. */
function parseIpv4(text: string): Uint8Array | undefined {
  if (text.length > 15) return undefined;
  const bytes = new Uint8Array(4);
  let at = 0;
  for (let part = 0; part < 4; part += 1) {
    const from = at;
    let value = 0;
    for (; at < text.length; at += 1) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const hasLeadingZero = at - from > 1 && text.charCodeAt(from) === 0x30;
    if (at === from || at - from > 3 || value > 255 || hasLeadingZero) return undefined;
    bytes[part] = value;
    if (part < 3 && text.charCodeAt(at) !== 0x2e) return undefined;
    if (part < 3) at += 1;
  }
  return at === text.length ? bytes : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::', 3);
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const tail = groupsOf(halves[1] ?? '', true);
  if (!head || !tail) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return unmapIpv4(Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]));
}

/** Bytes of "a:b:c", the last group possibly a dotted IPv4 address where one may stand. */
function groupsOf(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (group.includes('.')) {
      const ipv4 = mayEndInIpv4 && i === groups.length - 1 ? parseIpv4(group) : undefined;
      if (!ipv4) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >>> 8, value & 0xff);
    }
  }
  return bytes;
}

function longestZeroRun(groups: readonly string[]): [from: number, length: number] {
  let best: [number, number] = [0, 0];
  let length = 0;
  groups.forEach((group, i) => {
    length = group === '0' ? length + 1 : 0;
    if (length > best[1]) best = [i - length + 1, length];
  });
  return best;
}

function at16(bytes: Uint8Array, index: number): number {
  return ((bytes[2 * index] as number) << 8) | (bytes[2 * index + 1] as number);
}

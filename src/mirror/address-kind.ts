/**
 * What kind of address an IP literal is, as far as it matters to somebody who must not be led into the operator's
 * own network. Anything that isn't plainly a unicast address of the public Internet has a name here; IPv6 forms that
 * carry an IPv4 address (mapped, NAT64) are judged by that one. Sources: the IANA special-purpose address registries
 * (RFC 6890), RFC 1918, RFC 4193, RFC 6598, RFC 6052.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const KINDS: readonly (readonly [kind: string, ...subnets: string[]])[] = [
  // First, as some of them lie in a wider range below.
  ['a cloud metadata', '169.254.169.254/32', '100.100.100.200/32', '168.63.129.16/32', 'fd00:ec2::254/128'],
  ['an unspecified', '0.0.0.0/8', '::/128'],
  ['a loopback', '127.0.0.0/8', '::1/128'],
  ['a private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
  ['a link-local', '169.254.0.0/16', 'fe80::/10'],
  ['a multicast', '224.0.0.0/4', 'ff00::/8'],
  [
    'a reserved',
    ...[
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
    ],
    ...['240.0.0.0/4', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
  ],
];

const LISTS = KINDS.map(([kind, ...subnets]) => {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net, bits] = subnet.split('/') as [string, string];
    list.addSubnet(net, Number(bits), net.includes(':') ? 'ipv6' : 'ipv4');
  }
  return [kind, list] as const;
});

/** "a private", "a loopback" …: undefined for a public unicast address. Text that is no address is "an unknown kind of". */
export function addressKind(address: string): string | undefined {
  if (isIPv4(address)) return LISTS.find(([, list]) => list.check(address, 'ipv4'))?.[0];
  const bare = address.replace(/%.*$/, '');
  if (!isIPv6(bare)) return 'an unknown kind of';
  const groups = ipv6Groups(bare);
  const v4 = embeddedIpv4(groups);
  if (v4 !== undefined) return addressKind(v4);
  const kind = LISTS.find(([, list]) => list.check(bare, 'ipv6'))?.[0];
  // Only 2000::/3 has ever been given out for global unicast (RFC 4291 §2.4).
  return kind ?? ((groups[0] ?? 0) >>> 13 === 1 ? undefined : 'a reserved');
}

/** The eight 16-bit groups of a valid IPv6 literal. */
function ipv6Groups(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, head = '', a, b, c, d] = dotted ?? [];
  const hex = (high: string | undefined, low: string | undefined) =>
    ((Number(high) << 8) | Number(low)).toString(16);
  const plain = dotted ? `${head}${hex(a, b)}:${hex(c, d)}` : address;
  const [left = '', right] = plain.split('::');
  const parse = (text: string | undefined) =>
    text ? text.split(':').map((g) => Number.parseInt(g, 16)) : [];
  const [before, after] = [parse(left), parse(right)];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** ::ffff:a.b.c.d (mapped) and 64:ff9b::a.b.c.d (NAT64). */
function embeddedIpv4(groups: readonly number[]): string | undefined {
  const zeros = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  const mapped = zeros(0, 5) && groups[5] === 0xffff;
  const nat64 = groups[0] === 0x64 && groups[1] === 0xff9b && zeros(2, 6);
  if (!mapped && !nat64) return undefined;
  const [high = 0, low = 0] = groups.slice(6);
  return `${high >>> 8}.${high & 255}.${low >>> 8}.${low & 255}`;
}

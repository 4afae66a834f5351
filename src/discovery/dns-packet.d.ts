/** The part of npm dns-packet 5.6.1 that is used here; the package brings no types. */
declare module 'dns-packet' {
  export interface DnsQuestion {
    readonly type: string;
    readonly name: string;
    readonly class?: string;
  }

  export interface DnsRecord {
    readonly type: string;
    readonly name: string;
    readonly ttl?: number;
    /** Nobody else has a record of that name and type (RFC 6762 §10.2). */
    readonly flush?: boolean;
    readonly data?: unknown;
  }

  export interface DnsPacket {
    readonly type?: 'query' | 'response';
    readonly flags?: number;
    readonly questions?: readonly DnsQuestion[];
    readonly answers?: readonly DnsRecord[];
    readonly additionals?: readonly DnsRecord[];
  }

  export const AUTHORITATIVE_ANSWER: number;
  export function encode(packet: DnsPacket): Buffer;
  /** Throws Error, of any kind, for what it can't read. */
  export function decode(datagram: Buffer): DnsPacket;
}

/**
 * What apt's 601 says of its configuration: items "Acquire::Retries=3", names without regard to case, "%xx" for what
 * would break a line. Only the few that concern the method are looked at. Pure. Source: apt's doc/method.md, apt.conf(5).
 */
import { type HostPort, parseHostPort } from '../lib/host-port.ts';
import type { Message } from './message.ts';

export class Configuration {
  readonly #items = new Map<string, string>();

  /** Of a 601 message; later items replace earlier ones. */
  constructor(message?: Message) {
    for (const [name, item] of message?.fields ?? []) {
      const at = item.indexOf('=');
      if (name.toLowerCase() !== 'config-item' || at < 0) continue;
      this.#items.set(unquote(item.slice(0, at)).toLowerCase(), unquote(item.slice(at + 1)));
    }
  }

  get(name: string): string | undefined {
    return this.#items.get(name.toLowerCase());
  }

  /** Whom a method becomes when it was started as root; undefined: nobody else. */
  get sandboxUser(): string | undefined {
    return this.get('APT::Sandbox::User') || undefined;
  }

  /** Hashes of another kind are no proof to this apt. */
  get forcedHash(): string | undefined {
    return this.get('Acquire::ForceHash') || undefined;
  }

  /** The most that may come in a second, bytes, of all files of this process; 0 = no limit. apt counts in KiB. */
  dlLimit(scheme: PlainScheme): number {
    return (this.#number('Dl-Limit', scheme) ?? 0) * 1024;
  }

  /** How long nothing may come, milliseconds; undefined where the operator says nothing of it. */
  timeoutMs(scheme: PlainScheme): number | undefined {
    const seconds = this.#number('Timeout', scheme);
    return seconds === undefined || seconds === 0 ? undefined : seconds * 1000;
  }

  /** Of this method, else of the one that would fetch without us: what is said of http holds for https, too. */
  #number(name: string, scheme: PlainScheme): number | undefined {
    for (const of of ['debtorrent', scheme, 'http']) {
      const text = this.get(`Acquire::${of}::${name}`);
      if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text);
    }
    return undefined;
  }

  /** Where the daemon listens; "none" when the operator wants apt to do without. */
  get daemon(): HostPort | 'none' {
    const text = this.get('Acquire::debtorrent::Proxy') ?? '';
    if (/^(?:direct|false|none)$/i.test(text)) return 'none';
    const authority = /^(?:http:\/\/)?([^/]+)\/?$/i.exec(text)?.[1] ?? '';
    return parseHostPort(authority, DAEMON) ?? DAEMON;
  }
}

/** Of the URI without "debtorrent+". */
export type PlainScheme = 'http' | 'https';

const DAEMON: HostPort = { host: '127.0.0.1', port: 9988 };

function unquote(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

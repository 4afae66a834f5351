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

  /** Where the daemon listens; "none" when the operator wants apt to do without. */
  get daemon(): HostPort | 'none' {
    const text = this.get('Acquire::debtorrent::Proxy') ?? '';
    if (/^(?:direct|false|none)$/i.test(text)) return 'none';
    const authority = /^(?:http:\/\/)?([^/]+)\/?$/i.exec(text)?.[1] ?? '';
    return parseHostPort(authority, DAEMON) ?? DAEMON;
  }
}

const DAEMON: HostPort = { host: '127.0.0.1', port: 9988 };

function unquote(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

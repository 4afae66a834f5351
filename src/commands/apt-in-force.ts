/**
 * Whether apt goes by our probe, and what goes before it. Decides nothing: it looks at apt's settings, the
 * environment and the probe itself. What counts in which order was read off apt's http method: $no_proxy, then a
 * host's own Proxy, then what the probe says, then Proxy, then $http_proxy.
 */
import { type AptSetting, aptSettings, laterFilesWith } from './apt-config.ts';

export interface Beats {
  /** "Acquire::http::Proxy::example.org", "$no_proxy", or the path of a file that sets another probe. */
  readonly what: string;
  readonly value: string;
  readonly effect: string;
}

export interface InForce {
  /** Whether apt runs our probe for http. */
  readonly inForce: boolean;
  readonly beatenBy: readonly Beats[];
  /** What apt uses while the daemon is down: a proxy or "DIRECT". */
  readonly otherwise: string;
}

const KEY = /^Acquire::http::Proxy-Auto-Detect$/i;
const OTHER_PROBE = /Proxy-?Auto-?Detect/i;

/** Throws when there is no apt. `conf` and `probe` are our files. */
export function inForce({ conf, probe }: { readonly conf: string; readonly probe: string }): InForce {
  const settings = aptSettings('Acquire::http');
  const runs = settings.find(([name]) => KEY.test(name))?.[1];
  const isOurs = runs === probe;
  const beatenBy = [
    ...(isOurs || runs === undefined ? [] : otherProbes(runs, conf)),
    ...hostProxies(settings),
    ...noProxy(),
  ];
  const proxy = settings.find(([name]) => /^Acquire::http::Proxy$/i.test(name))?.[1];
  return { inForce: isOurs, beatenBy, otherwise: proxy ?? (process.env.http_proxy || 'DIRECT') };
}

function otherProbes(runs: string, conf: string): Beats[] {
  const files = laterFilesWith(OTHER_PROBE, conf);
  const effect = `apt asks ${runs} in our place`;
  if (files.length === 0) return [{ what: 'Acquire::http::Proxy-Auto-Detect', value: runs, effect }];
  return files.map((what) => ({ what, value: runs, effect: `${effect}: the file counts after ours` }));
}

function hostProxies(settings: readonly AptSetting[]): Beats[] {
  return settings.flatMap(([what, value]) => {
    const host = /^Acquire::http::Proxy::(.+)$/i.exec(what)?.[1];
    return host === undefined ? [] : [{ what, value, effect: `apt doesn't ask us for ${host}` }];
  });
}

function noProxy(): Beats[] {
  const { no_proxy: value } = process.env;
  if (!value) return [];
  return [{ what: '$no_proxy', value, effect: 'apt asks these hosts directly where it is set' }];
}

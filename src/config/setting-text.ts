/** Values of settings that aren't text themselves, as one writes them in a file. Pure. */
import { type Amount, formatAmount } from '../lib/amount.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';

/** An address or an amount; parsed again it is the same. */
export function settingText(value: HostPort | Amount): string {
  return 'host' in value ? formatHostPort(value) : formatAmount(value);
}

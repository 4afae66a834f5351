/**
 * Whether the network costs by volume, as NetworkManager knows or guesses it (a phone's hotspot, mobile broadband), asked
 * for over D-Bus by systemd's `busctl`. Where either isn't there, nothing is known, nothing is said, and it is asked for
 * rarely. NetworkManager is never started by it. Source: NMMetered in NetworkManager's D-Bus API.
 */
const COMMAND = [
  ...['busctl', '--system', '--auto-start=no', '--timeout=5', 'get-property'],
  ...['org.freedesktop.NetworkManager', '/org/freedesktop/NetworkManager'],
  ...['org.freedesktop.NetworkManager', 'Metered'],
] as const;
const TIMEOUT_MS = 7_000;
const ANSWER_MAX_BYTES = 1_000;

/** Undefined when nobody knows. Never rejects. */
export async function isMetered(command: readonly string[] = COMMAND): Promise<boolean | undefined> {
  try {
    await using child = Bun.spawn([...command], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return meteredIn((await new Response(child.stdout).text()).slice(0, ANSWER_MAX_BYTES));
  } catch {
    return undefined;
  }
}

/** "u 4": 0 unknown, 1 yes, 2 no, 3 and 4 the same as guesses. */
export function meteredIn(answer: string): boolean | undefined {
  const value = /^u ([0-4])\s*$/.exec(answer)?.[1];
  if (value === undefined || value === '0') return undefined;
  return value === '1' || value === '3';
}

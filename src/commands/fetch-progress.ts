/**
 * How a fetch goes, for people and for programs: a bar on a terminal, JSON lines on stdout with --json, and otherwise
 * nothing but the end. It shows what it is told; rates are over the last seconds.
 */
import { formatBytes } from '../lib/format-bytes.ts';
import { plainText } from '../lib/plain-text.ts';
import { formatDuration } from '../status/format-duration.ts';

export interface FetchState {
  /** metadata, checking, fetching, seeding. */
  readonly phase: string;
  readonly name: string;
  /** 0 while it isn't known. */
  readonly sizeBytes: number;
  /** Here; verified, where there is something to verify by. */
  readonly haveBytes: number;
  /** On its way: what has come of pieces that aren't whole. */
  readonly partBytes?: number;
  readonly peers?: number;
  readonly seeds?: number;
  readonly webSeeds?: number;
  readonly fromPeers?: number;
  readonly fromWebSeeds?: number;
  readonly uploaded?: number;
}

const SPAN_MS = 5_000;

export class FetchProgress {
  readonly #json: boolean;
  readonly #isTerminal = process.stderr.isTTY === true;
  /** The last seconds: [when, bytes here, bytes given]. */
  #samples: (readonly [number, number, number])[] = [];
  #hasBar = false;

  constructor({ json }: { readonly json: boolean }) {
    this.#json = json;
  }

  /** Once a second or so. `nowMs` by a steady clock. */
  show(state: FetchState, nowMs: number): void {
    const done = state.haveBytes + (state.partBytes ?? 0);
    this.#samples.push([nowMs, done, state.uploaded ?? 0]);
    this.#samples = this.#samples.filter(([atMs]) => nowMs - atMs <= SPAN_MS);
    const [first = [nowMs, done, 0] as const] = this.#samples;
    const seconds = (nowMs - first[0]) / 1000;
    const down = seconds > 0 ? Math.max(0, (done - first[1]) / seconds) : 0;
    const up = seconds > 0 ? Math.max(0, ((state.uploaded ?? 0) - first[2]) / seconds) : 0;
    const secondsLeft =
      down > 0 && state.sizeBytes > 0 ? Math.ceil((state.sizeBytes - done) / down) : undefined;
    if (this.#json) {
      const line = {
        event: 'progress',
        ...state,
        bytesPerSecond: Math.round(down),
        uploadBytesPerSecond: Math.round(up),
        ...(secondsLeft !== undefined && { secondsLeft }),
      };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    } else if (this.#isTerminal) {
      this.#hasBar = true;
      const width = process.stderr.columns ?? 80;
      process.stderr.write(`\r${barOf(state, { down, up, secondsLeft }, width)}\x1b[K`);
    }
  }

  /** A sentence for people, and what programs are told in its stead. */
  say(sentence: string, event: Readonly<Record<string, unknown>>): void {
    this.end();
    if (this.#json) process.stdout.write(`${JSON.stringify(event)}\n`);
    else process.stderr.write(`${plainText(sentence)}\n`);
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#hasBar) process.stderr.write('\r\x1b[K');
    this.#hasBar = false;
  }
}

interface Rates {
  readonly down: number;
  readonly up: number;
  readonly secondsLeft: number | undefined;
}

/** One line, as wide as the terminal at most. */
export function barOf(state: FetchState, { down, up, secondsLeft }: Rates, width: number): string {
  const { phase, name, sizeBytes, haveBytes, partBytes = 0 } = state;
  const share = sizeBytes > 0 ? Math.min(1, (haveBytes + partBytes) / sizeBytes) : 0;
  const who = [
    state.peers === undefined ? undefined : `${state.peers} peer${state.peers === 1 ? '' : 's'}`,
    state.webSeeds ? `${state.webSeeds} web` : undefined,
    mixOf(state),
  ].filter((part) => part !== undefined);
  const head = phase === 'fetching' ? `${Math.floor(share * 100)} %` : phase;
  const rates = [`${formatBytes(down)}/s`, up > 0 ? `↑ ${formatBytes(up)}/s` : undefined].filter(Boolean);
  const left = phase === 'fetching' && secondsLeft !== undefined ? formatDuration(secondsLeft) : undefined;
  const text = [head, ...rates, left, ...who].filter((part) => part !== undefined && part !== '').join('  ');
  const room = width - text.length - 5;
  const bar = sizeBytes > 0 && room >= 20 ? barText(share, Math.min(30, room >> 1)) : '';
  const nameRoom = width - text.length - bar.length - 3;
  const shown = nameRoom >= 8 ? `${plainText(name).slice(0, nameRoom - 1)} ` : '';
  return `${shown}${bar}${bar ? ' ' : ''}${text}`.slice(0, width - 1);
}

function barText(share: number, width: number): string {
  const full = Math.round(share * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}

/** Where it came from, when there is more than one kind of source. */
function mixOf({ fromPeers = 0, fromWebSeeds = 0 }: FetchState): string | undefined {
  const all = fromPeers + fromWebSeeds;
  if (fromPeers === 0 || fromWebSeeds === 0) return undefined;
  return `${Math.round((fromPeers / all) * 100)} % from peers`;
}

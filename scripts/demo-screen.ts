/**
 * How the demo looks: a bar for each machine that says where its bytes came from, redrawn in place on a terminal,
 * written once it is full elsewhere; and the table at the end. The lines are made by pure functions.
 */
import { formatBytes } from '../src/lib/format-bytes.ts';

/** How far one machine has come, and whence. */
export interface Haul {
  readonly machine: string;
  readonly sizeBytes: number;
  readonly fromMirrorBytes: number;
  readonly fromPeersBytes: number;
  readonly spentMs: number;
}

const BAR_CHARS = 32;
const COLOURS = { mirror: 33, peers: 32, dim: 2, bold: 1 } as const;

export type Paint = (text: string, colour: keyof typeof COLOURS) => string;
export const plain: Paint = (text) => text;
export const coloured: Paint = (text, colour) =>
  text === '' ? '' : `\x1b[${COLOURS[colour]}m${text}\x1b[0m`;

/** "first  ████▒▒▒▒░░░░  6.1 MiB of 9.5 MiB, 1.4 s": full blocks are from peers, shaded ones from the mirror. */
export function haulLine(haul: Haul, paint: Paint): string {
  const { machine, sizeBytes, fromMirrorBytes, fromPeersBytes, spentMs } = haul;
  const charsOf = (bytes: number) => Math.round((bytes / sizeBytes) * BAR_CHARS);
  const peers = Math.min(BAR_CHARS, charsOf(fromPeersBytes));
  const all = Math.min(BAR_CHARS, Math.max(peers, charsOf(fromPeersBytes + fromMirrorBytes)));
  const bar =
    paint('█'.repeat(peers), 'peers') +
    paint('▓'.repeat(all - peers), 'mirror') +
    paint('░'.repeat(BAR_CHARS - all), 'dim');
  const have = formatBytes(Math.min(sizeBytes, fromMirrorBytes + fromPeersBytes));
  return `  ${machine.padEnd(7)}${bar}  ${have} of ${formatBytes(sizeBytes)}, ${seconds(spentMs)}`;
}

/** Heading and one line a machine. */
export function haulTable(hauls: readonly Haul[]): string[] {
  const row = (machine: string, took: string, mirror: string, peers: string) =>
    `  ${machine.padEnd(9)}${took.padStart(7)}${mirror.padStart(18)}${peers.padStart(25)}`;
  return [
    row('', 'took', 'from the mirror', 'from the other machine'),
    ...hauls.map(({ machine, spentMs, fromMirrorBytes, fromPeersBytes }) =>
      row(machine, seconds(spentMs), formatBytes(fromMirrorBytes), formatBytes(fromPeersBytes)),
    ),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** One line that is written over until it is done; not a terminal: nothing before that. */
export class DemoScreen {
  readonly paint: Paint;
  readonly #stream: NodeJS.WriteStream;
  #open = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.paint = stream.isTTY && process.env.NO_COLOR === undefined ? coloured : plain;
  }

  say(line = ''): void {
    this.leave();
    this.#stream.write(`${line}\n`);
  }

  show(haul: Haul, isDone: boolean): void {
    const line = haulLine(haul, this.paint);
    if (this.#stream.isTTY) this.#stream.write(`\r${line}\x1b[K`);
    else if (isDone) this.#stream.write(line);
    else return;
    this.#open = true;
    if (isDone) this.leave();
  }

  /** The line that is being written over stays as it is. */
  leave(): void {
    if (this.#open) this.#stream.write('\n');
    this.#open = false;
  }
}

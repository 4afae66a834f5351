/** How far a long piece of work has come, for people at a terminal: a bar, files, rate and time left, on one line. */
import { formatBytes } from '../lib/format-bytes.ts';
import { formatDuration } from '../status/format-duration.ts';

export interface Progress {
  readonly bytes: number;
  readonly doneBytes: number;
  readonly files: number;
  readonly doneFiles: number;
}

const BAR_CHARS = 24;
const CLEAR = '\r\x1b[K';
const REPAINT_MS = 200;

/** One line, written over the one before. */
export function barOf({ bytes, doneBytes, doneFiles, files }: Progress, spentMs: number): string {
  const share = bytes === 0 ? 1 : Math.min(1, doneBytes / bytes);
  const full = Math.floor(share * BAR_CHARS);
  const rate = (doneBytes / Math.max(spentMs, 1)) * 1000;
  const left = rate > 0 ? `, ${formatDuration((bytes - doneBytes) / rate)} left` : '';
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR_CHARS - full)}`;
  return `\r${bar} ${Math.floor(share * 100)} %  ${doneFiles} of ${files} files, ${formatBytes(rate)}/s${left}\x1b[K`;
}

/** On a terminal, and only there. */
export class ProgressBar implements Disposable {
  readonly #stream = process.stderr;
  readonly #startedMs = performance.now();
  #paintedMs = -REPAINT_MS;

  show(progress: Progress): void {
    if (!this.#stream.isTTY) return;
    const nowMs = performance.now();
    if (nowMs - this.#paintedMs < REPAINT_MS) return;
    this.#paintedMs = nowMs;
    this.#stream.write(barOf(progress, nowMs - this.#startedMs));
  }

  [Symbol.dispose](): void {
    if (this.#stream.isTTY) this.#stream.write(CLEAR);
  }
}

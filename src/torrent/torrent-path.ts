/**
 * Which names of files a torrent may state: what is written below a folder can't leave it, hide or be taken for
 * something else. A component is UTF-8 of 1 to 255 bytes, neither "." nor "..", without "/", "\", NUL or other
 * control characters; of two files none has the path of the other or lies below it. Names that differ in case only are
 * two: what runs this has file systems that tell them apart. Throws ProtocolError naming what is wrong. Pure.
 */
import { ProtocolError } from '../lib/errors.ts';
import { quoteRemote } from '../lib/quote-remote.ts';

/** NAME_MAX and what fits, with a folder before it, into PATH_MAX (limits.h(0P) on Linux). */
const COMPONENT_MAX_BYTES = 255;
const PATH_MAX_BYTES = 2048;
/** Deepest folder in a folder. */
export const MAX_PATH_COMPONENTS = 48;
const MAX_FOLDERS = 100_000;

/** Checks one name of a file or folder and gives it back; `what` says where it stood. */
export function checkComponent(name: string, what: string): string {
  if (name === '') throw new ProtocolError(`${what}: an empty name`);
  if (name === '.' || name === '..') throw new ProtocolError(`${what}: "${name}" as a name`);
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x2f || code === 0x5c)
      throw new ProtocolError(`${what}: a path separator in ${quoteRemote(name)}`);
    if (code < 0x20 || code === 0x7f)
      throw new ProtocolError(`${what}: a control character in ${quoteRemote(name)}`);
  }
  if (name.length > COMPONENT_MAX_BYTES / 4 && Buffer.byteLength(name) > COMPONENT_MAX_BYTES)
    throw new ProtocolError(`${what}: a name longer than ${COMPONENT_MAX_BYTES} bytes`);
  return name;
}

/** The paths of a torrent's files, as they are added. */
export class PathSet {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /** `path`: checked components. */
  add(path: readonly string[]): void {
    const full = path.join('/');
    if (path.length > MAX_PATH_COMPONENTS)
      throw new ProtocolError(`a path of more than ${MAX_PATH_COMPONENTS} names`);
    if (full.length > PATH_MAX_BYTES / 4 && Buffer.byteLength(full) > PATH_MAX_BYTES)
      throw new ProtocolError(`a path longer than ${PATH_MAX_BYTES} bytes`);
    if (this.#files.has(full)) throw new ProtocolError(`the file ${quoteRemote(full)} twice`);
    if (this.#folders.has(full)) throw new ProtocolError(`${quoteRemote(full)} both file and folder`);
    this.#files.add(full);
    // From the innermost folder up: known ones end it, so a folder costs what it takes to state it.
    for (let at = full.lastIndexOf('/'); at > 0; at = full.lastIndexOf('/', at - 1)) {
      const folder = full.slice(0, at);
      if (this.#files.has(folder)) throw new ProtocolError(`${quoteRemote(folder)} both file and folder`);
      if (this.#folders.has(folder)) return;
      if (this.#folders.size === MAX_FOLDERS) throw new ProtocolError(`more than ${MAX_FOLDERS} folders`);
      this.#folders.add(folder);
    }
  }
}

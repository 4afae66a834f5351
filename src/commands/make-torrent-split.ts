/**
 * Which standard torrents an archive's files make: clients cope with some thousand files, a Debian component has 63,000.
 * Files stay in the order of their paths and folders whole; a group ends before a folder whose name's checksum says so
 * (one in some hundred), where another component begins, and when it is full. So where groups end depends on names
 * nearby and nothing else: an update changes the torrents whose files changed, and a folder more or less moves no end but
 * a full group's. Pure, and a function of the files alone.
 */

export interface SplitFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface TorrentGroup<File extends SplitFile> {
  /** Where it begins: the folder of its first file ("pool/main/a/abinit"). Empty where there is one group. */
  readonly stem: string;
  readonly files: readonly File[];
  readonly pieceLength: number;
}

export const GROUP_MAX_FILES = 1500;
export const GROUP_MAX_BYTES = 4 * 2 ** 30;
/** One folder in so many begins a group. */
const FOLDERS_PER_GROUP = 256;
/** A torrent has at most about this many pieces, of at least 64 KiB: a small file is filled up to a whole one. */
const USUAL_PIECES = 8192;
const PIECE_MIN_BYTES = 64 * 1024;
const PIECE_MAX_BYTES = 16 << 20;

/** `files` sorted by path. */
export function splitFiles<File extends SplitFile>(files: readonly File[]): TorrentGroup<File>[] {
  if (files.length <= GROUP_MAX_FILES && sizeOf(files) <= GROUP_MAX_BYTES) return groupsOf('', files);
  const groups: TorrentGroup<File>[] = [];
  let open: File[] = [];
  let openBytes = 0;
  let stem = '';
  const close = () => {
    groups.push(...groupsOf(stem, open));
    open = [];
    openBytes = 0;
  };
  const add = (part: readonly File[], from: string) => {
    if (open.length === 0) stem = from;
    open.push(...part);
    openBytes += sizeOf(part);
  };
  const isFull = (part: readonly File[]) =>
    open.length + part.length > GROUP_MAX_FILES || openBytes + sizeOf(part) > GROUP_MAX_BYTES;

  for (const [folder, part] of folders(files)) {
    const before = open.at(-1)?.path;
    if (before !== undefined && (beginsGroup(folder) || componentOf(before) !== componentOf(`${folder}/`)))
      close();
    if (open.length > 0 && isFull(part)) close();
    if (!isFull(part)) {
      add(part, folder);
      continue;
    }
    // More than a torrent takes in one folder.
    for (const file of part) {
      if (open.length > 0 && isFull([file])) close();
      add([file], file.path);
    }
  }
  close();
  return groups;
}

/** A power of two, for a torrent of so many bytes. */
export function pieceLengthFor(bytes: number): number {
  let length = PIECE_MIN_BYTES;
  while (length < PIECE_MAX_BYTES && bytes > length * USUAL_PIECES) length *= 2;
  return length;
}

/** None for files without a byte: that is no torrent. */
function groupsOf<File extends SplitFile>(stem: string, files: readonly File[]): TorrentGroup<File>[] {
  const bytes = sizeOf(files);
  return bytes === 0 ? [] : [{ stem, files, pieceLength: pieceLengthFor(bytes) }];
}

/** Files that follow each other and lie in one folder. */
function* folders<File extends SplitFile>(files: readonly File[]): Generator<[string, File[]]> {
  let folder = '';
  let part: File[] = [];
  for (const file of files) {
    const own = file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')));
    if (own !== folder && part.length > 0) {
      yield [folder, part];
      part = [];
    }
    folder = own;
    part.push(file);
  }
  if (part.length > 0) yield [folder, part];
}

function beginsGroup(folder: string): boolean {
  return Bun.hash.crc32(folder) % FOLDERS_PER_GROUP === 0;
}

/** "pool/main" */
function componentOf(path: string): string {
  return path.split('/', 2).join('/');
}

function sizeOf(files: readonly SplitFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

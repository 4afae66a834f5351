/**
 * Another name for a file, or a copy of it. A hard link costs no room, and is the file itself: it is made only of one
 * that nobody but its owner may write to, as dpkg's world is (apt replaces files by renaming, it never writes into one).
 * Where the system forbids it (another file system, another's file: fs.protected_hardlinks, proc(5)) a copy is made.
 */
import { constants } from 'node:fs';
import { copyFile, link, lstat } from 'node:fs/promises';

const OTHERS_MAY_WRITE = 0o022;

/** True when it is a copy. Rejects with why there is neither. */
export async function linkOrCopy(source: string, target: string, mayCopy: boolean): Promise<boolean> {
  const { mode } = await lstat(source);
  let reason = 'others may write to it';
  if ((mode & OTHERS_MAY_WRITE) === 0) {
    try {
      await link(source, target);
      return false;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  if (!mayCopy) throw new Error(`it can't be linked: ${reason}`);
  await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  return true;
}

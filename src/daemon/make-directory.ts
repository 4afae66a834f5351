/** A folder of ours that has to be there and usable. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { ConfigError } from '../lib/errors.ts';

/** Makes it where it is missing. `flag` names another one. Throws ConfigError with what to do. */
export function makeDirectory(directory: string, flag: string): void {
  const failed = (verb: string, cause: unknown) => {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = REASONS[code ?? ''] ?? message;
    return new ConfigError(`could not ${verb} ${directory}: ${reason}; give another folder with ${flag}`, {
      cause,
    });
  };
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw failed('make', cause);
  }
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw failed('use', cause);
  }
}

const REASONS: { readonly [code: string]: string } = {
  EACCES: 'this user may not write there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file is in the way',
  EEXIST: 'a file is in the way',
  EROFS: 'the file system is read-only',
};

/** A folder of ours that has to be there and usable. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { ConfigError } from '../lib/errors.ts';

/** Makes it where it is missing. Throws ConfigError with what to do. */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new ConfigError(`could not make ${directory}: ${(cause as Error).message}; give another folder`, {
      cause,
    });
  }
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new ConfigError(`could not use ${directory}: ${(cause as Error).message}; give another folder`, {
      cause,
    });
  }
}

/**
 * A Release as it comes from a mirror: read, verified, and with the file itself. What makes one is refresh.ts; what is
 * done with it is the catalogue's business. Types only.
 */
import type { Location } from './entry.ts';
import type { Release } from './release.ts';
import type { SignatureVerdict } from './signature.ts';

export interface NewRelease {
  /** Of the file it was read from: …/InRelease or …/Release. */
  readonly at: Location;
  readonly release: Release;
  readonly verdict: SignatureVerdict;
  /** The file itself, kept for answering from. */
  readonly bytes: Uint8Array;
  readonly validators: Validators;
}

/** Of a mirror's answer: header values as they came. */
export interface Validators {
  readonly lastModified?: string | undefined;
  readonly etag?: string | undefined;
}

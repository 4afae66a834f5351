/**
 * The error classes that a caller acts on; everything else is a built-in by meaning. Messages say
 * "could not <verb> <object>: <reason>"; `cause` is kept.
 */

/** The command line can't be understood: exit code 2 and a hint. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A setting is unknown or has no sense: exit code 2, names the setting and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A request that we won't serve; `status` is what the client gets (RFC 9110 §15). */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** What a remote sent breaks the protocol: that connection or that answer is dropped, nothing else. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** Something is there but can't be trusted (signature, hash). */
export class UntrustedError extends Error {
  override readonly name = 'UntrustedError';
}

/** The disk doesn't take a file that is too large for memory: the client gets the mirror's answer instead. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError';
}

/** A source can't give what was asked, now: the client gets 502, or 504 when `timedOut`. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly timedOut: boolean;
  constructor(message: string, options?: ErrorOptions & { timedOut?: boolean }) {
    super(message, options);
    this.timedOut = options?.timedOut ?? false;
  }
}

/** What a mirror has under that name isn't what a signed index says: it may be in the middle of an update. */
export class WrongFileError extends UnavailableError {}
